/** An InfluxDB server: 1.x, 2.x and 3.x differ in path, login and words. */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { ConfigError, Rejected, Retriable, messageOf } from "../errors";
import type { TlsOptions } from "../fields";
import { answerOf, type HttpAnswer, HttpClient } from "../http";
import type { Line } from "./points";
import { brokenOff, influxQl, PIECE, rowsOf } from "./rows";
import { type InfluxTarget, LinesRefused } from "./target";
import type { TimeUnit } from "./values";

export interface ServerSettings {
  readonly version: "1" | "2" | "3";
  /** `http://host:8086`, with a path when a proxy wants one. */
  readonly url: string;
  /** 1.x and 3.x */
  readonly database: string;
  /** 1.x; empty: the database's default. */
  readonly retentionPolicy: string;
  readonly user: string;
  readonly password: string;
  /** 2.x */
  readonly org: string;
  readonly bucket: string;
  /** 2.x and 3.x */
  readonly token: string;
  readonly gzip: boolean;
  readonly tls?: TlsOptions | undefined;
  /** ms */
  readonly timeout: number;
}

const compress = promisify(gzip);

/** Shorter bodies are not worth compressing, in bytes. */
const WORTH_COMPRESSING = 1000;

/** @throws ConfigError naming the setting that is missing or wrong */
export function influxServer(settings: ServerSettings): InfluxTarget {
  const base = baseUrl(settings.url);
  const required = (label: string, value: string): string => {
    if (value.trim() === "") throw new ConfigError(`${label} is required for InfluxDB ${settings.version}.x`);
    return value.trim();
  };
  const place = placeOf(settings, required);
  const headers = { "content-type": "text/plain; charset=utf-8", ...loginOf(settings, required) };
  const client = new HttpClient({ tls: settings.tls, timeout: settings.timeout });

  const urlFor = (unit: TimeUnit): URL => {
    const url = new URL(`${base}${place.path}`);
    for (const [name, value] of Object.entries(place.query)) url.searchParams.set(name, value);
    url.searchParams.set(
      "precision",
      settings.version === "1" ? ({ s: "s", ms: "ms", us: "u", ns: "n" } as const)[unit] : unit,
    );
    return url;
  };

  const post = async (text: string, unit: TimeUnit): Promise<HttpAnswer> => {
    const bytes = Buffer.from(text);
    const zipped = settings.gzip && bytes.length >= WORTH_COMPRESSING;
    const body = zipped ? await compress(bytes) : bytes;
    return client.request(urlFor(unit), {
      method: "POST",
      headers: zipped ? { ...headers, "content-encoding": "gzip" } : headers,
      body,
    });
  };

  const where = `${base}, ${place.name}`;
  return {
    address: where,
    async *rows(query, signal) {
      const url = new URL(`${base}/query`);
      const asked = { db: place.database, q: influxQl(query, place.query["rp"] ?? ""), epoch: "ms" };
      for (const [name, value] of Object.entries({ ...asked, chunked: "true", chunk_size: String(PIECE) }))
        url.searchParams.set(name, value);
      const answer = await client.open(url, { method: "GET", headers }, signal);
      if (answer.statusCode === 200) return yield* rowsOf(answer, where);
      const refused = await answerOf(answer).catch((error: unknown) => {
        throw brokenOff(where, error);
      });
      const error = errorOf(refused, where);
      throw error instanceof LinesRefused
        ? new Rejected(`InfluxDB (${where}) does not answer: ${error.message}`)
        : error;
    },
    async write(lines, unit) {
      const answer = await post(textOf(lines), unit);
      if (answer.status === 204 || answer.status === 200) return;
      throw errorOf(answer, where);
    },
    async test() {
      const version = await versionOf(client, base);
      const answer = await post("", "ns").catch((error: unknown) => {
        throw new ConfigError(messageOf(error), { cause: error });
      });
      // 2.x and 3.x check login and bucket before they complain about the empty body
      const fine = answer.status < 300 || (answer.status === 400 && !/not found|unauthorized/i.test(told(answer)));
      if (fine) return { word: "server", version };
      const error = errorOf(answer, where);
      throw new ConfigError(error.message, { cause: error });
    },
    close: () => Promise.resolve(client.close()),
  };
}

const textOf = (lines: readonly Line[]): string => lines.map(({ body, time }) => `${body} ${time}`).join("\n");

