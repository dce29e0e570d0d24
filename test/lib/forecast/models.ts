import type { Architecture, Tensor } from "../../../nodes/lib/forecast/architecture";
import type { ForecastMetadata } from "../../../nodes/lib/forecast/metadata";
import type { Model } from "../../../nodes/lib/forecast/model-file";
import { initialWeights } from "../../../nodes/lib/forecast/random";
import { simple } from "./architectures";
import { referenceOutput } from "./reference";

/** Metadata of a model that reads features as they are, and answers the change of the first and the second itself. */
export function metadataOf(
  features: readonly string[],
  steps: number,
  changes: Partial<ForecastMetadata> = {},
): ForecastMetadata {
  const [first = "", second = first] = features;
  return {
    name: "test",
    version: "1.0.0",
    description: "",
    steps,
    stepLength: 3_600_000,
    utcOffset: 0,
    fill: 2,
    features: features.map((name) => ({ name, unit: "", min: -1000, max: 1000 })),
    inputs: features.map((name) => ({ as: "value", of: [name], offset: 0, scale: 1 })),
    outputs: [
      { target: first, horizon: 1, change: true, offset: 1, scale: 2 },
      { target: second, horizon: 2, change: false, offset: 1, scale: 2 },
    ],
    ...changes,
  };
}

/** A model of two features over four steps with weights from a seed; its version is the seed. */
export function testModel(seed = 1, steps = 4): Model {
  const architecture: Architecture = simple(steps, 2, 5, 2);
  const weights: Map<string, Tensor> = initialWeights(architecture, seed);
  return { architecture, weights, metadata: metadataOf(["a", "b"], steps, { version: String(seed) }) };
}

/** What the test model forecasts for a window `[steps][2]`, by the reference computation. */
export function referenceForecast(
  { architecture, weights, metadata }: Model,
  window: readonly (readonly number[])[],
): number[] {
  const answers = referenceOutput(architecture, weights, window.flat());
  const last = window.at(-1) as number[];
  return metadata.outputs.map(
    ({ change, offset, scale }, o) => (change ? (last[0] as number) : 0) + offset + scale * (answers[o] as number),
  );
}
