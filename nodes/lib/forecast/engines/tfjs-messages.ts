/** A TensorFlow.js layers model in memory, as `tf.io` takes it. */
export interface LayersArtifacts {
  readonly modelTopology: unknown;
  readonly weightSpecs: readonly unknown[];
  readonly weightData: ArrayBuffer;
}

/** What the thread is started with. */
export interface TfjsTask {
  /** Path of @tensorflow/tfjs. */
  readonly entry: string;
  /** Path of @tensorflow/tfjs-backend-wasm, where that is installed. */
  readonly wasm: string | undefined;
  readonly artifacts: LayersArtifacts;
}

export type ToTfjs = "end" | { readonly inputs: Float32Array; readonly dims: readonly [number, number, number] };

/** First it is opened, or not; then there is one answer for each question. */
export type FromTfjs =
  | {
      readonly kind: "opened";
      readonly input: readonly number[];
      readonly output: readonly number[];
      readonly backend: string;
    }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "answer"; readonly values: Float32Array }
  | { readonly kind: "failed"; readonly reason: string };