function baseUrl(address: string): string {
  const written = address.trim().replace(/\/+$/, "");
  if (!/^https?:\/\//i.test(written) || !URL.canParse(written))
    throw new ConfigError(`Address: "${address}" is not one; enter for example http://127.0.0.1:8086`);
  if (new URL(written).username) throw new ConfigError("Address: enter user and token in their own fields");
  return written;
}

interface WritePlace {
  readonly name: string;
  /** As InfluxQL names it. */
  readonly database: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
}

function placeOf(settings: ServerSettings, required: (label: string, value: string) => string): WritePlace {
  switch (settings.version) {
    case "1": {
      const db = required("Database", settings.database);
      const rp = settings.retentionPolicy.trim();
      return {
        name: `database "${db}"${rp && `, retention policy "${rp}"`}`,
        database: db,
        path: "/write",
        query: rp ? { db, rp } : { db },
      };
    }
    case "2": {
      const org = required("Organization", settings.org);
      const bucket = required("Bucket", settings.bucket);
      return {
        name: `bucket "${bucket}" of "${org}"`,
        database: bucket,
        path: "/api/v2/write",
        query: { org, bucket },
      };
    }
    case "3": {
      const bucket = required("Database", settings.database);
      return { name: `database "${bucket}"`, database: bucket, path: "/api/v2/write", query: { bucket } };
    }
  }
}

function loginOf(settings: ServerSettings, required: (label: string, value: string) => string): Record<string, string> {
  const { version, user, password, token } = settings;
  if (version === "1") {
    if (user === "") return {};
    return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` };
  }
  if (version === "2") return { authorization: `Token ${required("Token", token)}` };
  // a 3.x server may run without logins
  return token === "" ? {} : { authorization: `Bearer ${token}` };
}

async function versionOf(client: HttpClient, base: string): Promise<string> {
  try {
    const answer = await client.request(new URL(`${base}/ping`), { method: "GET" });
    const version = answer.headers["x-influxdb-version"];
    if (version === undefined && answer.status >= 400 && answer.status !== 401)
      throw new ConfigError(`${base} answers ${answer.status} to /ping: is it an InfluxDB?`);
    return String(version ?? "").replace(/^v/, "") || "?";
  } catch (error) {
    throw new ConfigError(messageOf(error), { cause: error });
  }
}

/** What an answer says, in whichever shape the versions use. */
function told(answer: HttpAnswer): string {
  const body = answer.body.toString("utf8").trim();
  try {
    const { error, message, data } = JSON.parse(body) as { error?: unknown; message?: unknown; data?: unknown };
    const detail = Array.isArray(data) ? `: ${JSON.stringify(data[0])}` : "";
    return `${String(message ?? error ?? body)}${detail}`;
  } catch {
    return body || String(answer.headers["x-influxdb-error"] ?? `status ${answer.status}`);
  }
}

const explanations: readonly (readonly [pattern: RegExp, explanation: string])[] = [
  [
    /field type conflict/,
    "a field keeps the type it first had: set this field's type in the node, or write to another measurement",
  ],
  [/beyond retention policy|outside retention/, "its time is older than the database keeps: lengthen the retention"],
  [/unable to parse/, "InfluxDB can't read the line"],
  [/max-values-per-tag|max-series-per-database/, "too many tag values: make it a field"],
];

/** The error for an answer that is no success. */
function errorOf(answer: HttpAnswer, where: string): Retriable | LinesRefused {
  const reason = told(answer);
  const { status } = answer;
  const wait = (advice: string): Retriable =>
    new Retriable(`InfluxDB (${where}) answered ${status}: ${reason}${advice && `; ${advice}`}`, { unreachable: true });
  if (status === 401 || status === 403) return wait("the user or token is refused, or may not do that");
  if (status === 404) return wait("it does not exist: make it or enter another");
  if (status === 413) return new LinesRefused("the request is larger than the server takes", undefined);
  if (status === 408 || status === 429 || status >= 500) return wait("");
  const [, explanation] = explanations.find(([pattern]) => pattern.test(reason)) ?? [];
  const dropped = /dropped=(\d+)/.exec(reason)?.[1];
  return new LinesRefused(
    `${reason}${explanation ? `; ${explanation}` : ""}`,
    dropped === undefined ? undefined : Number(dropped),
  );
}
