/**
 * The published priority weight: `weight = 0; while (fin >= r) { weight++; r += step }`
 * with `fin = |curr − prev| / |prev|`.
 *
 * The loop is stepped over in closed form, `floor((fin − r) / step) + 1`, and is never wrong by the rounding of
 * floating point: 0.1 + 0.1 + 0.1 > 0.3 in doubles, so a loop in doubles would give 20 → 26 the weight 2 instead of 3.
 * A result is that of the loop over the decimal numbers as people write them.
 */

/** Weights above this are given as this. */
export const MAX_WEIGHT = Number.MAX_SAFE_INTEGER;

/** 2⁻⁴⁹: 16 roundings, more than the closed form makes (see the bound at `weightOf`). */
const ROUNDING = 2 ** -49;
/** Below it a double no longer has its full precision, so the bound does not hold. */
const TINY = 1e-290;

/** The weight of a change from `prev` (finite, not 0) to `curr` (finite). */
export type Weight = (curr: number, prev: number) => number;

/**
 * The weight function for threshold `r` and `step`.
 * Throws a `RangeError` when either is not a finite number above 0.
 */
export function weightFunction(r: number, step: number): Weight {
  if (!(r > 0 && Number.isFinite(r))) throw new RangeError(`the threshold must be above 0, it is ${r}`);
  if (!(step > 0 && Number.isFinite(step))) throw new RangeError(`the step must be above 0, it is ${step}`);
  const scale = commonScale([decimal(r), decimal(step)], 0);
  const [rScaled, stepScaled, one] = [scale.integers[0] ?? 0n, scale.integers[1] ?? 0n, 10n ** BigInt(-scale.exponent)];
  const safe = [rScaled, stepScaled, one].every((n) => n <= BigInt(2 ** 40));
  const [rNumber, stepNumber, oneNumber] = [Number(rScaled), Number(stepScaled), Number(one)];

  return function weightOf(curr, prev) {
    const base = Math.abs(prev);
    const fin = Math.abs(curr - prev) / base;
    const loops = (fin - r) / step;
    // Each double is within 2⁻⁵³ of its decimal, and |curr| ≤ |prev|(1 + fin), so `fin` is within (2 + 5 fin)·2⁻⁵³ and
    // `loops` within (2 + 9 fin + 5 r)·2⁻⁵³ / step of the exact quotient.
    const error = (ROUNDING * (1 + fin + r)) / step;
    const most = Math.floor(loops + error);
    if (base >= TINY) {
      if (most < 0) return 0;
      if (Math.floor(loops - error) === most) return most < MAX_WEIGHT ? most + 1 : MAX_WEIGHT;
    }
    // On the border of two weights: decide in whole numbers.
    const c = Math.round(curr * 1e4);
    const p = Math.round(prev * 1e4);
    if (safe && c / 1e4 === curr && p / 1e4 === prev) {
      const change = Math.abs(c - p) * oneNumber;
      const threshold = Math.abs(p) * rNumber;
      const each = Math.abs(p) * stepNumber;
      if (change < 2 ** 53 && threshold < 2 ** 53 && each < 2 ** 53)
        return change < threshold ? 0 : Math.floor((change - threshold) / each) + 1;
    }
    return exactWeight(curr, prev, rScaled, stepScaled, one);
  };
}

function exactWeight(curr: number, prev: number, r: bigint, step: bigint, one: bigint): number {
  const { integers } = commonScale([decimal(curr), decimal(prev)], Infinity);
  const [c = 0n, p = 0n] = integers;
  const base = p < 0n ? -p : p;
  const change = (c > p ? c - p : p - c) * one;
  if (change < r * base) return 0;
  const weight = (change - r * base) / (step * base) + 1n;
  return weight > BigInt(MAX_WEIGHT) ? MAX_WEIGHT : Number(weight);
}

interface Decimal {
  readonly digits: bigint;
  readonly exponent: number;
}

/** The shortest decimal that names the double: the number as a person or a JSON text wrote it. */
function decimal(value: number): Decimal {
  const [mantissa = "0", exponent = "0"] = String(value).split("e");
  const [whole = "0", fraction = ""] = mantissa.split(".");
  return { digits: BigInt(whole + fraction), exponent: Number(exponent) - fraction.length };
}

function commonScale(decimals: readonly Decimal[], highest: number): { integers: bigint[]; exponent: number } {
  const exponent = Math.min(highest, ...decimals.map((d) => d.exponent));
  return { integers: decimals.map((d) => d.digits * 10n ** BigInt(d.exponent - exponent)), exponent };
}
