import type { FitWork, Plan } from "../../nodes/lib/forecast/fit";
import type { ForecastMetadata, InputRule } from "../../nodes/lib/forecast/metadata";
import type { ResidualShape } from "../../nodes/lib/forecast/residual";
import type { Series } from "../../nodes/lib/forecast/series";
import type { TrainingOptions } from "../../nodes/lib/forecast/training";

/** The shipped model as it is before training: everything here was chosen on the validation part (see models/README.md). */

const unscaled = { offset: 0, scale: 1 };
export const value = (name: string): InputRule => ({ as: "value", of: [name], ...unscaled });
export const log = (name: string): InputRule => ({ as: "log", of: [name], ...unscaled });

/** Minutes from UTC to the stations' local time. */
export const UTC_OFFSET = 480;

export const TEMPLATE: ForecastMetadata = {
  name: "beijing-air",
  version: "1.2.0",
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
    ...["PM2.5", "PM10", "NO2", "CO", "PRES", "WSPM"].map(value),
    ...["PM2.5", "PM10", "NO2", "CO", "RAIN"].map(log),
    { as: "humidity", of: ["TEMP", "DEWP"], ...unscaled },
    { as: "east", of: ["WSPM", "wd"], ...unscaled },
    { as: "north", of: ["WSPM", "wd"], ...unscaled },
    { as: "sine", period: "day", ...unscaled },
    { as: "cosine", period: "day", ...unscaled },
  ],
  outputs: ["PM2.5", "PM10"].flatMap((target) =>
    [1, 6, 24].map((horizon) => ({ target, horizon, change: horizon === 1, min: 0, ...unscaled })),
  ),
};

/** Outputs that are learnt apart: both targets, 1, 6, and 24 hours ahead. */
const [HOUR, SIX, DAY] = [0, 1, 2].map((o) => [o, o + 3]) as [number[], number[], number[]];
/** Numbers of the inputs but these. */
const inputsBut = (...left: readonly string[]): number[] =>
  TEMPLATE.inputs.flatMap(({ as, of, period }, i) => (left.includes(`${as} ${String(of ?? period)}`) ? [] : [i]));
/** Networks without a linear map read NO2 and CO by their logarithms: single high values lead them astray. */
const NO_PEAKS = ["value NO2", "value CO"];
/** What says which season or hour it is, or is over in a day, a network learns by heart rather than anything of a day ahead. */
const FOR_A_DAY = inputsBut(...NO_PEAKS, "value PRES", "value WSPM", "log RAIN", "sine day", "cosine day");

/** Beside the linear map, where a plan has no other. */
export const SHAPE: ResidualShape = { units: [32], dropout: 0.4 };
/** Without it: hours ahead it follows the last readings too far. */
const DIRECT: ResidualShape = { units: [32], dropout: 0.5, line: false };
/** As good as an LSTM beside the linear map for near hours, for a sixth of the work. */
const DENSE: ResidualShape = { layers: "dense", units: [64], dropout: 0.4 };

/** What each network learns, and how. */
export const PLANS: readonly Plan[] = [
  { learnt: HOUR },
  { learnt: HOUR, shape: DENSE, options: { loss: "mae", rate: 2e-3, epochs: 8 } },
  { learnt: HOUR, shape: DENSE, options: { loss: "mae", rate: 2e-3, epochs: 8 } },
  { learnt: SIX, reads: inputsBut(...NO_PEAKS), shape: DIRECT, options: { rate: 1e-3, epochs: 8 } },
  { learnt: SIX, shape: { ...DENSE, units: [64, 32] }, options: { rate: 1e-3, epochs: 8 } },
  { learnt: SIX, shape: DENSE, options: { loss: "mae", rate: 2e-3, epochs: 8 } },
  { learnt: DAY, reads: FOR_A_DAY, shape: DIRECT, options: { rate: 7e-4 } },
  { learnt: DAY, reads: FOR_A_DAY, shape: DIRECT, options: { rate: 7e-4 } },
  { learnt: DAY, reads: inputsBut(...NO_PEAKS), shape: DIRECT, options: { loss: "mae", rate: 4e-4 } },
];
/**
 * A seed for each. Those of LSTMs without a linear map, which differ most from seed to seed, are the best of four (six hours) and of
 * eight (a day) on the validation part.
 */
export const SEEDS = [1, 2, 3, 1, 5, 6, 1, 8, 9];
/** 70 % to train, 15 % to choose, 15 % to score. */
export const SHARES = { training: 0.7, validation: 0.15 };
/** Penalties that ridge regression chooses from, on the validation part. */
export const PENALTIES = [1, 10, 100, 1_000, 10_000];

export const OPTIONS: Omit<TrainingOptions, "seed" | "quantiles"> = {
  epochs: 5,
  batch: 128,
  rate: 8e-4,
  patience: 2,
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
  plans: PLANS,
  penalties: PENALTIES,
  options: OPTIONS,
  test,
});
