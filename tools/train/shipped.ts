import type { Architecture, Tensor } from "../../nodes/lib/forecast/architecture";
import type { ForecastMetadata, InputRule } from "../../nodes/lib/forecast/metadata";
import type { TrainingOptions } from "../../nodes/lib/forecast/training";

/** The shipped model as it is before training: everything here was chosen on the validation part (see models/README.md). */

const unscaled = { offset: 0, scale: 1 };
const value = (name: string): InputRule => ({ as: "value", of: [name], ...unscaled });

/** Minutes from UTC to the stations' local time. */
export const UTC_OFFSET = 480;

export const TEMPLATE: ForecastMetadata = {
  name: "beijing-air",
  version: "1.0.0",
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
export const SEEDS = [1, 2, 3, 4, 5];
export const UNITS = 32;
export const DROPOUT = 0.5;
/** Penalties that ridge regression chooses from, on the validation part. */
export const PENALTIES = [1, 10, 100, 1_000, 10_000];

export const OPTIONS: Omit<TrainingOptions, "seed"> = {
  epochs: 8,
  batch: 128,
  rate: 3e-4,
  patience: 3,
  loss: "mse",
  clip: 1,
  average: 0.995,
  // Not the fastest: the same weights on every Node and processor.
  engine: "simd",
};

/** One network: a linear map of the window, and an LSTM that learns what it leaves over. */
export function memberArchitecture(steps: number, inputs: number, outputs: number): Architecture {
  return {
    input: { name: "window", steps, inputs },
    layers: [
      { kind: "flatten", name: "flat", from: ["window"] },
      { kind: "dense", name: "line", from: ["flat"], units: outputs, activation: "linear" },
      { kind: "lstm", name: "lstm", from: ["window"], units: UNITS, sequences: false },
      { kind: "dropout", name: "dropout", from: ["lstm"], rate: DROPOUT },
      { kind: "dense", name: "rest", from: ["dropout"], units: outputs, activation: "linear" },
      { kind: "add", name: "forecast", from: ["line", "rest"] },
    ],
    output: "forecast",
  };
}

/** The mean of several trained networks as one: their linear maps averaged, their LSTMs side by side. */
export function ensemble(
  members: readonly ReadonlyMap<string, Tensor>[],
  steps: number,
  inputs: number,
  outputs: number,
): { architecture: Architecture; weights: Map<string, Tensor> } {
  const weights = new Map<string, Tensor>();
  for (const part of ["line/kernel", "line/bias"]) {
    const tensors = members.map((member) => member.get(part) as Tensor);
    const { shape, values } = tensors[0] as Tensor;
    const mean = values.map(
      (_, i) => tensors.reduce((sum, one) => sum + (one.values[i] as number), 0) / tensors.length,
    );
    weights.set(part, { shape, values: mean });
  }
  for (const [i, member] of members.entries()) {
    for (const [name, tensor] of member) {
      const [layer = "", part = ""] = name.split("/");
      if (layer !== "line") weights.set(`${layer}_${i + 1}/${part}`, tensor);
    }
  }
  const numbers = members.map((_, i) => i + 1);
  return {
    weights,
    architecture: {
      input: { name: "window", steps, inputs },
      layers: [
        { kind: "flatten", name: "flat", from: ["window"] },
        { kind: "dense", name: "line", from: ["flat"], units: outputs, activation: "linear" },
        ...numbers.flatMap((n) => [
          { kind: "lstm" as const, name: `lstm_${n}`, from: ["window"], units: UNITS, sequences: false },
          {
            kind: "dense" as const,
            name: `rest_${n}`,
            from: [`lstm_${n}`],
            units: outputs,
            activation: "linear" as const,
          },
        ]),
        { kind: "average", name: "rest", from: numbers.map((n) => `rest_${n}`) },
        { kind: "add", name: "forecast", from: ["line", "rest"] },
      ],
      output: "forecast",
    },
  };
}
