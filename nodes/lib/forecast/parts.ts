import { inputMaker } from "./inputs";
import type { ForecastMetadata, InputRule, OutputRule } from "./metadata";
import { namesOf, type Series } from "./series";
import type { Samples } from "./training";

/** Event times of a part's rows, `[from, to)`, ms. */
export interface Part {
  readonly from: number;
  readonly to: number;
}

/** Training, choosing and scoring never share a row's forecast. */
export interface Parts {
  readonly training: Part;
  readonly validation: Part;
  readonly test: Part;
}

/** Shares of all rows; what is left is for the test. */
export interface Shares {
  readonly training: number;
  readonly validation: number;
}

/** Parts in the order of time, so that each share of all stations' rows lies in its part. */
export function partsOf(series: readonly Series[], stepLength: number, shares: Shares): Parts {
  const times = new Float64Array(series.reduce((sum, { count }) => sum + count, 0));
  let at = 0;
  for (const { start, count } of series) for (let r = 0; r < count; r++) times[at++] = start + r * stepLength;
  times.sort();
  const end = (times.at(-1) ?? 0) + stepLength;
  const from = times[0] ?? 0;
  const cut = (share: number): number => times[Math.floor(times.length * share)] ?? end;
  // Their sum in hundredths: 0.7 + 0.15 is 0.85 for a person only.
  const [a, b] = [cut(shares.training), cut(Math.round((shares.training + shares.validation) * 100) / 100)];
  return { training: { from, to: a }, validation: { from: a, to: b }, test: { from: b, to: end } };
}

/** Samples with what is needed to score them in the target's unit. */
export interface ScoredSamples extends Samples {
  /** `[windows × outputs]`, the target's last value and the truth, NaN where unknown. */
  readonly last: Float32Array;
  readonly truth: Float32Array;
  /** Number of each window's station in the order of the series' names. */
  readonly station: Int32Array;
}

/**
 * All windows of a part whose inputs are complete: the last row and every horizon lie in the part, earlier rows may lie
 * before it.
 */
export function samplesOf(series: readonly Series[], part: Part, metadata: ForecastMetadata): ScoredSamples {
  const { features, steps, outputs, inputs, stepLength } = metadata;
  const width = features.length;
  const furthest = Math.max(...outputs.map((output) => output.horizon)) * stepLength;
  const columns = outputs.map((output) => features.findIndex((feature) => feature.name === output.target));
  const prepare = inputMaker(metadata);
  const names = new Map(namesOf(series).map((name, index) => [name, index]));
  const whole = new Float32Array(series.reduce((sum, { count }) => sum + count, 0) * inputs.length);
  const starts: number[] = [];
  const from: { readonly one: Series; readonly row: number }[] = [];
  let before = 0;
  for (const one of series) {
    const { rows, count, start } = one;
    const made = whole.subarray(before * inputs.length, (before + count) * inputs.length);
    prepare(rows, 0, count, start + (count - 1) * stepLength, made, 0);
    let complete = 0;
    for (let r = 0; r < count; r++) {
      const time = start + r * stepLength;
      if (time + furthest >= part.to) break;
      complete = isComplete(made, r * inputs.length, inputs.length) ? complete + 1 : 0;
      if (time < part.from || complete < steps) continue;
      starts.push(before + r - steps + 1);
      from.push({ one, row: r });
    }
    before += count;
  }
  const [last, truth, targets] = [0, 0, 0].map(() => new Float32Array(starts.length * outputs.length)) as Answers;
  for (const [w, { one, row }] of from.entries()) {
    for (const [o, output] of outputs.entries()) {
      const at = w * outputs.length + o;
      const now = one.rows[row * width + (columns[o] as number)] as number;
      const then = one.truth[(row + output.horizon) * width + (columns[o] as number)] ?? Number.NaN;
      last[at] = now;
      truth[at] = then;
      targets[at] = (then - (output.change ? now : 0) - output.offset) / output.scale;
    }
  }
  const station = Int32Array.from(from, ({ one }) => names.get(one.name) as number);
  return { series: whole, starts: Int32Array.from(starts), targets, last, truth, station };
}

type Answers = [last: Float32Array, truth: Float32Array, targets: Float32Array];

function isComplete(inputs: Float32Array, from: number, width: number): boolean {
  for (let i = from; i < from + width; i++) if (!Number.isFinite(inputs[i])) return false;
  return true;
}

/** The rules with offset and scale (mean and standard deviation) from the training part alone. */
export function scaled(
  metadata: ForecastMetadata,
  series: readonly Series[],
  training: Part,
): { inputs: InputRule[]; outputs: OutputRule[] } {
  const bare: ForecastMetadata = {
    ...metadata,
    inputs: metadata.inputs.map((rule) => ({ ...rule, offset: 0, scale: 1 })),
    outputs: metadata.outputs.map((rule) => ({ ...rule, offset: 0, scale: 1 })),
  };
  const { series: numbers, starts, targets } = samplesOf(series, training, bare);
  const [wide, many] = [bare.inputs.length, bare.outputs.length];
  const lastRows = Array.from(starts, (start) => start + bare.steps - 1);
  return {
    inputs: bare.inputs.map((rule, i) => ({
      ...rule,
      ...moments(lastRows.map((row) => numbers[row * wide + i] as number)),
    })),
    outputs: bare.outputs.map((rule, i) => ({
      ...rule,
      ...moments(lastRows.map((_, window) => targets[window * many + i] as number)),
    })),
  };
}

function moments(values: number[]): { offset: number; scale: number } {
  const known = values.filter((value) => !Number.isNaN(value));
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const variance = known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / known.length;
  const rounded = (value: number): number => Number(value.toPrecision(7));
  return { offset: rounded(mean), scale: rounded(Math.sqrt(variance)) || 1 };
}

/** RMSE and MAE of forecasts `[windows × outputs]` in the target's unit, per output; of one station when given. */
export function errorsOf(
  samples: ScoredSamples,
  outputs: number,
  forecast: (index: number) => number,
  station?: number,
): { rmse: number; mae: number; count: number }[] {
  return Array.from({ length: outputs }, (_, o) => {
    let [square, size, count] = [0, 0, 0];
    for (const [w, s] of samples.station.entries()) {
      const truth = samples.truth[w * outputs + o] as number;
      if (Number.isNaN(truth) || (station !== undefined && s !== station)) continue;
      const error = forecast(w * outputs + o) - truth;
      square += error * error;
      size += Math.abs(error);
      count++;
    }
    return { rmse: Math.sqrt(square / count), mae: size / count, count };
  });
}
