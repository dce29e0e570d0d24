/** What says that a model no longer holds, and when that is over. */
import { bandOff, blockLength, filled, worseThanPersistence, type Block, type Figures } from "./window";

export type Rule = "error" | "skill" | "band";

export interface Rules {
  /** Steps that scores are over. */
  readonly window: number;
  /** Steps with scores before anything is judged. */
  readonly least: number;
  /** RMSE above so many times the reference; 0: not judged. */
  readonly factor: number;
  /** The reference: the model's test where it is known, or what is seen once `least` is reached. */
  readonly reference: "test" | "learnt";
  /** Whether being worse than persistence counts. */
  readonly skill: boolean;
  /** How far coverage may be off, as a share; 0: not judged. */
  readonly band: number;
  /** Standard errors beyond which a difference is no chance. */
  readonly sigmas: number;
}

/** Scores of one target and horizon. */
export interface ScoreSeries {
  readonly target: string;
  readonly horizon: string;
  readonly ahead: number;
  readonly nominal: number | null;
  readonly testError: number | null;
  /** RMSE when enough had come true for the first time; null: not yet. */
  readonly learnt: number | null;
  readonly blocks: readonly Block[];
  /** Why it fails; null: it does not. */
  readonly failing: Rule | null;
}

/** Why a series fails, with what was found and what it must not pass. */
export interface Finding {
  readonly target: string;
  readonly horizon: string;
  readonly rule: Rule;
  /** RMSE; RMSE; coverage. */
  readonly value: number;
  /** RMSE; RMSE of persistence; nominal coverage. */
  readonly limit: number;
  /** What the limit is made of: RMSE of the reference. */
  readonly reference?: number;
  readonly from?: "test" | "learnt";
  /** Standard errors. */
  readonly sigmas?: number;
  readonly figures: Figures;
}

/** A series that fails must be better than what made it fail, or it would come and go: this share of it. */
const EASED = 0.9;
const EASED_SIGMAS = 0.5;
/** A skill not further below 0 is as good as persistence: a model of what can't be forecast, and no drift. */
const HARDLY_WORSE = -0.05;

/** RMSE that errors are compared with. */
export function referenceOf(
  { testError, learnt }: ScoreSeries,
  { reference }: Rules,
): { readonly rmse: number; readonly from: "test" | "learnt" } | undefined {
  if (reference === "test" && testError !== null) return { rmse: testError, from: "test" };
  return learnt === null ? undefined : { rmse: learnt, from: "learnt" };
}

/** Steps that were scored, of those that must be before a series is judged. */
export const judgedSteps = ({ blocks }: ScoreSeries, { window }: Rules): number => filled(blocks) * blockLength(window);

/** The series with what is learnt of it, and why it fails. @param figures its own */
export function judge(series: ScoreSeries, figures: Figures, rules: Rules): ScoreSeries {
  if (judgedSteps(series, rules) < rules.least) return series.failing ? { ...series, failing: null } : series;
  const next = { ...series, learnt: series.learnt ?? figures.rmse };
  return { ...next, failing: findings(next, figures, rules)[0]?.rule ?? null };
}

/** Why a series fails, the weightiest first. What it failed for before, it fails for until it is clearly better. */
export function findings(series: ScoreSeries, figures: Figures, rules: Rules): Finding[] {
  const { target, horizon, ahead, nominal, blocks, failing } = series;
  const less = (rule: Rule, share: number): number => (failing === rule ? share : 1);
  const found: Finding[] = [];
  const reference = referenceOf(series, rules);
  if (rules.factor > 0 && reference && reference.rmse > 0) {
    const limit = rules.factor * reference.rmse;
    if (figures.rmse > limit * less("error", EASED)) {
      const more = { reference: reference.rmse, from: reference.from };
      found.push({ target, horizon, rule: "error", value: figures.rmse, limit, ...more, figures });
    }
  }
  const { skill, persistence, coverage } = figures;
  if (rules.skill && skill !== null && skill < HARDLY_WORSE * less("skill", EASED) && persistence) {
    const sigmas = worseThanPersistence(blocks, ahead, rules.window) ?? 0;
    if (sigmas > rules.sigmas * less("skill", EASED_SIGMAS))
      found.push({ target, horizon, rule: "skill", value: figures.rmse, limit: persistence.rmse, sigmas, figures });
  }
  if (rules.band > 0 && coverage !== null && nominal !== null) {
    const sigmas = bandOff(blocks, nominal, ahead, rules.window) ?? 0;
    const far = Math.abs(coverage - nominal) > rules.band * less("band", EASED);
    if (far && Math.abs(sigmas) > rules.sigmas * less("band", EASED_SIGMAS))
      found.push({ target, horizon, rule: "band", value: coverage, limit: nominal, sigmas, figures });
  }
  return found;
}
