/** Signed requests to a bucket of S3 or a server that speaks its API (https://docs.aws.amazon.com/AmazonS3/latest/API/). */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import { sign } from "../../../../vendor/aws4";
import { Retriable } from "../../errors";
import type { HttpAnswer, HttpClient, HttpRequest } from "../../http";
import { StoreError } from "../store";
import type { CredentialSource } from "./credentials";
import { fieldsOf } from "./xml";

export interface S3Options {
  readonly bucket: string;
  /** Begins every key; "" or ends with "/". */
  readonly prefix: string;
  readonly region: string;
  /** `http://host:port` of a server that speaks S3, whose buckets are the first part of its paths; absent: Amazon's. */
  readonly endpoint?: string | undefined;
  readonly credentials: CredentialSource;
  readonly client: HttpClient;
}

export interface S3Request {
  readonly method: HttpRequest["method"];
  /** Below the prefix; absent for the bucket itself. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: readonly Uint8Array[];
  /** A success may turn out to be a failure in the answer's body. */
  readonly mayFailLate?: boolean;
}

const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/gu, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);

/** Bytes that are hashed before others get their turn. */
const PIECE = 4 * 1024 * 1024;

/** SHA-256 in hex: the server compares it with what came. */
const hashOf = async (body: readonly Uint8Array[]): Promise<string> => {
  const hash = createHash("sha256");
  let since = 0;
  for (const part of body)
    for (let at = 0; at < part.length; at += PIECE) {
      const piece = part.subarray(at, at + PIECE);
      if (since > 0 && since + piece.length > PIECE) {
        await nextTurn();
        since = 0;
      }
      hash.update(piece);
      since += piece.length;
    }
  return hash.digest("hex");
};

const REFUSED_KEYS = new Set(["ExpiredToken", "InvalidToken", "InvalidAccessKeyId"]);

const isKeyRefused = ({ status, body }: HttpAnswer): boolean =>
  (status === 400 || status === 403) && REFUSED_KEYS.has(fieldsOf(body.toString("utf8"), "Error")["Code"] ?? "");

export class S3Requests {
  private readonly base: URL;
  /** Of the bucket, without a slash at its end. */
  private readonly path: string;

  constructor(private readonly options: S3Options) {
    const { bucket, region, endpoint } = options;
    // A bucket with dots does not fit Amazon's certificates.
    const byPath = endpoint !== undefined || bucket.includes(".");
    const host = byPath ? `s3.${region}.amazonaws.com` : `${bucket}.s3.${region}.amazonaws.com`;
    this.base = new URL(endpoint ?? `https://${host}`);
    this.path = `${this.base.pathname.replace(/\/$/u, "")}${byPath ? `/${encoded(bucket)}` : ""}`;
  }

  /** What goes into a `x-amz-copy-source` header. */
  source(key: string): string {
    return `/${encoded(this.options.bucket)}/${this.keyPath(key)}`;
  }

  /** The whole answer, whatever its status. @throws StoreError `unreachable` when there is none */
  async ask(request: S3Request): Promise<HttpAnswer> {
    const first = await this.signed(request);
    const answer = await this.reached(() => this.options.client.request(first.url, first.signed));
    if (!isKeyRefused(answer)) return answer;
    // keys of roles end, or are taken back before their time
    const before = await this.options.credentials();
    const now = await this.options.credentials(true);
    if (now.accessKeyId === before.accessKeyId && now.sessionToken === before.sessionToken) return answer;
    const { url, signed } = await this.signed(request);
    return this.reached(() => this.options.client.request(url, signed));
  }

  /** The answer as a stream, whatever its status; the caller reads or destroys it. */
  async open(request: S3Request): Promise<IncomingMessage> {
    const { url, signed } = await this.signed(request);
    return this.reached(() => this.options.client.open(url, signed));
  }

  private async reached<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (error instanceof Retriable) throw new StoreError("unreachable", error.message, { cause: error });
      throw error;
    }
  }

  private keyPath(key: string): string {
    return `${this.options.prefix}${key}`.split("/").map(encoded).join("/");
  }

  private async signed({
    method,
    key,
    query = {},
    headers,
    body,
  }: S3Request): Promise<{ url: URL; signed: HttpRequest }> {
    const { region, credentials } = this.options;
    const { accessKeyId, secretAccessKey, sessionToken } = await credentials();
    const search = Object.entries(query)
      .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
      .join("&");
    const path = `${this.path}${key === undefined ? "/" : `/${this.keyPath(key)}`}${search && `?${search}`}`;
    const hash = await hashOf(body ?? []);
    const request = sign(
      {
        service: "s3",
        region,
        method,
        host: this.base.host,
        path,
        headers: { ...headers, "x-amz-content-sha256": hash },
      },
      { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) },
    );
    const url = new URL(this.base);
    const [pathname = "", ...rest] = path.split("?");
    url.pathname = pathname;
    url.search = rest.join("?");
    return {
      url,
      signed: { method, headers: request.headers as Record<string, string>, ...(body ? { body } : {}) },
    };
  }
}
