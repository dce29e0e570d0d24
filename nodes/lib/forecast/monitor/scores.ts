/** A model's scores by target and horizon, and whether it still holds. All of it is JSON, and nothing is changed in place. */
import type { Told } from "./read-forecast";
import { findings, judge, type Finding, type Rules, type ScoreSeries } from "./rules";
import type { Scored } from "./track";
import { figuresOf, withMissed, withScore, type Figures } from "./window";

export interface ModelScores {
  readonly model: string;
  readonly version: string;
  /** Ms. */
  readonly step: number;
  readonly series: readonly ScoreSeries[];
  /** Since when it does not hold, and when that was told last, in steps; null: it holds, or nothing is known yet. */
  readonly drift: { readonly since: number; readonly told: number } | null;
}

/** What is told of a model: it no longer holds, still does not, or does again (`version`: as another takes its place). */
export interface DriftEvent {
  readonly state: "raised" | "again" | "over" | "version";
  readonly model: string;
  readonly version: string;
  /** Ms since the epoch. */
  readonly since: number;
  readonly time: number;
  /** Of each series that fails; the first one is why. */
  readonly findings: readonly Finding[];
}

/** What came of a model's forecasts with one message. */
export interface Arrivals {
  readonly model: string;
  readonly version: string;
  /** Ms. */
  readonly step: number;
  readonly scored: readonly (readonly [target: string, ahead: number, ...Scored])[];
  readonly missed: readonly (readonly [target: string, ahead: number, due: number])[];
}

/** Scores of a model of which nothing has come true. */
export const freshScores = (told: Told): ModelScores =>
  withForecasts({ model: told.model, version: told.version, step: told.step, series: [], drift: null }, told);

/** The series that a message forecasts; what was scored of them stays. */
export function withForecasts(scores: ModelScores, told: Told): ModelScores {
  let changed = told.series.length !== scores.series.length;
  const series = told.series.map(({ target, horizon, ahead, band, testError = null }, index): ScoreSeries => {
    const nominal = band?.nominal ?? null;
    const found = scores.series.find((one) => one.target === target && one.ahead === ahead);
    if (found && found.nominal === nominal && found.testError === testError) {
      changed ||= scores.series[index] !== found;
      return found;
    }
    changed = true;
    const more = found ?? { target, ahead, learnt: null, blocks: [], failing: null };
    return { ...more, horizon, nominal, testError };
  });
  return changed ? { ...scores, series } : scores;
}

/** Takes what came true. @param again steps after which a drift that goes on is told again; 0: never */
export function withArrivals(
  scores: ModelScores,
  arrivals: Arrivals,
  rules: Rules,
  again: number,
): { readonly scores: ModelScores; readonly event?: DriftEvent } {
  const series = [...scores.series];
  const indexOf = (target: string, ahead: number): number =>
    series.findIndex((one) => one.target === target && one.ahead === ahead);
  const touched = new Set<number>();
  let newest = -Infinity;
  for (const [target, ahead, ...scored] of arrivals.scored) {
    const at = indexOf(target, ahead);
    const one = series[at];
    if (!one) continue;
    series[at] = { ...one, blocks: withScore(one.blocks, scored, rules.window) };
    touched.add(at);
    newest = Math.max(newest, scored[0]);
  }
  for (const [target, ahead, due] of arrivals.missed) {
    const at = indexOf(target, ahead);
    const one = series[at];
    if (one) series[at] = { ...one, blocks: withMissed(one.blocks, due, rules.window) };
  }
  if (!touched.size) return { scores: { ...scores, series } };
  for (const at of touched) series[at] = judge(series[at] as ScoreSeries, rules);
  return withVerdict({ ...scores, series }, newest, rules, again);
}

function withVerdict(
  scores: ModelScores,
  now: number,
  rules: Rules,
  again: number,
): { readonly scores: ModelScores; readonly event?: DriftEvent } {
  const { drift } = scores;
  const fails = scores.series.some(({ failing }) => failing !== null);
  const told = (state: DriftEvent["state"], since: number): DriftEvent => ({
    ...nameOf(scores),
    state,
    since: since * scores.step,
    time: now * scores.step,
    findings: scores.series.flatMap((one) => (one.failing ? findings(one, rules, true).slice(0, 1) : [])),
  });
  if (fails && !drift) return { scores: { ...scores, drift: { since: now, told: now } }, event: told("raised", now) };
  if (!fails && drift) return { scores: { ...scores, drift: null }, event: told("over", drift.since) };
  if (drift && again > 0 && now - drift.told >= again) {
    return { scores: { ...scores, drift: { ...drift, told: now } }, event: told("again", drift.since) };
  }
  return { scores };
}

const nameOf = ({ model, version }: ModelScores): Pick<DriftEvent, "model" | "version"> => ({ model, version });

/** What is told when another version takes the place of one that did not hold; `at`: ms since the epoch. */
export function replaced(scores: ModelScores, at: number): DriftEvent | undefined {
  if (!scores.drift) return undefined;
  return { ...nameOf(scores), state: "version", since: scores.drift.since * scores.step, time: at, findings: [] };
}

export const figuresFor = (scores: ModelScores, target: string, ahead: number): Figures | undefined => {
  const one = scores.series.find((series) => series.target === target && series.ahead === ahead);
  return one && figuresOf(one.blocks, one.nominal);
};
