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
  /** `p50`, `p99.9` …, as asked for. */
  readonly [percentile: `p${number}`]: number | null;
}

/**
 * An aggregate per feature. The sum is Neumaier's compensated one, the deviation Welford's: both hold for long windows.
 * Percentiles (0 to 100) are exact: of all readings, on the straight line between the two nearest ranks (definition 7 of
 * Hyndman and Fan, 1996, as numpy's and Excel's PERCENTILE.INC).
 */
export function aggregatesOf(
  entries: readonly Entry<unknown>[],
  features: readonly Feature[],
  percentiles: readonly number[] = [],
): Record<string, Aggregate> {
  return Object.fromEntries(
    features.map(({ name, read }) => [
      name,
      Object.assign(aggregate(entries, read), percentiles.length > 0 && ranked(entries, read, percentiles)),
    ]),
  );
}

function ranked(
  entries: readonly Entry<unknown>[],
  read: Feature["read"],
  percentiles: readonly number[],
): Record<`p${number}`, number | null> {
  const values = entries.map(({ record }) => numberOf(read(record.payload))).filter((value) => !Number.isNaN(value));
  const sorted = Float64Array.from(values).sort();
  const at = (percent: number): number | null => {
    const place = (percent / 100) * (sorted.length - 1);
    const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
    return low === undefined || high === undefined ? null : low + (high - low) * (place - Math.floor(place));
  };
  return Object.fromEntries(percentiles.map((percent) => [`p${percent}`, at(percent)]));
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
