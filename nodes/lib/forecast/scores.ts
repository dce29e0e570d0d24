import { quantileLoss } from "./loss";
import type { ForecastMetadata, QuantileScore, Score } from "./metadata";
import type { Model } from "./model-file";
import { errorsOf, type ScoredSamples } from "./parts";
import { applyLinear, type Linear } from "./ridge";
import { openRunner } from "./runner";

/** Errors of one output in the target's unit, over `count` windows whose truth is known. */
export interface Errors {
  readonly rmse: number;
  readonly mae: number;
  readonly count: number;
}

/** Who forecasts, and how wrong, per output. */
export type Row = readonly [who: string, errors: readonly Errors[]];

/** The forecast at `window · outputs + output`, in the target's unit. */
export type Answer = (index: number) => number;

/** A network's answers as values of the targets. */
function valued(metadata: ForecastMetadata, samples: ScoredSamples, answers: Float32Array): Answer {
  const { outputs } = metadata;
  return (index) => {
    const { offset, scale, change, min } = outputs[index % outputs.length] as (typeof outputs)[0];
    const raw = offset + scale * (answers[index] as number);
    return Math.max(min ?? -Infinity, raw + (change ? (samples.last[index] as number) : 0));
  };
}

/** What a linear map forecasts. */
export const linearAnswer = (metadata: ForecastMetadata, line: Linear, samples: ScoredSamples): Answer =>
  valued(metadata, samples, applyLinear(line, samples, metadata.inputs.length));

/** What a model forecasts; `turn` is called now and then, so that it can throw to end a long computation. */
export function modelAnswer(model: Model, samples: ScoredSamples, turn: () => void = () => undefined): Answer {
  const { steps, inputs, outputs } = model.metadata;
  const size = steps * inputs.length;
  const runner = openRunner(model.architecture, model.weights);
  const answers = new Float32Array(samples.starts.length * outputs.length);
  for (let from = 0; from < samples.starts.length; from += 64) {
    turn();
    const chosen = samples.starts.subarray(from, from + 64);
    const windows = new Float32Array(chosen.length * size);
    for (const [i, start] of chosen.entries()) {
      windows.set(samples.series.subarray(start * inputs.length, start * inputs.length + size), i * size);
    }
    answers.set(runner.run(windows, chosen.length), from * outputs.length);
  }
  return valued(model.metadata, samples, answers);
}

/** Persistence, ridge and the model on the same windows; of one station when given. */
export function rowsOf(
  metadata: ForecastMetadata,
  answers: { readonly linear: Answer; readonly model: Answer },
  samples: ScoredSamples,
  station?: number,
): Row[] {
  const last: Answer = (index) => samples.last[index] as number;
  const errors = (answer: Answer): Errors[] => errorsOf(samples, metadata.outputs.length, answer, station);
  return [
    ["persistence", errors(last)],
    ["ridge on the window", errors(answers.linear)],
    ["this model", errors(answers.model)],
  ];
}

/** What is minimised when choosing: squared errors beside the spread of the change, added up over the forecasts. */
export function overall(metadata: ForecastMetadata, errors: readonly Errors[]): number {
  return errors.reduce((sum, { rmse }, o) => {
    const { scale = 1, quantile } = metadata.outputs[o] ?? {};
    return quantile === undefined ? sum + (rmse / scale) ** 2 : sum;
  }, 0);
}

/** The scores of a model's file, from its rows on the test part. */
export function scoresOf(metadata: ForecastMetadata, rows: readonly Row[]): Score[] {
  const [persistence = [], linear = [], own = []] = rows.map(([, errors]) => errors);
  return metadata.outputs.flatMap(({ target, horizon, quantile }, o) =>
    quantile === undefined
      ? [
          {
            target,
            horizon,
            ...rounded(own[o] as Errors),
            persistence: rounded(persistence[o] as Errors),
            ridge: rounded(linear[o] as Errors),
          },
        ]
      : [],
  );
}

/** How the quantiles did; `linear` is ridge with the quantile of its errors in training. */
export function quantileScoresOf(
  metadata: ForecastMetadata,
  answers: { readonly linear: Answer; readonly model: Answer },
  samples: ScoredSamples,
): QuantileScore[] {
  const { outputs } = metadata;
  return outputs.flatMap(({ target, horizon, quantile }, o) => {
    if (quantile === undefined) return [];
    let [count, below, loss, ridge] = [0, 0, 0, 0];
    for (let index = o; index < samples.truth.length; index += outputs.length) {
      const truth = samples.truth[index] as number;
      if (Number.isNaN(truth)) continue;
      const value = answers.model(index);
      count++;
      if (truth < value) below++;
      loss += quantileLoss(quantile, value - truth)[0];
      ridge += quantileLoss(quantile, answers.linear(index) - truth)[0];
    }
    return [
      { target, horizon, quantile, below: fine(below / count), loss: fine(loss / count), ridge: fine(ridge / count) },
    ];
  });
}

const fine = (value: number): number => Number(value.toPrecision(4));

/** To a thousandth, or to four digits where that says more. */
const short = (value: number): number => (value >= 1 ? Number(value.toFixed(3)) : Number(value.toPrecision(4)));

const rounded = ({ rmse, mae }: Errors): { rmse: number; mae: number } => ({ rmse: short(rmse), mae: short(mae) });
