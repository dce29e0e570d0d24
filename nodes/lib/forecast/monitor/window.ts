/**
 * Scores of a model's latest forecasts, in blocks of time: a window of them is as large as it is long, however many keys are
 * scored, and does not depend on the order in which they came.
 */
import type { Scored } from "./track";

/** Sums over the forecasts that came true in one block. */
export type Block = readonly [
  number: number,
  count: number,
  error: number,
  absolute: number,
  square: number,
  /** Those with a last value: their own squares, and the errors of persistence. */
  paired: number,
  pairedSquare: number,
  lastAbsolute: number,
  lastSquare: number,
  /** Those with a band, and truths within it. */
  banded: number,
  inside: number,
  missed: number,
];

/** Blocks of a window. */
export const BLOCKS = 30;

/** Steps of a block. @param window steps */
export const blockLength = (window: number): number => Math.max(1, Math.ceil(window / BLOCKS));

/** The blocks with a forecast that came true; those older than the window leave. */
export function withScore(blocks: readonly Block[], scored: Scored, window: number): readonly Block[] {
  const [due, value, lower, upper, last, actual] = scored;
  const error = value - actual;
  const others = last === null ? 0 : last - actual;
  const paired = last === null ? 0 : 1;
  const banded = lower !== null && upper !== null ? 1 : 0;
  const inside = banded && actual >= (lower as number) && actual <= (upper as number) ? 1 : 0;
  const square = error * error;
  return added(blocks, Math.floor(due / blockLength(window)), [
    1,
    error,
    Math.abs(error),
    square,
    paired,
    paired * square,
    Math.abs(others),
    others * others,
    banded,
    inside,
    0,
  ]);
}

/** The same with a forecast whose reading never came. */
export const withMissed = (blocks: readonly Block[], due: number, window: number): readonly Block[] =>
  added(blocks, Math.floor(due / blockLength(window)), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

function added(blocks: readonly Block[], number: number, amounts: readonly number[]): readonly Block[] {
  const newest = Math.max(number, blocks.at(-1)?.[0] ?? number);
  if (number <= newest - BLOCKS) return blocks;
  const kept = blocks.filter(([of]) => of > newest - BLOCKS);
  const place = kept.findIndex(([of]) => of >= number);
  const at = place < 0 ? kept.length : place;
  const before = kept[at]?.[0] === number ? kept[at] : undefined;
  const next = [number, ...amounts.map((amount, i) => amount + (before?.[i + 1] ?? 0))] as unknown as Block;
  kept.splice(at, before ? 1 : 0, next);
  return kept;
}

/** Errors in the target's unit over the window; those of persistence over the forecasts that had a last value. */
export interface Figures {
  /** Forecasts that came true, and those whose reading never came. */
  readonly count: number;
  readonly missed: number;
  readonly mae: number;
  readonly rmse: number;
  /** Mean of forecast − actual. */
  readonly bias: number;
  readonly persistence: { readonly mae: number; readonly rmse: number } | null;
  /** 1 − MSE / MSE of persistence (Murphy, Monthly Weather Review 116, 1988): 0 is no better; null: unknown. */
  readonly skill: number | null;
  /** Share of truths within the band. */
  readonly coverage: number | null;
  readonly nominal: number | null;
}

/** undefined: nothing has come true. */
export function figuresOf(blocks: readonly Block[], nominal: number | null): Figures | undefined {
  const sums = Array<number>(12).fill(0);
  for (const block of blocks) for (let i = 1; i < 12; i++) sums[i] = (sums[i] as number) + (block[i] as number);
  const [, count, error, absolute, square, paired, pairedSquare, lastAbsolute, lastSquare, banded, inside, missed] =
    sums as unknown as Block;
  if (count === 0) return undefined;
  return {
    count,
    missed,
    mae: absolute / count,
    rmse: Math.sqrt(square / count),
    bias: error / count,
    persistence: paired ? { mae: lastAbsolute / paired, rmse: Math.sqrt(lastSquare / paired) } : null,
    skill: lastSquare > 0 ? 1 - pairedSquare / lastSquare : null,
    coverage: banded ? inside / banded : null,
    nominal: banded ? nominal : null,
  };
}

/** Blocks in which something came true. */
export const filled = (blocks: readonly Block[]): number => blocks.filter(([, count]) => count > 0).length;

/** By how many standard errors the model is worse than persistence: the mean difference of squared errors. */
export function worseThanPersistence(blocks: readonly Block[], ahead: number, window: number): number | undefined {
  const pairs = blocks.map(([, , , , , n, own, , last]) => [n, own - last] as const);
  return beyondChance(pairs, 0, 0, lagsOf(ahead, window));
}

/** By how many standard errors the share of truths within the band is off what it should be; negative: too few. */
export function bandOff(blocks: readonly Block[], nominal: number, ahead: number, window: number): number | undefined {
  const pairs = blocks.map((block) => [block[9], block[10]] as const);
  return beyondChance(pairs, nominal, nominal * (1 - nominal), lagsOf(ahead, window));
}

/** Errors of forecasts h steps ahead go together over h steps and more: so many blocks further, at least two. */
const lagsOf = (ahead: number, window: number): number => Math.ceil(ahead / blockLength(window)) + 2;

/** Blocks for each lag, below which a standard error says nothing. */
const PER_LAG = 2;
/** Further than this is as far as anything. */
const FAR = 99;

/**
 * Standard errors from the mean of all to `expected`. As errors come in runs, the standard error is that of sums of blocks,
 * with what blocks have in common (Newey and West, Econometrica 55, 1987; for forecasts Diebold and Mariano, Journal of
 * Business & Economic Statistics 13, 1995), and not below that of independent draws.
 *
 * @param blocks how many, and their sum
 * @param variance of one draw
 */
function beyondChance(
  blocks: readonly (readonly [count: number, sum: number])[],
  expected: number,
  variance: number,
  lags: number,
): number | undefined {
  const used = blocks.filter(([count]) => count > 0);
  if (used.length < PER_LAG * lags) return undefined;
  const count = used.reduce((total, [n]) => total + n, 0);
  const total = used.reduce((all, [, sum]) => all + sum, 0);
  const away = total - count * expected;
  if (away === 0) return 0;
  const rest = used.map(([n, sum]) => sum - (n * total) / count);
  let spread = rest.reduce((all, r) => all + r * r, 0);
  for (let lag = 1; lag <= lags; lag++) {
    let product = 0;
    for (let i = lag; i < rest.length; i++) product += (rest[i] as number) * (rest[i - lag] as number);
    spread += 2 * (1 - lag / (lags + 1)) * product;
  }
  const deviations = away / Math.sqrt(Math.max(spread, count * variance));
  return Math.max(-FAR, Math.min(FAR, deviations));
}
