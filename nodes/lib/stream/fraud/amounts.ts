/**
 * What amounts a customer is used to: weighted mean and variance of x = ln(1 + amount), where each further amount takes
 * the weight of the earlier ones to `retain` of what it was. The logarithm because amounts spread by factors; the 1 so that
 * an amount of 0, which checks a card, has one. Kept as sums, so that an amount can be taken out again exactly.
 */
import type { Amounts } from "./contract";

/** Someone who always pays the same is still not surprising at a fifth more: the least standard deviation of x. */
const LEAST_DEVIATION = 0.2;

export const NO_AMOUNTS: Amounts = [0, 0, 0, 0, 0];

const of = (amount: number): number => Math.log1p(amount);

/** As if one was learned whose amount is not known: mean and variance stay. */
export function aged([weights, squares, first, second, learned]: Amounts, retain: number): Amounts {
  return [weights * retain, squares * retain * retain, first * retain, second * retain, learned];
}

/** With an amount more. */
export function withAmount(amounts: Amounts, amount: number, retain: number): Amounts {
  const [weights, squares, first, second, learned] = aged(amounts, retain);
  const x = of(amount);
  return [weights + 1, squares + 1, first + x, second + x * x, learned + 1];
}

/**
 * Without an amount that was learned.
 * @param since how many were learned after it
 */
export function withoutAmount(amounts: Amounts, amount: number, since: number, retain: number): Amounts {
  const [weights, squares, first, second, learned] = amounts;
  if (learned <= 1) return NO_AMOUNTS;
  const x = of(amount);
  const weight = retain ** since;
  return [
    Math.max(0, weights - weight),
    Math.max(0, squares - weight * weight),
    first - weight * x,
    Math.max(0, second - weight * x * x),
    learned - 1,
  ];
}

/**
 * How many standard deviations an amount lies above the mean: of a prediction, so that a profile of few amounts
 * surprises less. The variance is that of reliability weights, `(S₂/W − m²) / (1 − W₂/W²)` with W = Σw, W₂ = Σw²
 * (Kish 1965; GNU Scientific Library, Weighted Samples), the prediction's is `(1 + W₂/W²)` times that.
 */
export function surprise(amounts: Amounts, amount: number): { z: number; usual: number } {
  const [weights, squares, first, second] = amounts;
  if (weights <= 0) return { z: 0, usual: 0 };
  const mean = first / weights;
  const share = squares / (weights * weights);
  const spread = Math.max(0, second / weights - mean * mean);
  const variance = share < 1 ? spread / (1 - share) : 0;
  const deviation = Math.max(Math.sqrt(variance), LEAST_DEVIATION) * Math.sqrt(1 + Math.min(1, share));
  return { z: (of(amount) - mean) / deviation, usual: Math.expm1(mean) };
}
