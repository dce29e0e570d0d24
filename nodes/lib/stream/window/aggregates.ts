/** Sums of a window's readings, folded in the window's order: the same records give the same bytes. */
import type { Entry } from "./entry";
import { numberOf } from "./shape";
import type { Feature } from "./shape";

export interface Aggregate {
  /** Readings that were numbers; with 0 the rest is null. */
  readonly count: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  readonly sum: number | null;
  readonly first: number | null;
  readonly last: number | null;
  /** Sample standard deviation (n − 1); null with fewer than two readings. */
  readonly stddev: number | null;
}

/** An aggregate per feature. The sum is Neumaier's compensated one, the deviation Welford's: both hold for long windows. */
export function aggregatesOf(
  entries: readonly Entry<unknown>[],
  features: readonly Feature[],
): Record<string, Aggregate> {
  return Object.fromEntries(features.map(({ name, read }) => [name, aggregate(entries, read)]));
}

function aggregate(entries: readonly Entry<unknown>[], read: Feature["read"]): Aggregate {
  let [count, min, max, sum, lost, mean, squares, first, last] = [0, Infinity, -Infinity, 0, 0, 0, 0, NaN, NaN];
  for (const { record } of entries) {
    const value = numberOf(read(record.payload));
    if (Number.isNaN(value)) continue;
    if (count === 0) first = value;
    last = value;
    count++;
    if (value < min) min = value;
    if (value > max) max = value;
    const next = sum + value;
    lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    sum = next;
    const before = value - mean;
    mean += before / count;
    squares += before * (value - mean);
  }
  if (count === 0) return { count, min: null, max: null, mean: null, sum: null, first: null, last: null, stddev: null };
  const total = sum + lost;
  const stddev = count > 1 ? Math.sqrt(squares / (count - 1)) : null;
  return { count, min, max, mean: total / count, sum: total, first, last, stddev };
}
