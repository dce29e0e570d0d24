/** What computes a model's network: this pack's own engine, another library, or a server. */

export type EngineName = "built-in" | "tfjs" | "onnxruntime" | "kserve" | "tensorflow-serving";

/** Who has computed an answer. */
export interface Origin {
  readonly engine: EngineName;
  /** The built-in engine, in place of a server that did not answer. */
  readonly fallback?: true;
  /** Version of the model as its server calls it, where it says which one answered. */
  readonly serverVersion?: string;
}

export interface Answers {
  /** `[count × outputs]`; of windows that failed, nothing meaningful. */
  readonly values: Float32Array;
  /** For each window who has computed it, or why nobody has: `Retriable`, `Rejected` or `ConfigError`. */
  readonly origins: readonly (Origin | Error)[];
}

/** Shape of a model, without the first dimension: `[steps × inputs]` to `[outputs]`. */
export interface Size {
  readonly steps: number;
  readonly inputs: number;
  readonly outputs: number;
}

/** A model opened in an engine. It is closed after its last answer, so that another can take its place meanwhile. */
export interface ForecastEngine {
  /** Resolves when it can answer. Rejects with the ConfigError that every `predict` then gives as well. */
  readonly opened: Promise<void>;
  /** Answers for `count` windows `[count × steps × inputs]`; resolves in the order in which it was asked, and never rejects. */
  predict(inputs: Float32Array, count: number): Promise<Answers>;
  /** The node closes: what is under way ends soon, answered or not. */
  hurry(): void;
  /** Resolves when everything asked for is answered and everything opened is closed. */
  close(): Promise<void>;
}

export const answered = (values: Float32Array, count: number, origin: Origin): Answers =>
  new Answered(
    values,
    Array.from({ length: count }, () => origin),
  );

/** A class, as it is made with every answer: see lib/short-lived.ts. */
class Answered implements Answers {
  constructor(
    readonly values: Float32Array,
    readonly origins: readonly Origin[],
  ) {}
}

export const unanswered = (count: number, error: Error): Answers => ({
  values: new Float32Array(0),
  origins: Array<Error>(count).fill(error),
});
