import type { FitWork } from "../../nodes/lib/forecast/fit";
import type { Loss } from "../../nodes/lib/forecast/loss";
import type { ForecastMetadata, InputRule } from "../../nodes/lib/forecast/metadata";
import type { ResidualShape } from "../../nodes/lib/forecast/residual";
import type { Series } from "../../nodes/lib/forecast/series";
import type { TrainingOptions } from "../../nodes/lib/forecast/training";

/** The shipped model as it is before training: everything here was chosen on the validation part (see models/README.md). */

const unscaled = { offset: 0, scale: 1 };
const value = (name: string): InputRule => ({ as: "value", of: [name], ...unscaled });

/** Minutes from UTC to the stations' local time. */
export const UTC_OFFSET = 480;

export const TEMPLATE: ForecastMetadata = {
  name: "beijing-air",
  version: "1.1.0",
  description: "PM2.5 and PM10 of the next 1, 6 and 24 hours from the last 24 hours of one air-quality station",
  steps: 24,
  stepLength: 3_600_000,
  utcOffset: UTC_OFFSET,
  fill: 3,
  features: [
    { name: "PM2.5", unit: "µg/m³" },
    { name: "PM10", unit: "µg/m³" },
    { name: "NO2", unit: "µg/m³" },
    { name: "CO", unit: "µg/m³" },
    { name: "TEMP", unit: "°C" },
    { name: "PRES", unit: "hPa" },
    { name: "DEWP", unit: "°C" },
    { name: "RAIN", unit: "mm" },
    { name: "wd", unit: "°", type: "compass" as const },
    { name: "WSPM", unit: "m/s" },
  ].map((feature) => ({ ...feature, min: 0, max: 0 })),
  inputs: [
    ...["PM2.5", "PM10", "NO2", "CO", "PRES", "WSPM", "RAIN"].map(value),
    { as: "log", of: ["PM2.5"], ...unscaled },
    { as: "log", of: ["PM10"], ...unscaled },
    { as: "humidity", of: ["TEMP", "DEWP"], ...unscaled },
    { as: "east", of: ["WSPM", "wd"], ...unscaled },
    { as: "north", of: ["WSPM", "wd"], ...unscaled },
    { as: "sine", period: "day", ...unscaled },
    { as: "cosine", period: "day", ...unscaled },
  ],
  outputs: ["PM2.5", "PM10"].flatMap((target) =>
    [1, 6, 24].map((horizon) => ({ target, horizon, change: true, min: 0, ...unscaled })),
  ),
};

/** Seeds of the networks whose answers are averaged. */
export const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
/** Outputs that are learnt apart: 1, 6 and 24 hours of both targets. */
export const GROUPS = [
  [0, 3],
  [1, 4],
  [2, 5],
];
/** What the networks of a group learn by, in turn. */
export const LOSSES: readonly Loss[] = ["mse", "mae"];
export const SHAPE: ResidualShape = { units: [32], dropout: 0.4 };
/** 70 % to train, 15 % to choose, 15 % to score. */
export const SHARES = { training: 0.7, validation: 0.15 };
/** Penalties that ridge regression chooses from, on the validation part. */
export const PENALTIES = [1, 10, 100, 1_000, 10_000];

export const OPTIONS: Omit<TrainingOptions, "seed" | "quantiles"> = {
  epochs: 5,
  batch: 128,
  rate: 8e-4,
  patience: 1,
  loss: "mse",
  clip: 1,
  average: 0.995,
  // Not the fastest: the same weights on every Node and processor.
  engine: "simd",
};

/** The work of fitting it to stations; with `test` also that of scoring it. */
export const shippedWork = (series: readonly Series[], test: boolean): FitWork => ({
  template: TEMPLATE,
  readings: { series },
  shares: SHARES,
  shape: SHAPE,
  seeds: SEEDS,
  losses: LOSSES,
  groups: GROUPS,
  penalties: PENALTIES,
  options: OPTIONS,
  test,
});
