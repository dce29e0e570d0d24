/** Readings made from a seed: what is to be learnt in them is known. */
import { normal, randomNumbers } from "../../../nodes/lib/forecast/random";
import type { FitWork } from "../../../nodes/lib/forecast/fit";
import type { ForecastMetadata } from "../../../nodes/lib/forecast/metadata";

export const HOUR = 3_600_000;

export interface Made {
  readonly hour: number;
  readonly a: number;
  readonly b: number;
}

/**
 * `a` of the next hour is 0.6 of it now plus twice `b`, and noise; `b` is noise. So half of what persistence does not know
 * stands in the window.
 */
export function madeReadings(hours: number, seed: number, first = 400_000): Made[] {
  const random = randomNumbers(seed);
  let a = 0;
  let b = 0;
  return Array.from({ length: hours }, (_, i) => {
    a = 10 + 0.6 * (a - 10) + 2 * b + 0.5 * normal(random);
    b = normal(random);
    return { hour: first + i, a, b };
  });
}

/** A model of a and b over four hours, one hour and two ahead. */
export const madeTemplate = (changes: Partial<ForecastMetadata> = {}): ForecastMetadata => ({
  name: "made",
  version: "1",
  description: "",
  steps: 4,
  stepLength: HOUR,
  utcOffset: 0,
  fill: 1,
  features: ["a", "b"].map((name) => ({ name, unit: "", min: 0, max: 0 })),
  inputs: ["a", "b"].map((name) => ({ as: "value", of: [name], offset: 0, scale: 1 })),
  outputs: [1, 2].map((horizon) => ({ target: "a", horizon, change: true, offset: 0, scale: 1 })),
  ...changes,
});

/** How the tests train: a second or two. */
export const fast: Omit<FitWork, "template" | "readings"> = {
  shares: { training: 0.7, validation: 0.15 },
  shape: { units: [6], dropout: 0.1 },
  seeds: [1, 2],
  penalties: [1, 10],
  options: { epochs: 3, batch: 32, rate: 1e-3, patience: 3, loss: "mse", clip: 1, average: 0.95, engine: "simd" },
  test: true,
};
