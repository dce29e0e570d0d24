import type { Architecture, Weights } from "./architecture";
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
    };
