import { Rejected } from "../errors";
import type { Origin } from "./engines/port";
import { fillGaps, inputMaker } from "./inputs";
import type { ForecastMetadata } from "./metadata";
import { outOfRange } from "./readings";
import { findNotFinite, hasMissing } from "./scan";

/** What the predictor adds to a message. */
export type Forecast = ForecastReady | ForecastMissing;

interface Common {
  readonly model: string;
  readonly version: string;
  readonly key: string;
  /** Event time of the newest reading, ms since the epoch. */
  readonly at: number;
  /** Ms from one reading to the next; 0 while there is no model. */
  readonly step: number;
  /** The targets among the features in the newest reading, or in a late one, as they were read; null: missing. */
  readonly actual: Readonly<Record<string, number | null>>;
}

export interface ForecastReady extends Common, Origin {
  readonly ready: true;
  /** Forecast values by target and horizon: `values["PM2.5"]["6h"]`. */
  readonly values: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Values that the truth stays below in a share of cases, rising with it: `quantiles["PM2.5"]["6h"]["0.9"]`. */
  readonly quantiles?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, number>>>>>>;
  readonly target: readonly string[];
  readonly units: Readonly<Record<string, string>>;
  /** Ms from `at` to the time that is forecast, by horizon. */
  readonly horizons: Readonly<Record<string, number>>;
  /** RMSE of the model on its test readings, by target and horizon; absent where its file says none. */
  readonly testError?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** From the arrival of the message to the answer, ms. */
  latency: number;
  /** Features of the window that had gaps, filled by the model's rule. */
  readonly filled: readonly string[];
  /** Features of the newest reading outside of what the model was trained on. */
  readonly outOfRange: readonly string[];
}

export interface ForecastMissing extends Common {
  readonly ready: false;
  /**
   * `window`: readings are still to come; `missing`: a reading is missing for too long; `late`: the record is; `model`:
   * there is none yet.
   */
  readonly reason: "window" | "missing" | "late" | "model";
  /** Complete steps of the window, of `need`. */
  readonly have: number;
  readonly need: number;
  /** Features that are missing. */
  readonly missing: readonly string[];
}

/** A window ready for the network, or why it is not. */
export type Prepared =
  | { readonly inputs: Float32Array; finish(answers: Float32Array, origin?: Origin): ForecastReady }
  | { readonly lacking: ForecastMissing };

export interface Forecaster {
  /** Rows before the window that its rule for gaps may look at. */
  readonly before: number;
  /**
   * @param rows `[count × features]`, oldest first; its gaps are filled in place
   * @param end event time of the last row, ms
   * @param arrived `performance.now()` when the message came
   * @throws Rejected when a reading is beyond what the network can compute with
   */
  prepare(rows: Float32Array, count: number, end: number, key: string, arrived: number): Prepared;
  /** No forecast for a record that came late. @param reading its features */
  late(end: number, key: string, reading: Float32Array): ForecastMissing;
}

const BUILT_IN: Origin = { engine: "built-in" };

const UNITS: readonly [number, string][] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1_000, "s"],
];

/** A horizon as people say it: `6h`, `15m`; a day is `24h`. */
export function horizonName(ms: number): string {
  const [length, unit] = UNITS.find(([size]) => ms % size === 0 && (size < 86_400_000 || ms > size)) ?? [1, "ms"];
  return `${ms / length}${unit}`;
}

