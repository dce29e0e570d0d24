/** HTTP requests over node:http(s) with keep-alive, own TLS options, redirects left to the caller, and reasons in words. */
import http from "node:http";
import https from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Retriable, asError } from "./errors";
import type { TlsOptions } from "./fields";

export type Body = Uint8Array | readonly Uint8Array[] | AsyncIterable<Uint8Array>;

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface HttpOptions {
  readonly tls?: TlsOptions | undefined;
  /** ms without a byte either way after which a request is given up; 60,000 by default. */
  readonly timeout?: number;
}

/** Answers beyond this are cut off: no server that we ask for metadata says more. */
const LONGEST_ANSWER = 64 * 1024 * 1024;

/** Connections to one or more servers, kept alive between requests. */
export class HttpClient {
  private readonly plain: http.Agent;
  private readonly secure: https.Agent;
  private readonly timeout: number;

  constructor(options: HttpOptions = {}) {
    this.plain = new http.Agent({ keepAlive: true, maxSockets: 16 });
    this.secure = new https.Agent({ ...options.tls, keepAlive: true, maxSockets: 16 });
    this.timeout = options.timeout ?? 60_000;
  }

  /** The whole answer, whatever its status. Throws `Retriable` with `unreachable` when there is none. */
  async request(url: URL, request: HttpRequest, signal?: AbortSignal): Promise<HttpAnswer> {
    const answer = await this.open(url, request, signal);
    try {
      return await answerOf(answer);
    } catch (error) {
      throw unreachable(url, asError(error));
    }
  }

  /** The answer as a stream: its caller reads or destroys it. */
  async open(url: URL, request: HttpRequest, signal?: AbortSignal): Promise<http.IncomingMessage> {
    const secure = url.protocol === "https:";
    const headers: Record<string, string | number> = { ...request.headers };
    const body = request.body instanceof Uint8Array ? [request.body] : request.body;
    if (Array.isArray(body)) headers["content-length"] = body.reduce((sum, part: Uint8Array) => sum + part.length, 0);
    else if (body === undefined && request.method !== "GET" && request.method !== "HEAD") headers["content-length"] = 0;
    const options = { method: request.method, headers, timeout: this.timeout, ...(signal ? { signal } : {}) };
    const outgoing = secure
      ? https.request(url, { ...options, agent: this.secure })
      : http.request(url, { ...options, agent: this.plain });
    try {
      return await new Promise<http.IncomingMessage>((resolve, reject) => {
        outgoing.on("response", resolve);
        outgoing.on("error", reject);
        outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${this.timeout / 1000} s`)));
        if (body === undefined) outgoing.end();
        // a server may answer before it has taken all; then its answer counts
        else pipeline(Readable.from(body), outgoing).catch(reject);
      });
    } catch (error) {
      throw unreachable(url, asError(error));
    }
  }

  close(): void {
    this.plain.destroy();
    this.secure.destroy();
  }
}

/** All of an answer that came as a stream. @throws Error as the connection has it, or when it is too long */
export async function answerOf(stream: http.IncomingMessage): Promise<HttpAnswer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of stream as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > LONGEST_ANSWER) throw new Error(`its answer is longer than ${LONGEST_ANSWER} bytes`);
    parts.push(part);
  }
  return { status: stream.statusCode ?? 0, headers: stream.headers, body: Buffer.concat(parts, length) };
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refuses the connection: is it running, and is the port right?",
  ENOTFOUND: "is not a known host name",
  EAI_AGAIN: "could not be looked up: is the name service reachable?",
  ETIMEDOUT: "does not answer",
  EHOSTUNREACH: "can't be reached from here",
  ENETUNREACH: "can't be reached from here",
  ECONNRESET: "closed the connection",
  EPIPE: "closed the connection",
  EPROTO: "does not speak TLS there: does its address begin with http://?",
  ERR_SSL_WRONG_VERSION_NUMBER: "does not speak TLS there: does its address begin with http://?",
  DEPTH_ZERO_SELF_SIGNED_CERT: "has a self-signed certificate: choose a TLS configuration with its CA",
  SELF_SIGNED_CERT_IN_CHAIN: "has a certificate of an unknown authority: choose a TLS configuration with its CA",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "has a certificate of an unknown authority: choose a TLS configuration with its CA",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "has a certificate of an unknown authority: choose a TLS configuration with its CA",
  CERT_HAS_EXPIRED: "has an expired certificate",
  ERR_TLS_CERT_ALTNAME_INVALID: "has a certificate for another host name",
};

/** Why no answer came, with the address. */
function unreachable(url: URL, error: Error): Error {
  if (error instanceof Retriable || error.name === "AbortError") return error;
  const code = (error as NodeJS.ErrnoException).code ?? "";
  const reason = code.startsWith("HPE_")
    ? "does not speak HTTP there: is it the right port, or does its address begin with https://?"
    : (reasons[code] ?? `can't be asked: ${error.message}`);
  return new Retriable(`${url.protocol}//${url.host} ${reason}`, { cause: error, unreachable: true });
}
