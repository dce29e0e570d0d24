/** Whether a trained model takes the place of the one in the folder, and what is told of it. */
import { horizonName } from "../../lib/forecast/forecast";
import type { Fitted } from "../../lib/forecast/fit";
import type { ForecastMetadata, QuantileScore, Score } from "../../lib/forecast/metadata";
import { overall } from "../../lib/forecast/scores";

/** A key of the declaration's words, with its values. */
export interface Reason {
  readonly word: "first" | "worse" | "better" | "notBetter" | "unseen" | "other" | "always";
  readonly values?: Readonly<Record<string, string | number>>;
}

export interface Verdict {
  /** Than the model there on the same windows; where there is none to compare with, than persistence. */
  readonly better: boolean;
  readonly replace: boolean;
  readonly reason: Reason;
}

/** @param there there is a model in the folder */
export function verdictOf(fitted: Fitted, rule: "better" | "always", there: boolean): Verdict {
  const { comparison, test, model } = fitted;
  const [persistence = [], , own = []] = test?.rows.map(([, errors]) => errors) ?? [];
  const beatsPersistence = overall(model.metadata, own) < overall(model.metadata, persistence);
  const found = ((): Verdict => {
    if (!there || !comparison) {
      return {
        better: beatsPersistence,
        replace: beatsPersistence,
        reason: { word: beatsPersistence ? "first" : "worse" },
      };
    }
    if (comparison.kind === "other") {
      return { better: beatsPersistence, replace: true, reason: { word: "other", values: { why: comparison.why } } };
    }
    if (comparison.kind === "none") return { better: false, replace: false, reason: { word: "unseen" } };
    const better = comparison.own < comparison.present;
    const values = {
      windows: comparison.windows,
      own: Number(comparison.own.toPrecision(4)),
      present: Number(comparison.present.toPrecision(4)),
    };
    return { better, replace: better, reason: { word: better ? "better" : "notBetter", values } };
  })();
  return rule === "always" ? { ...found, replace: true, reason: { word: "always" } } : found;
}

/** What the model's file says of its training. */
export function trainingOf(fitted: Fitted, more: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { parts, stations, windows, penalty, model } = fitted;
  const date = (time: number): string => new Date(time).toISOString();
  const last = (end: number): string => date(end - model.metadata.stepLength);
  return {
    stations,
    from: date(parts.training.from),
    trainedTo: last(parts.training.to),
    chosenTo: last(parts.validation.to),
    testedTo: last(parts.test.to),
    windows,
    ridgePenalty: penalty,
    ...more,
  };
}

type Named<S extends { horizon: number }> = Omit<S, "horizon"> & { readonly horizon: string };

/** Scores with their horizons as people say them. */
export function namedScores({ stepLength, scores = [], quantileScores = [] }: ForecastMetadata): {
  scores: Named<Score>[];
  quantileScores: Named<QuantileScore>[];
} {
  const named = <S extends { horizon: number }>(one: S): Named<S> => ({
    ...one,
    horizon: horizonName(one.horizon * stepLength),
  });
  return { scores: scores.map(named), quantileScores: quantileScores.map(named) };
}
