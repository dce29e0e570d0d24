import { inputMaker } from "../../nodes/lib/forecast/inputs";
import type { ForecastMetadata, InputRule, OutputRule } from "../../nodes/lib/forecast/metadata";
import type { Samples } from "../../nodes/lib/forecast/training";
import type { Station } from "./readings";

/** Hours of a station that belong to a part, `[from, to)`. */
export interface Part {
  readonly from: number;
  readonly to: number;
}

/** 70 % to train, 15 % to choose, 15 % to score, in the order of time. */
export function partsOf(hours: number): { training: Part; validation: Part; test: Part } {
  const [a, b] = [Math.floor(hours * 0.7), Math.floor(hours * 0.85)];
  return { training: { from: 0, to: a }, validation: { from: a, to: b }, test: { from: b, to: hours } };
}

/** Samples with what is needed to score them in the target's unit. */
export interface ScoredSamples extends Samples {
  /** `[windows × outputs]`, the target's last value and the truth, NaN where unknown. */
  readonly last: Float32Array;
  readonly truth: Float32Array;
  readonly station: Int32Array;
}

/**
 * All windows of a part whose inputs are complete: the last row and every horizon lie in the part, earlier rows may lie
 * before it.
 */
export function samplesOf(stations: readonly Station[], part: Part, metadata: ForecastMetadata): ScoredSamples {
  const { features, steps, outputs, inputs, stepLength } = metadata;
  const width = features.length;
  const furthest = Math.max(...outputs.map((output) => output.horizon));
  const columns = outputs.map((output) => features.findIndex((feature) => feature.name === output.target));
  const prepare = inputMaker(metadata);
  const series: Float32Array[] = [];
  const starts: number[] = [];
  const station: number[] = [];
  const [last, truth, targets]: [number[], number[], number[]] = [[], [], []];
  for (const [s, { rows, truth: known, hours, start }] of stations.entries()) {
    const made = new Float32Array(hours * inputs.length);
    prepare(rows, 0, hours, start + (hours - 1) * stepLength, made, 0);
    series.push(made);
    let complete = 0;
    for (let r = 0; r < Math.min(part.to, hours) - furthest; r++) {
      const row = made.subarray(r * inputs.length, (r + 1) * inputs.length);
      complete = row.some(Number.isNaN) ? 0 : complete + 1;
      if (r < part.from || complete < steps) continue;
      starts.push(s * hours + r - steps + 1);
      station.push(s);
      for (const [o, output] of outputs.entries()) {
        const now = rows[r * width + (columns[o] as number)] as number;
        const then = known[(r + output.horizon) * width + (columns[o] as number)] as number;
        last.push(now);
        truth.push(then);
        targets.push((then - (output.change ? now : 0) - output.offset) / output.scale);
      }
    }
  }
  const whole = new Float32Array(series.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of series) {
    whole.set(one, at);
    at += one.length;
  }
  return {
    series: whole,
    starts: Int32Array.from(starts),
    targets: Float32Array.from(targets),
    last: Float32Array.from(last),
    truth: Float32Array.from(truth),
    station: Int32Array.from(station),
  };
}

/** The rules with offset and scale (mean and standard deviation) from the training part alone. */
export function scaled(
  metadata: ForecastMetadata,
  stations: readonly Station[],
  training: Part,
): { inputs: InputRule[]; outputs: OutputRule[] } {
  const bare: ForecastMetadata = {
    ...metadata,
    inputs: metadata.inputs.map((rule) => ({ ...rule, offset: 0, scale: 1 })),
    outputs: metadata.outputs.map((rule) => ({ ...rule, offset: 0, scale: 1 })),
  };
  const { series, starts, targets } = samplesOf(stations, training, bare);
  const [wide, many] = [bare.inputs.length, bare.outputs.length];
  const lastRows = Array.from(starts, (start) => start + bare.steps - 1);
  return {
    inputs: bare.inputs.map((rule, i) => ({
      ...rule,
      ...moments(lastRows.map((row) => series[row * wide + i] as number)),
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
