/**
 * The latest readings of a series on a model's grid of steps, as state that one record after the other changes
 * (`lib/state/port.ts`), and the windows that end with each of its records.
 */
import type { Advance, Step } from "../state/port";
import type { StreamRecord } from "../stream/record";

export interface Grid {
  /** Features of a reading. */
  readonly width: number;
  /** Steps of a window, with those before it that its rule for gaps may look at. */
  readonly kept: number;
  /** ms */
  readonly stepLength: number;
}

/** A record as its series takes it. */
export interface Reading extends StreamRecord {
  /** Its features; missing ones are NaN. Kept as it is. */
  readonly payload: Float32Array;
  /** Event time, ms. */
  readonly timestamp: number;
}

/** Readings one step apart, oldest first. Rows are added at the end only, so that windows which end before stay as they were. */
export interface Rows {
  readonly values: Float32Array;
  /** Rows that have been added. */
  used: number;
}

/** A window that ends with a reading. */
export interface Window {
  readonly rows: Rows;
  /** Rows before the newest reading; where fewer than a window has, those before are missing. */
  readonly count: number;
  readonly newest: Float32Array;
}

export interface Series extends Window {
  /** Step of the newest reading, counted from the epoch. */
  readonly latest: number;
  /** Stale readings in a row, each later than the one before, and the last one's step. */
  readonly stale: number;
  readonly staleStep: number;
}

/** What became of a reading: no window where it came late, into its place or before everything kept. */
export interface Joined {
  /** Event time of the record, ms. */
  readonly at: number;
  readonly window?: Window;
}

/** Stale readings, one after the other in time, that show a replay. */
const REPLAYED = 3;

const EMPTY: Rows = { values: new Float32Array(0), used: 0 };

/** Rows that can be added before those of a window are copied: half as many cost a fifth of a window a record. */
export const roomOf = ({ kept }: Grid): number => Math.max(4, Math.ceil(kept / 2));

/**
 * Puts readings in their places, on the nearest step. A reading of the latest step of its series takes the place of what was
 * there. The third of readings before everything kept that follow each other in time begins the series anew: somebody
 * replays it.
 */
export function joinReading(grid: Grid): Advance<Series, Joined, Reading> {
  const { kept, stepLength } = grid;
  return (state, { payload: newest, timestamp: at }) => {
    const step = Math.round(at / stepLength);
    if (!state) return begun(step, newest, at);
    const { latest } = state;
    if (step <= latest - kept) {
      const stale = state.stale > 0 && step > state.staleStep ? state.stale + 1 : 1;
      if (stale >= REPLAYED) return begun(step, newest, at);
      return { state: { ...state, stale, staleStep: step }, result: { at } };
    }
    if (step < latest)
      return { state: seriesOf(latest, filled(grid, state, latest - step, newest), state.newest), result: { at } };
    const next = step === latest ? state : extended(grid, state, step - latest - 1);
    return newestOf(step, next, newest, at);
  };
}

const begun = (step: number, newest: Float32Array, at: number): Step<Series, Joined> =>
  newestOf(step, { rows: EMPTY, count: 0 }, newest, at);

const newestOf = (
  latest: number,
  before: Pick<Window, "rows" | "count">,
  newest: Float32Array,
  at: number,
): Step<Series, Joined> => ({
  state: seriesOf(latest, before, newest),
  result: { at, window: { rows: before.rows, count: before.count, newest } },
});

const seriesOf = (latest: number, { rows, count }: Pick<Window, "rows" | "count">, newest: Float32Array): Series => ({
  latest,
  rows,
  count,
  newest,
  stale: 0,
  staleStep: 0,
});

/** The rows with the newest reading among them, and steps without a reading after it. */
function extended(grid: Grid, { rows, count, newest }: Window, gap: number): Pick<Window, "rows" | "count"> {
  const { width, kept } = grid;
  if (gap >= kept - 1) return { rows: EMPTY, count: 0 };
  const more = 1 + gap;
  // Where another window goes on from here already, its rows are not this one's.
  const fits = rows.used === count && (count + more) * width <= rows.values.length;
  const before = fits ? count : Math.min(count, kept - 1 - more);
  const to = fits ? rows : lastRows(grid, rows, count, before, before + more);
  to.values.set(newest, before * width);
  to.values.fill(Number.NaN, (before + 1) * width, (before + more) * width);
  to.used = before + more;
  return { rows: to, count: before + more };
}

/** The rows with a reading so many steps before the newest one. */
function filled(
  grid: Grid,
  { rows, count }: Window,
  back: number,
  reading: Float32Array,
): Pick<Window, "rows" | "count"> {
  const { width, kept } = grid;
  const there = Math.min(count, kept - 1);
  const missing = Math.max(0, back - there);
  const to: Rows = { values: new Float32Array((missing + there + roomOf(grid)) * width), used: missing + there };
  to.values.fill(Number.NaN, 0, missing * width);
  to.values.set(rows.values.subarray((count - there) * width, count * width), missing * width);
  to.values.set(reading, (to.used - back) * width);
  return { rows: to, count: to.used };
}

/** A copy of the last rows with room for so many, and for those of steps to come. */
function lastRows(grid: Grid, { values }: Rows, count: number, copied: number, needed: number): Rows {
  const { width } = grid;
  const made = new Float32Array((needed + roomOf(grid)) * width);
  made.set(values.subarray((count - copied) * width, count * width));
  return { values: made, used: copied };
}

/** Copies a window, oldest reading first, to `out` (`[kept × features]`); steps without a reading are NaN. */
export function copyWindow({ width, kept }: Grid, { rows, count, newest }: Window, out: Float32Array): void {
  const there = Math.min(count, kept - 1);
  const from = (kept - 1 - there) * width;
  out.fill(Number.NaN, 0, from);
  out.set(rows.values.subarray((count - there) * width, count * width), from);
  out.set(newest, (kept - 1) * width);
}
