import { compareWith, type Comparison } from "./compare";
import type { ForecastMetadata } from "./metadata";
import type { Model } from "./model-file";
import { errorsOf, partsOf, samplesOf, scaled, type Part, type Parts, type ScoredSamples, type Shares } from "./parts";
import {
  ensemble,
  residualNetwork,
  residualStart,
  type Member,
  type ResidualShape,
  type ResidualSize,
} from "./residual";
import { linearAt, ridge, type Linear } from "./ridge";
import { linearAnswer, modelAnswer, overall, quantileScoresOf, rowsOf, scoresOf, type Row } from "./scores";
import { namesOf, seriesOf, type ReadingBlock, type Series } from "./series";
import { checkTargets, checkWindows } from "./sufficient";
import { train, type Epoch, type TrainingOptions } from "./training";

/** What a forecast model is fitted from, and how; it can be sent to another thread. */
export interface FitWork {
  /** The model before training: scaling and ranges are found from the training part. */
  readonly template: ForecastMetadata;
  readonly readings: { readonly blocks: readonly ReadingBlock[] } | { readonly series: readonly Series[] };
  readonly shares: Shares;
  readonly shape: ResidualShape;
  /** One network each; their answers are averaged. */
  readonly seeds: readonly number[];
  /** Penalties that ridge regression chooses from, on the validation part. */
  readonly penalties: readonly number[];
  readonly options: Omit<TrainingOptions, "seed" | "quantiles">;
  /**
   * What the networks learn and how, in turn; absent: all of them everything, by shape and options. Networks that err in
   * different ways are better together than any of them is alone.
   */
  readonly plans?: readonly Plan[];
  /** Scores on the test part; false leaves it untouched. */
  readonly test: boolean;
  /** The model that is in use: it is scored on the same windows. */
  readonly present?: Model;
}

/** What a network learns otherwise than the work says. */
export interface Plan {
  /** Outputs that it learns; absent: all. Near horizons have more to learn before those far away are learnt by heart. */
  readonly learnt?: readonly number[];
  /** Inputs that it reads; absent: all. The others are zero to it, and stay without weight. */
  readonly reads?: readonly number[];
  readonly shape?: ResidualShape;
  /**
   * The mean of networks that learn squared and of such that learn absolute errors lies between mean and median: little is
   * lost on either error.
   */
  readonly options?: Partial<Pick<TrainingOptions, "loss" | "rate" | "epochs">>;
}

export interface Fitted {
  /** With the scores on the test part, if there was one. */
  readonly model: Model;
  readonly parts: Parts;
  readonly stations: readonly string[];
  readonly windows: { readonly training: number; readonly validation: number; readonly test: number };
  readonly penalty: number;
  readonly validation: readonly Row[];
  readonly test?: { readonly rows: readonly Row[]; readonly stations: readonly (readonly Row[])[] };
  readonly comparison?: Comparison;
}

/** How far it is. */
export type FitProgress =
  | { readonly kind: "windows"; readonly training: number; readonly validation: number }
  /** `score`: see `overall`, on the validation part. */
  | { readonly kind: "ridge"; readonly penalty: number; readonly score: number }
  | { readonly kind: "epoch"; readonly network: number; readonly networks: number; readonly epoch: Epoch }
  | { readonly kind: "network"; readonly network: number; readonly score: number };

export interface FitWatch {
  readonly told?: (progress: FitProgress) => void;
  /** Asked before each batch. */
  readonly cancelled?: () => boolean;
}

/** Fitting was cancelled. */
export class Cancelled extends Error {
  override readonly name = "Cancelled";
}

/**
 * Fits a forecast model on this thread: scaling from the training part, ridge regression, then networks that learn what it
 * leaves over, and scores against both. The same readings and seeds give the same model.
 * @throws Error saying what the readings lack, or that training diverged; Cancelled
 */
