import { messageOf } from "../errors";
import { fillGaps } from "./inputs";
import type { ForecastMetadata } from "./metadata";
import type { Model } from "./model-file";
import { errorsOf, samplesOf, type Part, type ScoredSamples } from "./parts";
import { modelAnswer, overall, type Answer } from "./scores";
import type { Series } from "./series";

/** Two models on the same windows. */
export type Comparison =
  /** Scores as `overall` has them: smaller is better. `from`: time of the first window, ms. */
  | {
      readonly kind: "scored";
      readonly own: number;
      readonly present: number;
      readonly windows: number;
      readonly from: number;
    }
  /** The model in use says something else than this one, or reads what was not collected. */
  | { readonly kind: "other"; readonly why: string }
  /** There is no window that neither of them has learnt from. */
  | { readonly kind: "none" };

/** What the new model was scored on. */
export interface Ground {
  readonly series: readonly Series[];
  readonly part: Part;
  readonly samples: ScoredSamples;
  readonly own: Answer;
}

/** What a model forecasts, in an order of its own. */
const outputsOf = ({ outputs, stepLength }: ForecastMetadata): string[] =>
  outputs.map(({ target, horizon, quantile }) => JSON.stringify([target, horizon * stepLength, quantile ?? null]));

/** Until when a model has seen readings before its test, ms; -Infinity when its file does not say. */
export function seenUntil({ training }: ForecastMetadata): number {
  const text = training?.["chosenTo"];
  const time = typeof text === "string" ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? -Infinity : time;
}

/** Scores the model in use beside the new one, on the test windows that both can compute and neither has learnt from. */
export function compareWith(present: Model, fitted: Model, ground: Ground, turn: () => void): Comparison {
  const [theirs, ours] = [outputsOf(present.metadata), outputsOf(fitted.metadata)];
  if ([...theirs].sort().join() !== [...ours].sort().join()) {
    return { kind: "other", why: "it forecasts other targets, horizons or quantiles" };
  }
  if (present.metadata.stepLength !== fitted.metadata.stepLength) {
    return { kind: "other", why: "its steps are of another length" };
  }
  const names = fitted.metadata.features.map(({ name }) => name);
  const lacking = present.metadata.features.filter(({ name }) => !names.includes(name));
  if (lacking.length) {
    return { kind: "other", why: `it needs ${lacking.map(({ name }) => name).join(", ")}, which is not collected` };
  }
  try {
    return scored(present, fitted, ground, turn);
  } catch (error) {
    if (error instanceof RangeError) return { kind: "other", why: messageOf(error) };
    throw error;
  }
}

function scored(present: Model, fitted: Model, { series, part, samples, own }: Ground, turn: () => void): Comparison {
  const { stepLength } = fitted.metadata;
  const from = Math.max(part.from, seenUntil(present.metadata) + stepLength);
  const theirs = samplesOf(asRead(series, fitted.metadata, present.metadata), { ...part, from }, present.metadata);
  // Both lay out the same rows, so that a window is known by its last one.
  const lastRows = new Map([...theirs.starts].map((start, w) => [start + present.metadata.steps, w]));
  const pairs = [...samples.starts].flatMap((start, w) => {
    const other = lastRows.get(start + fitted.metadata.steps);
    return other === undefined ? [] : [[w, other] as const];
  });
  if (!pairs.length) return { kind: "none" };
  const answer = modelAnswer(present, theirs, turn);
  const order = outputsOf(fitted.metadata).map((output) => outputsOf(present.metadata).indexOf(output));
  const many = order.length;
  const chosen: ScoredSamples = {
    ...samples,
    truth: Float32Array.from(pairs.flatMap(([w]) => [...samples.truth.subarray(w * many, (w + 1) * many)])),
    station: Int32Array.from(pairs, ([w]) => samples.station[w] as number),
  };
  const scoreOf = (pick: (pair: readonly [number, number], output: number) => number): number =>
    overall(
      fitted.metadata,
      errorsOf(chosen, many, (index) => pick(pairs[Math.floor(index / many)] as [number, number], index % many)),
    );
  return {
    kind: "scored",
    own: scoreOf(([w], o) => own(w * many + o)),
    present: scoreOf(([, w], o) => answer(w * many + (order[o] as number))),
    windows: pairs.length,
    from,
  };
}

/** The series with the other model's features, filled by its rule. */
function asRead(series: readonly Series[], own: ForecastMetadata, other: ForecastMetadata): Series[] {
  const columns = other.features.map(({ name }) => own.features.findIndex((feature) => feature.name === name));
  const wide = own.features.length;
  return series.map((one) => {
    const truth = new Float32Array(one.count * columns.length);
    for (let r = 0; r < one.count; r++) {
      for (const [f, column] of columns.entries()) {
        truth[r * columns.length + f] = one.truth[r * wide + column] as number;
      }
    }
    const rows = truth.slice();
    fillGaps(rows, columns.length, other.fill);
    return { ...one, truth, rows };
  });
}
