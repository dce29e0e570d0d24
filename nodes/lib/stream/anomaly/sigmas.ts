/** Methods that count sigmas from a learned mean: z-score, EWMA control chart. */
import { baselineOf, learn, spreadOf, type Baseline } from "./baseline";
import { deviation, LARGEST, short, type Method, type Thresholds, type Verdict } from "./method";

/** How a baseline is learned and used. */
export interface Learning {
  /** Readings learned before any is judged. */
  readonly warmup: number;
  /** Readings that count; older ones fade. */
  readonly memory: number;
  /** The sensor's resolution, in the field's unit; undefined: see {@link spreadOf}. */
  readonly spread?: number | undefined;
}

/** The sentence of the methods that count sigmas. */
export const saySigmas =
  (what = "") =>
  (field: string, value: number, { measure, threshold, expected }: Verdict): string =>
    `${field} = ${short(value)}: ${what}${short(measure)} σ from ${short(expected ?? 0)}; the alert is raised at ${short(threshold)} σ`;

/** z-score against all readings so far: (value − mean) / standard deviation. `memory` is Infinity for Welford's. */
export function zscore(learning: Learning, thresholds: Thresholds): Method<Baseline> {
  const { warmup, memory, spread } = learning;
  return {
    name: "zscore",
    learns: true,
    judge(known, { value }) {
      if (!known || known.n < warmup) return undefined;
      return deviation((value - known.mean) / spreadOf(known, spread, memory), known.mean, thresholds);
    },
    follow: (known, { value }, mayLearn) => (mayLearn ? learn(known, value, memory) : known),
    say: saySigmas(),
  };
}

/** The last readings, and how much they differ from one to the next over a longer time. */
export interface Window {
  readonly values: readonly number[];
  /** Of the squared difference from reading to reading, in the square of the field's unit. */
  readonly steps?: Baseline;
}

/**
 * z-score against the last `window` readings, from the readings themselves and not from running sums: nothing cancels.
 *
 * The spread is at least the noise from reading to reading, √(mean squared difference / 2) (von Neumann, Annals of
 * Mathematical Statistics 12, 1941) over `memory` readings: a value that stood still for a whole window leaves no spread
 * in it, and every good reading after it would be an outlier that is never learned.
 *
 * @param window readings, at least 2
 */
export function windowedZscore(
  window: number,
  { warmup, memory, spread }: Learning,
  thresholds: Thresholds,
): Method<Window> {
  return {
    name: "zscore",
    learns: true,
    judge(known, { value }) {
      if (!known || known.values.length < warmup) return undefined;
      const baseline = baselineOf(known.values);
      const sigma = Math.max(spreadOf(baseline, spread), Math.sqrt((known.steps?.mean ?? 0) / 2));
      return deviation((value - baseline.mean) / sigma, baseline.mean, thresholds);
    },
    follow(known, { value }, mayLearn) {
      if (!mayLearn) return known;
      const last = known?.values.at(-1);
      if (!known || last === undefined) return { values: [value] };
      const values = known.values.slice(Math.max(0, known.values.length + 1 - window));
      values.push(value);
      return { values, steps: learn(known.steps, Math.min((value - last) ** 2, LARGEST), memory) };
    },
    say: saySigmas(),
  };
}

/** The chart's statistic, readings charted, and the centre line and sigma that were learned. */
export interface Chart {
  readonly base: Baseline;
  /** EWMA of the readings, in the field's unit. */
  readonly z: number;
  /** Readings since the warm-up. */
  readonly t: number;
}

/**
 * EWMA control chart: z = λx + (1 − λ)z, judged against the limits μ ± L·σ·√(λ/(2 − λ)·(1 − (1 − λ)^2t)) (Roberts,
 * Technometrics 1, 1959; NIST/SEMATECH e-Handbook 6.3.2.4). The measure is (z − μ) in units of the root times σ, so L is
 * its threshold. μ and σ are learned in the warm-up and go on to be learned while the process is in control.
 *
 * @param lambda weight of a new reading, above 0 and at most 1
 */
export function ewma(lambda: number, learning: Learning, thresholds: Thresholds): Method<Chart> {
  const { warmup, memory, spread } = learning;
  const statistic = (chart: Chart, value: number): number => lambda * value + (1 - lambda) * chart.z;
  return {
    name: "ewma",
    learns: true,
    judge(known, { value }) {
      if (!known || known.base.n < warmup) return undefined;
      const share = (lambda / (2 - lambda)) * (1 - (1 - lambda) ** (2 * (known.t + 1)));
      const sigma = spreadOf(known.base, spread, memory) * Math.sqrt(share);
      return deviation((statistic(known, value) - known.base.mean) / sigma, known.base.mean, thresholds);
    },
    follow(known, { value }, mayLearn) {
      if (!known || known.base.n < warmup) {
        const base = learn(known?.base, value, memory);
        return { base, z: base.mean, t: 0 };
      }
      return {
        base: mayLearn ? learn(known.base, value, memory) : known.base,
        z: statistic(known, value),
        t: known.t + 1,
      };
    },
    say: saySigmas("the EWMA is "),
  };
}
