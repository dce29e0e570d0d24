/**
 * Forecasts of one model for one key that are still to come true, on the model's grid of steps. Times are numbers of steps
 * since the epoch. All of it is JSON, and nothing is changed in place.
 */
import type { Told } from "./read-forecast";

/** A forecast that has not come true: when it would, and the last value when it was made; null where there is none. */
export type Pending = readonly [
  due: number,
  value: number,
  lower: number | null,
  upper: number | null,
  last: number | null,
];

/** For the picture. */
export type Past = readonly [
  due: number,
  value: number,
  lower: number | null,
  upper: number | null,
  actual: number | null,
];

/** A forecast that came true; `last`: the value when it was made, which persistence would have said. */
export type Scored = readonly [...Pending, actual: number];

export interface TrackSeries {
  readonly target: string;
  readonly horizon: string;
  readonly ahead: number;
  /** Share of truths that belongs between lower and upper. */
  readonly nominal: number | null;
  /** Rising. */
  readonly pending: readonly Pending[];
  /** Rising; the latest only. */
  readonly past: readonly Past[];
}

/** A step and what each of the targets was. */
type Reading = readonly [step: number, ...values: (number | null)[]];

export interface Track {
  readonly model: string;
  readonly version: string;
  /** Ms. */
  readonly step: number;
  /** The latest reading. */
  readonly newest: number;
  readonly targets: readonly string[];
  /** The latest, rising. */
  readonly readings: readonly Reading[];
  readonly series: readonly TrackSeries[];
}

export interface TrackBounds {
  /** Steps that a reading may come late; after that its forecast is missed. */
  readonly late: number;
  /** Points of the picture that are kept of each series. */
  readonly points: number;
}

/** What a message made of a track's series, by their place. */
export interface TrackStep {
  readonly track: Track;
  readonly scored: readonly (readonly [series: number, ...Scored])[];
  /** Forecasts whose reading has not come, and is not waited for any more. */
  readonly missed: readonly (readonly [series: number, due: number])[];
  /** The reading is older than what may come late. */
  readonly stale: boolean;
}

/** A track for what a message forecasts; it has no reading yet. */
export const emptyTrack = (told: Told): Track => ({
  model: told.model,
  version: told.version,
  step: told.step,
  newest: Math.round(told.at / told.step) - 1,
  targets: [],
  readings: [],
  series: [],
});

/** Takes a message's reading and, where `forecasts`, its forecasts. */
export function advanceTrack(track: Track, told: Told, forecasts: boolean, bounds: TrackBounds): TrackStep {
  const at = Math.round(told.at / track.step);
  const newest = Math.max(track.newest, at);
  const oldest = newest - bounds.late;
  if (at < oldest) return { track, scored: [], missed: [], stale: true };
  const shaped = forecasts ? withSeries(track, told) : track;
  const readings = withReading(shaped, told, at, oldest);
  const scored: [number, ...Scored][] = [];
  const missed: [number, number][] = [];
  const series = shaped.series.map((one, index) => {
    const column = shaped.targets.indexOf(one.target) + 1;
    const actualAt = (step: number): number | null => readings.find(([of]) => of === step)?.[column] ?? null;
    const pending: Pending[] = [];
    const past = [...one.past];
    for (const forecast of forecasts ? withForecast(one, told, at) : one.pending) {
      const [due] = forecast;
      const actual = due <= newest && due >= oldest ? actualAt(due) : null;
      if (actual !== null) scored.push([index, ...forecast, actual]);
      else if (due < oldest) missed.push([index, due]);
      else {
        pending.push(forecast);
        continue;
      }
      const [, value, lower, upper] = forecast;
      put(past, [due, short(value), shortOf(lower), shortOf(upper), shortOf(actual)]);
    }
    return { ...one, pending, past: past.slice(Math.max(0, past.length - bounds.points)) };
  });
  return { track: { ...shaped, newest, readings, series }, scored, missed, stale: false };
}

/** With the series that a message forecasts; others go when their forecasts have come true. */
function withSeries(track: Track, told: Told): Track {
  const isTold = (one: TrackSeries): boolean =>
    told.series.some(({ target, ahead }) => target === one.target && ahead === one.ahead);
  const series = told.series.map(({ target, horizon, ahead, band }): TrackSeries => {
    const nominal = band?.nominal ?? null;
    const found = track.series.find((one) => one.target === target && one.ahead === ahead);
    return found ? { ...found, horizon, nominal } : { target, horizon, ahead, nominal, pending: [], past: [] };
  });
  series.push(...track.series.filter((one) => one.pending.length > 0 && !isTold(one)));
  const targets = [...new Set(series.map(({ target }) => target))];
  if (targets.join("\0") === track.targets.join("\0")) return { ...track, series };
  const readings = track.readings.map(([step, ...values]): Reading => [
    step,
    ...targets.map((name) => values[track.targets.indexOf(name)] ?? null),
  ]);
  return { ...track, targets, readings, series };
}

/** The latest readings with this one; the first reading of a step counts, as its forecasts are scored by then. */
function withReading(track: Track, told: Told, at: number, oldest: number): Reading[] {
  const before = track.readings.find(([step]) => step === at);
  const values = track.targets.map((target, i) => before?.[i + 1] ?? told.actual[target] ?? null);
  const readings = track.readings.filter(([step]) => step !== at && step >= oldest);
  put(readings, [at, ...values]);
  return readings;
}

function withForecast(one: TrackSeries, told: Told, at: number): readonly Pending[] {
  const forecast = told.series.find(({ target, ahead }) => target === one.target && ahead === one.ahead);
  if (!forecast) return one.pending;
  const { value, band } = forecast;
  const due = at + one.ahead;
  const pending = one.pending.filter(([of]) => of !== due);
  put(pending, [due, value, band?.lower ?? null, band?.upper ?? null, told.actual[one.target] ?? null]);
  return pending;
}

/** Puts an entry into its place in a rising list; usually at the end. */
function put<T extends readonly [number, ...unknown[]]>(list: T[], entry: T): void {
  let place = list.length;
  while (place > 0 && (list[place - 1] as T)[0] > entry[0]) place--;
  list.splice(place, 0, entry);
}

/** Six digits are more than a picture shows. */
const short = (value: number): number => Number(value.toPrecision(6));
const shortOf = (value: number | null): number | null => (value === null ? null : short(value));
