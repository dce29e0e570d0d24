/** What the protocols of model servers have in common. */
import type { Size } from "../engines/port";
import type { Chosen, Signature } from "../engines/signature";

/** The model that a server is asked for. */
export interface ServedModel {
  readonly name: string;
  /** Empty: the one that the server chooses. */
  readonly version: string;
  /** TensorFlow Serving: a version by its label; empty: none. */
  readonly label: string;
  /** TensorFlow Serving: empty is `serving_default`. */
  readonly signature: string;
  /** TensorFlow Serving: `instances`, a list of windows; or `inputs`, one tensor. */
  readonly format: "rows" | "columns";
}

/**
 * Asks the server for JSON.
 * @param path below the server's address
 * @throws Retriable no answer, or not now; Rejected what the server refuses (400), in its words; ConfigError no model server
 */
export type Ask = (method: "GET" | "POST", path: string, body?: unknown) => Promise<unknown>;

export interface Inferred {
  readonly values: Float32Array;
  /** Version that the server says has answered. */
  readonly version?: string;
}

/** What a server says of itself, for a person. */
export interface About {
  readonly server: string;
  readonly versions: string;
}

export interface Protocol {
  readonly engine: "kserve" | "tensorflow-serving";
  about(ask: Ask): Promise<About>;
  /** Tensors of the model. @throws Retriable as well while the model is not ready */
  signature(ask: Ask): Promise<Signature>;
  /** Answers for `count` windows. @throws Retriable when the answer has another shape */
  infer(ask: Ask, chosen: Chosen, windows: Float32Array, count: number, size: Size): Promise<Inferred>;
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Records of a list; none when it is something else. */
export const recordsOf = (value: unknown): Readonly<Record<string, unknown>>[] =>
  Array.isArray(value) ? value.filter(isRecord) : [];

export const textOf = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : "";

/** Numbers of a list, however deep they lie in it; what is none becomes NaN. */
export const numbersOf = (value: unknown): Float32Array =>
  Float32Array.from((Array.isArray(value) ? value.flat(Number.POSITIVE_INFINITY) : [value]) as unknown[], (one) =>
    typeof one === "number" ? one : Number.NaN,
  );
