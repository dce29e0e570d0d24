/** Running mean and spread of a series: three numbers, whatever has been learned. */

/** JSON can hold it; never changed in place. */
export interface Baseline {
  /** Readings learned. */
  readonly n: number;
  /** In the readings' unit. */
  readonly mean: number;
  /** Mean squared deviation, in the square of the readings' unit. */
  readonly variance: number;
}

/** Below this no spread is told from none, in whatever unit; it keeps scores finite. */
const LEAST = 1e-9;
/** Share of the mean that counts as spread where the readings spread less. */
const RELATIVE = 0.001;

/**
 * Learns a reading.
 *
 * While fewer than `memory` readings are known each weighs the same, and this is Welford's update (Technometrics 4, 1962;
 * Knuth, TAOCP 2, 4.2.2); from then on older ones fade by 1 − 1/memory a reading (West, CACM 22, 1979, with α = 1/memory).
 * Both are `mean += α·d`, `variance = (1 − α)(variance + α·d²)`, where d is the distance from the mean so far.
 *
 * @param memory readings that count; Infinity: all
 */
export function learn(known: Baseline | undefined, value: number, memory = Infinity): Baseline {
  if (!known) return { n: 1, mean: value, variance: 0 };
  const n = known.n + 1;
  const share = 1 / Math.min(n, memory);
  const distance = value - known.mean;
  return {
    n,
    mean: known.mean + share * distance,
    variance: (1 - share) * (known.variance + share * distance * distance),
  };
}

/** Mean and spread of a list, by two passes. The list must not be empty. */
export function baselineOf(values: readonly number[]): Baseline {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) * (value - mean);
  return { n: values.length, mean, variance: squares / values.length };
}

/**
 * Sample standard deviation (Bessel's n − 1), in the readings' unit, and never below `least`: a series that did not move
 * at all while it was learned would make the smallest change an infinite number of sigmas.
 *
 * @param least the sensor's resolution; undefined: a thousandth of the mean
 * @param memory as it was learned with
 */
export function spreadOf(known: Baseline, least: number | undefined, memory = Infinity): number {
  const n = Math.min(known.n, memory);
  const deviation = n > 1 ? Math.sqrt((known.variance * n) / (n - 1)) : 0;
  return Math.max(deviation, least ?? RELATIVE * Math.abs(known.mean), LEAST);
}
