/** Requests to REST APIs of Kafka's surroundings (Connect, schema registries): answers as JSON, errors that say who must act. */
import http from "node:http";
import https from "node:https";
import { ConfigError, Rejected, Retriable } from "./errors";
import type { TlsOptions } from "./fields";

/** What answers there. */
export interface RestServer {
  /** For people: "Kafka Connect". */
  readonly name: string;
  /** An address to enter, such as `http://127.0.0.1:8083`. */
  readonly example: string;
  /** Of bodies; `application/json` when absent. */
  readonly contentType?: string;
  /** Statuses beside 429 and 5xx that pass by themselves. */
  readonly busy: readonly number[];
  /** The server's own words of what is the caller's mistake, whatever its status; undefined when it is none. */
  mistake?(said: string): string | undefined;
}

export interface RestOptions {
  /** Base addresses; the next one is asked when one cannot be reached. */
  readonly urls: readonly string[];
  readonly login?: { readonly user: string; readonly password: string };
  /** Sent as bearer token. */
  readonly token?: string;
  readonly tls?: TlsOptions;
  /** ms that an answer may take. */
  readonly limit?: number;
}

export type Method = "GET" | "PUT" | "POST" | "DELETE";

export interface Rest {
  /**
   * The answer's JSON; undefined when it has none, `null` for 404.
   * @param body sent as JSON
   * @throws Retriable out of reach (`unreachable`), busy or broken (5xx); ConfigError refused login or certificate;
   * Rejected what the server refuses (4xx), in its words
   */
  request(method: Method, path: string, options?: { body?: unknown; signal?: AbortSignal }): Promise<unknown>;
  /** Ends idle connections. */
  close(): void;
}

/** Longest answer that is read, in bytes. */
const longest = 32 * 1024 * 1024;

/** @throws ConfigError for an address that is none */
export function openRest(server: RestServer, { urls, login, token, tls, limit = 60_000 }: RestOptions): Rest {
  const bases = urls.map((url) => baseOf(url, server.example));
  if (bases.length === 0) throw new ConfigError(`Addresses: enter one, such as ${server.example}`);
  const agents = {
    "http:": new http.Agent({ keepAlive: true }),
    "https:": new https.Agent({ keepAlive: true, ...tls }),
  };
  const authorization = login
    ? `Basic ${Buffer.from(`${login.user}:${login.password}`).toString("base64")}`
    : token && `Bearer ${token}`;
  let current = 0;

  const ask = (method: Method, path: string, body: unknown, signal: AbortSignal | undefined): Promise<Answer> => {
    const base = bases[current] as URL;
    const url = new URL(base.pathname.replace(/\/$/u, "") + path, base);
    const text = body === undefined ? undefined : JSON.stringify(body);
    return send(url, text, {
      method,
      agent: agents[url.protocol as keyof typeof agents],
      signal,
      timeout: limit,
      headers: {
        accept: "application/json",
        ...(authorization && { authorization }),
        ...(text !== undefined && {
          "content-type": server.contentType ?? "application/json",
          "content-length": Buffer.byteLength(text),
        }),
      },
    });
  };

  return {
    async request(method, path, { body, signal } = {}) {
      const where = (bases[current] as URL).origin;
      let answer: Answer;
      try {
        answer = await ask(method, path, body, signal);
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        current = (current + 1) % bases.length;
        throw unreachable(`${server.name} at ${where}`, error as NodeJS.ErrnoException);
      }
      return read(server, where, answer, `${method} ${path}`);
    },
    close() {
      agents["http:"].destroy();
      agents["https:"].destroy();
    },
  };
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

function send(
  url: URL,
  body: string | undefined,
  options: http.RequestOptions | https.RequestOptions,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // an undefined signal is not accepted
    if (!options.signal) delete options.signal;
    const request = (url.protocol === "https:" ? https : http).request(url, options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > longest) request.destroy(new Error(`its answer is longer than ${longest} bytes`));
      });
      response.once("error", reject);
      response.once("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          type: response.headers["content-type"] ?? "",
          text: Buffer.concat(chunks).toString("utf8"),
        }),
      );
    });
    request.once("timeout", () => request.destroy(new Error(`no answer within ${(options.timeout ?? 0) / 1000} s`)));
    request.once("error", reject);
    request.end(body);
  });
}

function baseOf(address: string, example: string): URL {
  let url: URL;
  try {
    url = new URL(address);
  } catch (error) {
    throw new ConfigError(`Addresses: "${address}" is no address; enter one such as ${example}`, { cause: error });
  }
  if (url.protocol === "http:" || url.protocol === "https:") return url;
  throw new ConfigError(`Addresses: "${address}" must begin with http:// or https://`);
}

/** Errors of certificates are the user's to solve: trying again does not help. */
function unreachable(where: string, error: NodeJS.ErrnoException): Error {
  const { code = "", message } = error;
  if (/^(?:ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_SSL|EPROTO|HOSTNAME_MISMATCH)/u.test(code)) {
    return new ConfigError(`${where}: TLS failed, check the TLS settings (${message.trim()})`, {
      cause: error,
    });
  }
  return new Retriable(`${where} cannot be reached: ${message || code}`, {
    cause: error,
    unreachable: true,
  });
}

function read(server: RestServer, where: string, { status, type, text }: Answer, what: string): unknown {
  const { name, busy, mistake } = server;
  if (status >= 200 && status < 300) {
    if (text === "") return undefined;
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw new ConfigError(`Addresses: what answers at ${where} is not ${name} (${type || "no content type"})`, {
        cause: error,
      });
    }
  }
  const said = saidBy(text, type) || http.STATUS_CODES[status] || "";
  if (status === 401 || status === 403) {
    throw new ConfigError(`${name} at ${where} refused the login (${status}): check User and Password. ${said}`);
  }
  if (status === 404) {
    // while a Jetty starts it has no paths yet: "HTTP 404 Not Found" instead of "Connector x not found"
    if (isJson(type) && !said.startsWith("HTTP 404")) return null;
    throw new Retriable(`${name} at ${where} is still starting, or another server answers there (404 for ${what})`);
  }
  const theirs = mistake?.(said);
  if (theirs !== undefined) throw new Rejected(`${name} refused it: ${theirs}`);
  if (busy.includes(status) || status === 429 || status >= 500) {
    throw new Retriable(`${name} at ${where} could not do it now (${status}): ${said}`);
  }
  throw new Rejected(`${name} refused it (${status}): ${said}`);
}

const isJson = (type: string): boolean => type.includes("json");

/** The server's own words: `{"error_code": 400, "message": "…"}`. */
function saidBy(text: string, type: string): string {
  if (!isJson(type)) return text.length < 500 && !text.trimStart().startsWith("<") ? text.trim() : "";
  try {
    return readable((JSON.parse(text) as { message?: string }).message ?? "");
  } catch {
    return text.slice(0, 500);
  }
}

/** Shortens the list of plugins that Connect appends to its refusal of an unknown class to the names of their classes. */
const readable = (message: string): string =>
  message.replaceAll(/PluginDesc\{klass=class ([\w.$]+),[^}]*\}/gu, "$1").replaceAll(/\s*\n\s*/gu, " ");
