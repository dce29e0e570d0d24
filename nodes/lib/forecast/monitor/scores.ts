/** A model's scores by target and horizon, and whether it still holds. All of it is JSON, and nothing is changed in place. */
import { MOST_SERIES, type Told } from "./read-forecast";
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

/** With the series that a message forecasts; what was scored stays. */
export function withForecasts(scores: ModelScores, told: Told): ModelScores {
  let { series } = scores;
  for (const { target, horizon, ahead, band, testError = null } of told.series) {
    const nominal = band?.nominal ?? null;
    const at = series.findIndex((one) => one.target === target && one.ahead === ahead);
    const found = series[at];
    if (found && found.nominal === nominal && found.testError === testError) continue;
    if (!found && series.length >= MOST_SERIES) continue;
    const known = found ?? { target, ahead, learnt: null, blocks: [], failing: null };
    series = series.toSpliced(at < 0 ? series.length : at, found ? 1 : 0, { ...known, horizon, nominal, testError });
  }
  return series === scores.series ? scores : { ...scores, series };
}

interface Arrived {
  readonly scores: ModelScores;
  /** Of each forecast that came true, in their order; null: of none that is scored. */
  readonly figures: readonly (Figures | null)[];
  readonly event?: DriftEvent;
}

/** Takes what came true. @param again steps after which a drift that goes on is told again; 0: never */
export function withArrivals(scores: ModelScores, arrivals: Arrivals, rules: Rules, again: number): Arrived {
  const series = [...scores.series];
  const placeOf = ([target, ahead]: readonly [string, number, ...unknown[]]): number =>
    series.findIndex((one) => one.target === target && one.ahead === ahead);
  const places = arrivals.scored.map((one) => {
    const [, , ...scored] = one;
    const at = placeOf(one);
    const found = series[at];
    if (found) series[at] = { ...found, blocks: withScore(found.blocks, scored, rules.window) };
    return at;
  });
  for (const one of arrivals.missed) {
    const at = placeOf(one);
    const found = series[at];
    if (found) series[at] = { ...found, blocks: withMissed(found.blocks, one[2], rules.window) };
  }
  const figures = new Map<number, Figures>();
  for (const at of new Set(places)) {
    const found = series[at];
    const own = found && figuresOf(found.blocks, found.nominal);
    if (!own) continue;
    figures.set(at, own);
    series[at] = judge(found, own, rules);
  }
  const newest = Math.max(...arrivals.scored.map(([, , due]) => due));
  const next = { ...scores, series };
  const verdict = figures.size ? withVerdict(next, newest, rules, again) : { scores: next };
  return { ...verdict, figures: places.map((at) => figures.get(at) ?? null) };
}

function withVerdict(scores: ModelScores, now: number, rules: Rules, again: number): Omit<Arrived, "figures"> {
  const { drift } = scores;
  const fails = scores.series.some(({ failing }) => failing !== null);
  const told = (state: DriftEvent["state"], since: number): DriftEvent => ({
    ...nameOf(scores),
    state,
    since: since * scores.step,
    time: now * scores.step,
    findings: scores.series.flatMap((one) => {
      const figures = one.failing && figuresOf(one.blocks, one.nominal);
      return figures ? findings(one, figures, rules).slice(0, 1) : [];
    }),
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
