/** A model on a server: how it is asked, and when it is left alone. */
import { ConfigError, messageOf, Rejected, Retriable } from "../../errors";
import type { TlsOptions } from "../../fields";
import { HttpClient, type HttpAnswer } from "../../http";
import type { Size } from "../engines/port";
import { chooseTensors, type Chosen, type TensorInfo } from "../engines/signature";
import { circuitBreaker, type CircuitBreaker } from "./breaker";
import { kserve } from "./kserve";
import type { Ask, Inferred, Protocol, ServedModel } from "./protocol";
import { tensorflowServing } from "./tensorflow-serving";

export interface ServerSettings {
  readonly protocol: Protocol["engine"];
  /** `http://host:port`, with a path where a gateway wants one. */
  readonly address: string;
  readonly model: ServedModel;
  /** Names of the tensors; empty: the only one there is. */
  readonly tensors: { readonly input: string; readonly output: string };
  /** Header that carries the secret; none when the secret is empty. */
  readonly header: { readonly name: string; readonly secret: string };
  readonly tls: TlsOptions | undefined;
  /** ms without a byte from the server after which a request is given up. */
  readonly timeout: number;
  /** Windows in a request, ms that one waits for others, requests at a time. */
  readonly batch: { readonly size: number; readonly delay: number; readonly parallel: number };
  /** Tries of a request after the first. */
  readonly retries: number;
  /** Failures in a row after which the server is left alone, and ms for how long. */
  readonly breaker: { readonly failures: number; readonly pause: number };
}

/** What a `model server` node gives to those who use it. */
export interface ModelServer {
  readonly engine: Protocol["engine"];
  readonly batch: ServerSettings["batch"];
  readonly retries: number;
  /** Shared by all who ask this server. */
  readonly breaker: CircuitBreaker;
  /** The tensors to ask by, checked against the model's file. @throws ConfigError where they do not fit; Retriable */
  check(size: Size, signal: AbortSignal): Promise<Chosen>;
  /** @throws Retriable, Rejected */
  infer(chosen: Chosen, windows: Float32Array, count: number, size: Size, signal: AbortSignal): Promise<Inferred>;
  /** What is there, for a person. @throws ConfigError, Retriable */
  about(): Promise<{ server: string; model: string; versions: string; input: string; output: string }>;
  close(): void;
}

/** @throws ConfigError naming the setting that is wrong */
export function openModelServer(settings: ServerSettings): ModelServer {
  const { model, tensors, batch, retries, breaker } = settings;
  const base = baseOf(settings.address);
  if (model.name.trim() === "") throw new ConfigError("Model: is required");
  if (model.version !== "" && model.label !== "")
    throw new ConfigError("Version and label: enter one of them, or neither for the newest version.");
  const headers = headersOf(settings.header);
  const protocol = settings.protocol === "kserve" ? kserve(model) : tensorflowServing(model);
  const client = new HttpClient({ tls: settings.tls, timeout: settings.timeout });
  const who = `The model "${model.name}" of ${base}`;

  const asking =
    (signal?: AbortSignal): Ask =>
    async (method, path, body) => {
      const text = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
      let answer: HttpAnswer;
      try {
        answer = await client.request(
          new URL(base + path),
          {
            method,
            headers: { accept: "application/json", ...headers, ...(text && { "content-type": "application/json" }) },
            ...(text && { body: text }),
          },
          signal,
        );
      } catch (error) {
        if (!signal?.aborted) throw error;
        throw new Retriable(`${base} had not answered when the node was closed`, { cause: error, unreachable: true });
      }
      return read(answer, base, `${method} ${path}`);
    };

  return {
    engine: protocol.engine,
    batch,
    retries,
    breaker: circuitBreaker(breaker.failures, breaker.pause),
    async check(size, signal) {
      try {
        return chooseTensors(await protocol.signature(asking(signal)), size, who, tensors);
      } catch (error) {
        // Refused was the question, no record.
        throw error instanceof Rejected ? new ConfigError(error.message, { cause: error }) : error;
      }
    },
    async infer(chosen, windows, count, size, signal) {
      const inferred = await protocol.infer(asking(signal), chosen, windows, count, size);
      if (inferred.values.length === count * size.outputs) return inferred;
      throw new Retriable(
        `${who} answered ${count} windows with ${inferred.values.length} numbers instead of ${count * size.outputs}.`,
      );
    },
    async about() {
      const ask = asking();
      const { server, versions } = await protocol.about(ask);
      const { inputs, outputs } = await protocol.signature(ask);
      return { server, model: model.name, versions, input: listed(inputs), output: listed(outputs) };
    },
    close: () => client.close(),
  };
}

/** `window [any, 24, 16]` */
const listed = (list: readonly TensorInfo[]): string =>
  list
    .map(({ name, shape }) => `${name}${shape ? ` [${shape.map((size) => (size < 0 ? "*" : size)).join(", ")}]` : ""}`)
    .join(", ") || "?";

function baseOf(address: string): string {
  const written = address.trim().replace(/\/+$/u, "");
  if (!/^https?:\/\//iu.test(written) || !URL.canParse(written))
    throw new ConfigError(`Address: "${address}" is not one; enter for example http://127.0.0.1:8080`);
  const { username, search, hash } = new URL(written);
  if (username !== "") throw new ConfigError("Address: enter the login as a header's secret");
  if (search !== "" || hash !== "") throw new ConfigError(`Address: "${address}" must end with a path, or before it`);
  return written;
}

function headersOf({ name, secret }: ServerSettings["header"]): Record<string, string> {
  if (secret === "") return {};
  const called = name.trim();
  if (!/^[\w!#$%&'*+.^`|~-]+$/u.test(called))
    throw new ConfigError(`Header: "${name}" is no header's name; enter for example Authorization`);
  // oxlint-disable-next-line no-control-regex -- what may be in a header's value (RFC 9110 5.5)
  if (!/^[\t\x20-\x7e\x80-\xff]+$/u.test(secret))
    throw new ConfigError("Secret: a header can't hold some of its characters");
  return { [called.toLowerCase()]: secret };
}

/** @throws what the status says, in the server's words */
function read({ status, headers, body }: HttpAnswer, base: string, what: string): unknown {
  const text = body.toString("utf8");
  if (status >= 200 && status < 300) {
    // A server that is ready says so by the status alone.
    if (text.trim() === "") return undefined;
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw new ConfigError(
        `Address: what answers at ${base} is no such model server (${what}: ${headers["content-type"] ?? "no content type"}): ${messageOf(error)}`,
        { cause: error },
      );
    }
  }
  const said = saidBy(text);
  const sentence = `${base} answered ${status} to ${what}${said && `: ${said}`}`;
  const wait = (advice: string): Retriable =>
    new Retriable(`${sentence}${advice && `; ${advice}`}`, { unreachable: true });
  if (status === 401 || status === 403) throw wait("check Header and Secret");
  if (status === 404) throw wait("it has no such model or version, or not yet; check Protocol, Model and Version");
  if (status === 408 || status === 429 || (status >= 502 && status <= 504)) throw wait("");
  if (status >= 500) throw new Retriable(sentence);
  throw new Rejected(sentence);
}

/** `{"error": "…"}` of both protocols, or FastAPI's `{"detail": …}`. */
function saidBy(text: string): string {
  try {
    const { error, detail } = JSON.parse(text) as { error?: unknown; detail?: unknown };
    const said = error ?? detail ?? "";
    return (typeof said === "string" ? said : JSON.stringify(said)).trim().slice(0, 500);
  } catch {
    return text.trimStart().startsWith("<") ? "" : text.trim().slice(0, 500);
  }
}