/** Between readings and the network: fills gaps, makes inputs, and turns answers into values of the targets. */
export function forecaster(metadata: ForecastMetadata): Forecaster {
  const { features, steps, stepLength, fill, outputs, inputs } = metadata;
  const width = features.length;
  const prepareInputs = inputMaker(metadata);
  const names = outputs.map(({ horizon }) => horizonName(horizon * stepLength));
  const horizons = Object.fromEntries(outputs.map(({ horizon }, o) => [names[o] as string, horizon * stepLength]));
  const target = [...new Set(outputs.map((output) => output.target))];
  const units = Object.fromEntries(
    target.map((name) => [name, features.find((feature) => feature.name === name)?.unit ?? ""]),
  );
  const columns = outputs.map((output) => features.findIndex((feature) => feature.name === output.target));
  const hasQuantiles = outputs.some(({ quantile }) => quantile !== undefined);
  const testError = testErrors(metadata);
  const read = features.flatMap(({ name }, column) => (target.includes(name) ? [{ name, column }] : []));
  const actualOf = (reading: Float32Array): Common["actual"] =>
    Object.fromEntries(read.map(({ name, column }) => [name, known(reading[column])]));
  const common = (key: string, at: number, actual: Common["actual"]): Common => ({
    model: metadata.name,
    version: metadata.version,
    key,
    at,
    step: stepLength,
    actual,
  });

  function lacking(window: Float32Array, key: string, end: number, actual: Common["actual"]): ForecastMissing {
    const have = completeRows(window, width);
    const last = window.subarray(window.length - width);
    const missing = features.filter((_, i) => Number.isNaN(last[i])).map(({ name }) => name);
    const reason = missing.length ? "missing" : "window";
    return { ready: false, reason, have, need: steps, missing, ...common(key, end, actual) };
  }

  return {
    before: fill,
    late: (end, key, reading) => ({
      ready: false,
      reason: "late",
      have: 0,
      need: steps,
      missing: [],
      ...common(key, end, actualOf(reading)),
    }),
    prepare(rows, count, end, key, arrived) {
      const actual = actualOf(rows.subarray(rows.length - width));
      const gaps = features.map((_, f) => hasMissing(rows, Math.max(0, count - steps) * width + f, rows.length, width));
      fillGaps(rows, width, fill);
      const window = rows.subarray(Math.max(0, count - steps) * width);
      if (count < steps || hasMissing(window)) return { lacking: lacking(window, key, end, actual) };
      const made = new Float32Array(steps * inputs.length);
      prepareInputs(rows, count - steps, steps, end, made, 0);
      const wild = findNotFinite(made);
      if (wild >= 0) {
        const { of = [], as } = inputs[wild % inputs.length] as (typeof inputs)[0];
        throw new Rejected(
          `${of.join(" and ") || as} is too large for the model in step ${Math.floor(wild / inputs.length)} of the window.`,
        );
      }
      const last = window.slice(window.length - width);
      return {
        inputs: made,
        finish(answers, origin = BUILT_IN) {
          const values: Record<string, Record<string, number>> = {};
          const spread: Spread = {};
          for (const [o, output] of outputs.entries()) {
            const raw = output.offset + output.scale * (answers[o] as number);
            const value = raw + (output.change ? (last[columns[o] as number] as number) : 0);
            const name = names[o] as string;
            const bounded = Math.max(value, output.min ?? -Infinity);
            if (output.quantile === undefined) (values[output.target] ??= {})[name] = bounded;
            else ((spread[output.target] ??= {})[name] ??= []).push([output.quantile, bounded]);
          }
          return {
            ready: true,
            values,
            ...(hasQuantiles && { quantiles: rising(spread) }),
            target,
            units,
            horizons,
            ...(testError && { testError }),
            ...common(key, end, actual),
            ...origin,
            latency: performance.now() - arrived,
            filled: features.filter((_, f) => gaps[f]).map(({ name }) => name),
            outOfRange: outOfRange(features, last),
          };
        },
      };
    },
  };
}

const known = (value: number | undefined): number | null => (value === undefined || Number.isNaN(value) ? null : value);

function testErrors({ scores = [], stepLength }: ForecastMetadata): ForecastReady["testError"] {
  const found: Record<string, Record<string, number>> = {};
  for (const { target, horizon, rmse } of scores) (found[target] ??= {})[horizonName(horizon * stepLength)] = rmse;
  return scores.length ? found : undefined;
}

function completeRows(window: Float32Array, width: number): number {
  let complete = 0;
  for (let at = 0; at < window.length; at += width) {
    if (!hasMissing(window, at, at + width)) complete++;
  }
  return complete;
}

type Spread = Record<string, Record<string, [quantile: number, value: number][]>>;

/**
 * Quantiles learnt apart may cross; sorted they are no worse (Chernozhukov, Fernández-Val, Galichon: Quantile and
 * Probability Curves Without Crossing, Econometrica 78, 2010).
 */
function rising(spread: Spread): ForecastReady["quantiles"] & object {
  return Object.fromEntries(
    Object.entries(spread).map(([target, horizons]) => [
      target,
      Object.fromEntries(
        Object.entries(horizons).map(([horizon, pairs]) => {
          const sorted = pairs.map(([, value]) => value).sort((a, b) => a - b);
          const names = pairs.map(([quantile]) => quantile).sort((a, b) => a - b);
          return [horizon, Object.fromEntries(names.map((name, i) => [String(name), sorted[i] as number]))];
        }),
      ),
    ]),
  );
}
