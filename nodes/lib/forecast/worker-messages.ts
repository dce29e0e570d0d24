import type { Architecture, Weights } from "./architecture";
import type { FitWork } from "./fit";
import type { Samples, TrainingOptions } from "./training";

/** What a worker is started for. */
export type WorkerTask =
  | { readonly kind: "predict"; readonly architecture: Architecture; readonly weights: Weights }
  | {
      readonly kind: "train";
      readonly architecture: Architecture;
      readonly start: Weights;
      readonly training: Samples;
      readonly validation: Samples;
      readonly options: TrainingOptions;
      /** Shared: 1 once training is to stop. */
      readonly cancelled: Int32Array;
    }
  | { readonly kind: "fit"; readonly work: FitWork; readonly cancelled: Int32Array };

/** What a working thread says: how far it is, then what came out. */
export type FromWorker<Told, Result> =
  { readonly told: Told } | { readonly result: Result } | { readonly failed: string };

/** What a predicting worker is told. */
export type ToWorker = "end" | { readonly inputs: Float32Array; readonly count: number };

/**
 * How long a worker idles before it ends, in ms. Workers end by themselves and are never terminated: Node 20 aborts the
 * whole process when a thread ends while V8 compiles for it in the background (NodePlatform::ForIsolate).
 */
export const LINGER = 1_000;