export function fit(work: FitWork, watch: FitWatch = {}): Fitted {
  const { template, seeds, plans = [] } = work;
  const turn = (): void => {
    if (watch.cancelled?.()) throw new Cancelled("training was cancelled");
  };
  const series = "series" in work.readings ? work.readings.series : seriesOf(work.readings.blocks, template);
  const parts = partsOf(series, template.stepLength, work.shares);
  checkWindows(series, parts, template);
  turn();
  const metadata: ForecastMetadata = {
    ...template,
    features: rangesOf(series, parts.training, template),
    ...scaled(template, series, parts.training),
  };
  checkTargets(metadata);
  const training = samplesOf(series, parts.training, metadata);
  const validation = samplesOf(series, parts.validation, metadata);
  watch.told?.({ kind: "windows", training: training.starts.length, validation: validation.starts.length });

  const { line, penalty } = bestRidge(work, metadata, training, validation, watch, turn);
  const size: ResidualSize = {
    steps: metadata.steps,
    inputs: metadata.inputs.length,
    outputs: metadata.outputs.length,
  };
  const quantiles = metadata.outputs.map(({ quantile }) => quantile ?? null);
  const members: Member[] = [];
  const whole = (): Model => ({ metadata, ...ensemble(members, size) });
  for (const [i, seed] of seeds.entries()) {
    const plan = plans[i % plans.length] ?? {};
    const { learnt, reads, shape = work.shape } = plan;
    const options: TrainingOptions = { ...work.options, ...plan.options, seed, quantiles };
    const architecture = residualNetwork(shape, size);
    const start = residualStart(architecture, line, seed, reads);
    const [learn, choose] = [only(training, learnt, reads, size), only(validation, learnt, reads, size)];
    const { weights } = train(architecture, start, learn, choose, options, {
      told: (epoch) => watch.told?.({ kind: "epoch", network: i + 1, networks: seeds.length, epoch }),
      cancelled: () => watch.cancelled?.() ?? false,
    });
    turn();
    members.push({ shape, weights, learnt });
    // Until every output has been learnt there is nothing to be scored.
    if (members.length < plans.length) continue;
    const errors = errorsOf(validation, size.outputs, modelAnswer(whole(), validation, turn));
    watch.told?.({ kind: "network", network: i + 1, score: overall(metadata, errors) });
  }
  const fitted = whole();
  const answersOn = (samples: ScoredSamples) => ({
    linear: linearAnswer(metadata, line, samples),
    model: modelAnswer(fitted, samples, turn),
  });
  const common = {
    parts,
    stations: namesOf(series),
    penalty,
    validation: rowsOf(metadata, answersOn(validation), validation),
  };
  const windows = { training: training.starts.length, validation: validation.starts.length };
  if (!work.test) return { ...common, model: fitted, windows: { ...windows, test: 0 } };
  const test = samplesOf(series, parts.test, metadata);
  const answers = answersOn(test);
  const rows = rowsOf(metadata, answers, test);
  const quantileScores = quantileScoresOf(metadata, answers, test);
  return {
    ...common,
    model: {
      ...fitted,
      metadata: {
        ...metadata,
        scores: scoresOf(metadata, rows),
        ...(quantileScores.length > 0 && { quantileScores }),
      },
    },
    windows: { ...windows, test: test.starts.length },
    test: { rows, stations: common.stations.map((_, s) => rowsOf(metadata, answers, test, s)) },
    ...(work.present && {
      comparison: compareWith(
        work.present,
        fitted,
        { series, part: parts.test, samples: test, own: answers.model },
        turn,
      ),
    }),
  };
}

/** The samples with these outputs alone to learn, and these inputs alone to read. */
function only(
  samples: ScoredSamples,
  learnt: readonly number[] | undefined,
  reads: readonly number[] | undefined,
  { inputs, outputs }: ResidualSize,
): ScoredSamples {
  return {
    ...samples,
    ...(learnt && {
      targets: samples.targets.map((target, at) => (learnt.includes(at % outputs) ? target : Number.NaN)),
    }),
    ...(reads && { series: samples.series.map((value, at) => (reads.includes(at % inputs) ? value : 0)) }),
  };
}

/** Ridge regression with the penalty that does best on the validation part; quantiles lie where training's errors do. */
function bestRidge(
  { penalties }: FitWork,
  metadata: ForecastMetadata,
  training: ScoredSamples,
  validation: ScoredSamples,
  watch: FitWatch,
  turn: () => void,
): { line: Linear; penalty: number } {
  const [wide, many] = [metadata.inputs.length, metadata.outputs.length];
  const lines = ridge(training, metadata.steps * wide, wide, many, penalties, turn);
  const scores = lines.map((line) =>
    overall(metadata, errorsOf(validation, many, linearAnswer(metadata, line, validation))),
  );
  const score = Math.min(...scores);
  const best = Math.max(0, scores.indexOf(score));
  const penalty = penalties[best] as number;
  watch.told?.({ kind: "ridge", penalty, score });
  return { line: atQuantiles(lines[best] as Linear, metadata, training), penalty };
}

/** Moves the constant of every quantile's map to that quantile of its errors on the samples. */
function atQuantiles(line: Linear, metadata: ForecastMetadata, samples: ScoredSamples): Linear {
  const { outputs, inputs } = metadata;
  if (outputs.every(({ quantile }) => quantile === undefined)) return line;
  return line.map((weights, o) => {
    const { quantile } = outputs[o] as (typeof outputs)[0];
    if (quantile === undefined) return weights;
    const errors: number[] = [];
    for (const [w, start] of samples.starts.entries()) {
      const truth = samples.targets[w * outputs.length + o] as number;
      if (Number.isNaN(truth)) continue;
      errors.push(truth - linearAt(weights, samples.series, start * inputs.length));
    }
    errors.sort((a, b) => a - b);
    const moved = weights.slice();
    const last = moved.length - 1;
    moved[last] = (moved[last] as number) + (errors[Math.floor(errors.length * quantile)] ?? 0);
    return moved;
  });
}

/** Smallest and largest reading of every feature in the training part. */
function rangesOf(series: readonly Series[], part: Part, template: ForecastMetadata): ForecastMetadata["features"] {
  const width = template.features.length;
  return template.features.map((feature, f) => {
    let [min, max] = [Infinity, -Infinity];
    for (const { truth, start, count } of series) {
      for (let r = 0; r < count && start + r * template.stepLength < part.to; r++) {
        const value = truth[r * width + f] as number;
        if (value < min) min = value;
        if (value > max) max = value;
      }
    }
    return { ...feature, min: Number(min.toPrecision(6)), max: Number(max.toPrecision(6)) };
  });
}
