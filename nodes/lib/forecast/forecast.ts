import { Rejected } from "../errors";
import type { Mutable } from "../mutable";
import { shortLived } from "../short-lived";
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
export type Prepared = FullWindow | { readonly lacking: ForecastMissing };

export interface FullWindow {
  readonly inputs: Float32Array;
  finish(answers: Float32Array, origin?: Origin): ForecastReady;
}

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
  const { features, steps, stepLength, fill, outputs, inputs: rules } = metadata;
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
  const setCommon = <T extends Mutable<Common>>(of: T, key: string, at: number, actual: Common["actual"]): T => {
    of.model = metadata.name;
    of.version = metadata.version;
    of.key = key;
    of.at = at;
    of.step = stepLength;
    of.actual = actual;
    return of;
  };
  const common = (key: string, at: number, actual: Common["actual"]): Common =>
    setCommon(shortLived<Common>(), key, at, actual);

  function lacking(window: Float32Array, key: string, end: number, actual: Common["actual"]): ForecastMissing {
    const have = completeRows(window, width);
    const last = window.subarray(window.length - width);
    const missing = features.filter((_, i) => Number.isNaN(last[i])).map(({ name }) => name);
    const reason = missing.length ? "missing" : "window";
    return { ready: false, reason, have, need: steps, missing, ...common(key, end, actual) };
  }

  /** Made of each record: none of it is a literal with properties, see lib/short-lived.ts. */
  class Full implements FullWindow {
    constructor(
      readonly inputs: Float32Array,
      private readonly key: string,
      private readonly end: number,
      private readonly arrived: number,
      private readonly actual: Common["actual"],
      /** The newest reading, with its gaps filled. */
      private readonly last: Float32Array,
      private readonly filled: readonly string[],
    ) {}

    finish(answers: Float32Array, origin = BUILT_IN): ForecastReady {
      const { last } = this;
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
      const forecast = shortLived<ForecastReady>();
      forecast.ready = true;
      forecast.values = values;
      if (hasQuantiles) forecast.quantiles = rising(spread);
      forecast.target = target;
      forecast.units = units;
      forecast.horizons = horizons;
      if (testError) forecast.testError = testError;
      setCommon(forecast, this.key, this.end, this.actual);
      Object.assign(forecast, origin);
      forecast.latency = performance.now() - this.arrived;
      forecast.filled = this.filled;
      forecast.outOfRange = outOfRange(features, last);
      return forecast;
    }
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
      const from = Math.max(0, count - steps) * width;
      const filled = features.flatMap(({ name }, f) => (hasMissing(rows, from + f, rows.length, width) ? [name] : []));
      fillGaps(rows, width, fill);
      if (count < steps || hasMissing(rows, from)) return { lacking: lacking(rows.subarray(from), key, end, actual) };
      const made = new Float32Array(steps * rules.length);
      prepareInputs(rows, count - steps, steps, end, made, 0);
      const wild = findNotFinite(made);
      if (wild >= 0) {
        const { of = [], as } = rules[wild % rules.length] as (typeof rules)[0];
        throw new Rejected(
          `${of.join(" and ") || as} is too large for the model in step ${Math.floor(wild / rules.length)} of the window.`,
        );
      }
      return new Full(made, key, end, arrived, actual, rows.slice(rows.length - width), filled);
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
