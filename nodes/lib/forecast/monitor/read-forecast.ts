import { Rejected } from "../../errors";
import { describe } from "../../stream/path";
import { isObject, type StreamRecord } from "../../stream/record";
import { eventTime, readingReader } from "../readings";

/** One forecast of a message: of a target, so far ahead. */
export interface ToldSeries {
  readonly target: string;
  /** Its name, such as `6h`. */
  readonly horizon: string;
  /** The same in steps. */
  readonly ahead: number;
  readonly value: number;
  /** The outermost quantiles, where there are two, and the share of truths that belongs between them. */
  readonly band?: { readonly lower: number; readonly upper: number; readonly nominal: number };
  /** RMSE on the model's test readings. */
  readonly testError?: number;
}

/** What a message says of forecasts and of what came true; as JSON can hold it. */
export interface Told {
  readonly key: string;
  readonly model: string;
  readonly version: string;
  /** Event time of the reading, ms since the epoch. */
  readonly at: number;
  /** Ms from one reading to the next; 0: the message doesn't say. */
  readonly step: number;
  /** Empty where there is no forecast. */
  readonly series: readonly ToldSeries[];
  /** What the targets are at `at`; null: missing. */
  readonly actual: Readonly<Record<string, number | null>>;
}

/** Most targets and horizons of a model: a bound for memory, far above what models say. */
export const MOST_SERIES = 1_000;

/**
 * Reads `msg.forecast` as lstm-predictor adds it. Where it does not say what the targets were, the payload's properties
 * of their names do.
 * @throws Rejected when it is missing or no forecast, or a target is no number
 */
export function readForecast(record: StreamRecord): Told {
  const { forecast } = record;
  if (!isObject(forecast))
    throw new Rejected(`msg.forecast is ${describe(forecast)}; connect the outputs of lstm predictor`);
  const at = eventTime(forecast["at"]) ?? eventTime(record.timestamp);
  if (at === undefined) throw new Rejected("msg.forecast.at is missing; it must be the time of the newest reading");
  const series = forecast["ready"] === false ? [] : seriesOf(forecast);
  const told = Number(forecast["step"]);
  const actual = { ...(isObject(forecast["actual"]) && (forecast["actual"] as Told["actual"])) };
  const unread = [...new Set(series.map(({ target }) => target))].filter((target) => actual[target] === undefined);
  return {
    key: textOf(forecast["key"]),
    model: textOf(forecast["model"]),
    version: textOf(forecast["version"]),
    at,
    step: told > 0 && Number.isFinite(told) ? told : stepOf(forecast["horizons"], series),
    series,
    actual: { ...actual, ...fromPayload(record.payload, unread) },
  };
}

const textOf = (value: unknown): string => (value === undefined || value === null ? "" : String(value));

/**
 * What targets are in a payload, null where they are missing.
 * @throws Rejected when one is no number
 */
export function fromPayload(payload: unknown, targets: readonly string[]): Record<string, number | null> {
  if (!targets.length || !isObject(payload)) return {};
  const reader = readingReader(targets.map((name) => ({ name, unit: "", min: 0, max: 0 })));
  return Object.fromEntries(
    targets.map((name, index) => {
      const value = reader.value(index, payload[name]);
      return [name, Number.isNaN(value) ? null : value];
    }),
  );
}

function numberAt(value: unknown, where: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new Rejected(`msg.forecast.${where} is ${describe(value)}; it must be a number`);
}

function objectAt(value: unknown, where: string): Record<string, unknown> {
  if (isObject(value)) return value;
  throw new Rejected(`msg.forecast.${where} is ${describe(value)}; it must be an object`);
}

const within = (value: unknown, ...names: readonly string[]): unknown =>
  names.reduce<unknown>((one, name) => (isObject(one) ? one[name] : undefined), value);

function seriesOf(forecast: Record<string, unknown>): ToldSeries[] {
  const values = objectAt(forecast["values"], "values");
  const horizons = objectAt(forecast["horizons"], "horizons");
  const found = Object.entries(values).flatMap(([target, ofTarget]) =>
    Object.entries(objectAt(ofTarget, `values["${target}"]`)).map(([horizon, value]) => ({ target, horizon, value })),
  );
  if (found.length > MOST_SERIES)
    throw new Rejected(`msg.forecast.values holds ${found.length} forecasts; at most ${MOST_SERIES} are watched`);
  const step = Number(forecast["step"]) || common(Object.values(horizons));
  return found.map(({ target, horizon, value }) => {
    const ms = numberAt(horizons[horizon], `horizons["${horizon}"]`);
    const ahead = Math.round(ms / step);
    if (!(ahead >= 1))
      throw new Rejected(`msg.forecast.horizons["${horizon}"] is ${ms} ms; it must be a step (${step} ms) or more`);
    const band = bandOf(within(forecast["quantiles"], target, horizon));
    const testError = within(forecast["testError"], target, horizon);
    return {
      target,
      horizon,
      ahead,
      value: numberAt(value, `values["${target}"]["${horizon}"]`),
      ...(band && { band }),
      ...(typeof testError === "number" && testError > 0 && Number.isFinite(testError) && { testError }),
    };
  });
}

function bandOf(quantiles: unknown): ToldSeries["band"] {
  if (!isObject(quantiles)) return undefined;
  const shares = Object.keys(quantiles)
    .map((name) => [Number(name), quantiles[name]] as const)
    .filter((pair): pair is [number, number] => pair[0] > 0 && pair[0] < 1 && Number.isFinite(pair[1]))
    .sort(([a], [b]) => a - b);
  const [first, last] = [shares[0], shares.at(-1)];
  if (!first || !last || first === last) return undefined;
  return { lower: first[1], upper: last[1], nominal: Number((last[0] - first[0]).toPrecision(9)) };
}

const stepOf = (horizons: unknown, series: readonly ToldSeries[]): number =>
  series.length && isObject(horizons) ? common(Object.values(horizons)) : 0;

/** The largest step, ms, that all horizons are whole numbers of. */
function common(horizons: readonly unknown[]): number {
  const divisor = (a: number, b: number): number => (b < 1 ? a : divisor(b, a % b));
  return horizons.reduce<number>((step, ms) => divisor(Math.max(0, Math.round(Number(ms)) || 0), step), 0) || 1;
}
