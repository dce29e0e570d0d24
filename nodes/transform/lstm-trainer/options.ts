/** What the settings ask for, as the training library takes it. */
import { ConfigError } from "../../lib/errors";
import type { Settings } from "../../lib/fields";
import { offsetMinutes } from "../../lib/files/columns";
import type { Feature, ForecastMetadata, InputRule, OutputRule } from "../../lib/forecast/metadata";
import type { FitWork } from "../../lib/forecast/fit";
import { duration } from "../../lib/stream/duration";
import type { declaration } from "./declaration";

type TrainerSettings = Settings<typeof declaration.fields>;

/** Penalties that ridge regression chooses from, on the validation part. */
const PENALTIES = [1, 10, 100, 1_000, 10_000];
/** Numbers in a window above which its linear map takes minutes and gigabytes. */
const WIDEST = 2_048;
const LAYERS = 3;
const MOST_UNITS = 512;

const unscaled = { offset: 0, scale: 1 };

/**
 * The model before training.
 * @throws ConfigError naming the setting
 */
export function templateOf(settings: TrainerSettings): ForecastMetadata {
  const { modelName, steps, fill, targets } = settings;
  const stepLength = duration(settings.step, "Step");
  if (stepLength <= 0) throw new ConfigError(`Step: ${settings.step} is no time; write for example 1 h`);
  const features = featuresOf(settings);
  const inputs = inputsOf(settings);
  if (steps * inputs.length > WIDEST) {
    throw new ConfigError(
      `Steps of the window: ${steps} steps of ${inputs.length} inputs are ${steps * inputs.length} numbers, at most ${WIDEST}; take fewer steps or features, or longer steps`,
    );
  }
  const outputs = outputsOf(settings, features, stepLength);
  return {
    name: modelName,
    version: "",
    description: `${targets.join(", ")} in ${settings.horizons.join(", ")} from the last ${steps} steps of ${settings.step}`,
    steps,
    stepLength,
    utcOffset: offsetMinutes(settings.utcOffset),
    fill,
    features,
    inputs,
    outputs,
  };
}

function featuresOf({ features }: TrainerSettings): Feature[] {
  const seen = new Set<string>();
  return features.map(({ feature, unit, as }) => {
    const name = feature.trim();
    if (seen.has(name)) throw new ConfigError(`Features: "${name}" stands there twice`);
    seen.add(name);
    return { name, unit, min: 0, max: 0, ...(as === "wind" && { type: "compass" as const }) };
  });
}

function inputsOf({ features, day, week, year }: TrainerSettings): InputRule[] {
  const inputs = features.flatMap(({ feature, as }, row): InputRule[] => {
    const of = [feature.trim()];
    if (as === "value" || as === "log") return [{ as, of, ...unscaled }];
    if (as === "both")
      return [
        { as: "value", of, ...unscaled },
        { as: "log", of, ...unscaled },
      ];
    const above = features[row - 1];
    if (!above || above.as === "wind") {
      throw new ConfigError(`Features: "${feature}" is a wind direction; put the wind's speed in the row above it`);
    }
    const pair = [above.feature.trim(), feature.trim()];
    return [
      { as: "east", of: pair, ...unscaled },
      { as: "north", of: pair, ...unscaled },
    ];
  });
  const periods = [day && "day", week && "week", year && "year"] as const;
  return [
    ...inputs,
    ...periods.flatMap((period): InputRule[] =>
      period
        ? [
            { as: "sine", period, ...unscaled },
            { as: "cosine", period, ...unscaled },
          ]
        : [],
    ),
  ];
}

function outputsOf(settings: TrainerSettings, features: readonly Feature[], stepLength: number): OutputRule[] {
  const { change, floor } = settings;
  const targets = [...new Set(settings.targets)];
  for (const target of targets) {
    const found = features.find(({ name }) => name === target);
    if (!found) {
      throw new ConfigError(
        `Targets: "${target}" is none of the features ${features.map(({ name }) => name).join(", ")}`,
      );
    }
    if (found.type === "compass") throw new ConfigError(`Targets: "${target}" is a direction, which has no mean`);
  }
  const horizons = [...new Set(settings.horizons.map((one) => horizonSteps(one, stepLength, settings.step)))];
  const quantiles = quantilesOf(settings.quantiles);
  const common = { change, ...(floor !== undefined && { min: floor }), ...unscaled };
  return [undefined, ...quantiles].flatMap((quantile) =>
    targets.flatMap((target) =>
      horizons.map((horizon) => ({ target, horizon, ...common, ...(quantile !== undefined && { quantile }) })),
    ),
  );
}

function horizonSteps(text: string, stepLength: number, step: string): number {
  const steps = duration(text, "Horizons") / stepLength;
  if (steps >= 1 && Number.isInteger(steps)) return steps;
  throw new ConfigError(`Horizons: ${text} is no whole number of steps of ${step}`);
}

function quantilesOf(texts: readonly string[]): number[] {
  const found = texts.map((text) => {
    const quantile = Number(text);
    if (quantile > 0 && quantile < 1) return quantile;
    throw new ConfigError(`Quantiles: "${text}" is not between 0 and 1; write for example 0.1, 0.9`);
  });
  return [...new Set(found)].sort((a, b) => a - b);
}

/** How it is trained. @throws ConfigError naming the setting */
export function fittingOf(
  settings: TrainerSettings,
): Pick<FitWork, "shares" | "shape" | "seeds" | "penalties" | "options"> {
  const { training, validation, networks, epochs, batch, rate, patience, dropout } = settings;
  if (training + validation > 95) {
    throw new ConfigError(
      `Split: ${training} % to train and ${validation} % to choose leave less than 5 % for the scores`,
    );
  }
  const units = settings.units.map((text) => {
    const size = Number(text);
    if (Number.isInteger(size) && size >= 1 && size <= MOST_UNITS) return size;
    throw new ConfigError(`LSTM units: "${text}" is no whole number from 1 to ${MOST_UNITS}`);
  });
  if (units.length > LAYERS) throw new ConfigError(`LSTM units: ${units.length} layers, at most ${LAYERS}`);
  return {
    shares: { training: training / 100, validation: validation / 100 },
    shape: { units, dropout },
    seeds: Array.from({ length: networks }, (_, i) => i + 1),
    penalties: PENALTIES,
    options: { epochs, batch, rate, patience, loss: "mse", clip: 1, average: 0.995 },
  };
}
