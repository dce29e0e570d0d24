import type { Samples } from "./training";

/** A linear map of a flattened window: `[outputs][window + 1]`, the constant last. */
export type Linear = readonly Float64Array[];

/** Windows between two turns. */
const TURN = 64;

/**
 * Ridge regression of every output on the flattened window, for several penalties at once: normal equations, then one
 * Cholesky factorisation a penalty. Windows of which a truth is unknown are left out.
 * @param width numbers in a window
 * @param stride numbers in a row of the series
 * @param turn called now and then, so that it can throw to end a long computation
 */
export function ridge(
  samples: Samples,
  width: number,
  stride: number,
  outputs: number,
  penalties: readonly number[],
  turn: () => void = () => undefined,
): Linear[] {
  const size = width + 1;
  const matrix = new Float64Array(size * size);
  const rights = Array.from({ length: outputs }, () => new Float64Array(size));
  const row = new Float64Array(size);
  for (const [w, start] of samples.starts.entries()) {
    if (w % TURN === 0) turn();
    for (let i = 0; i < width; i++) row[i] = samples.series[start * stride + i] as number;
    row[width] = 1;
    const truths = Array.from({ length: outputs }, (_, o) => samples.targets[w * outputs + o] as number);
    if (truths.some(Number.isNaN)) continue;
    accumulate(matrix, row, size);
    for (const [o, truth] of truths.entries()) {
      const right = rights[o] as Float64Array;
      for (let i = 0; i < size; i++) right[i] = (right[i] as number) + truth * (row[i] as number);
    }
  }
  return penalties.map((penalty) => {
    turn();
    const factor = cholesky(matrix, size, penalty);
    return rights.map((right) => solve(factor, right, size));
  });
}

function accumulate(matrix: Float64Array, row: Float64Array, size: number): void {
  for (let i = 0; i < size; i++) {
    const v = row[i] as number;
    const at = i * size;
    for (let j = 0; j <= i; j++) matrix[at + j] = (matrix[at + j] as number) + v * (row[j] as number);
  }
}

/** Lower factor of `matrix + penalty · I`; the constant is not penalised. */
function cholesky(matrix: Float64Array, size: number, penalty: number): Float64Array {
  const l = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * size + j] as number;
      if (i === j && i < size - 1) sum += penalty;
      for (let k = 0; k < j; k++) sum -= (l[i * size + k] as number) * (l[j * size + k] as number);
      l[i * size + j] = i === j ? Math.sqrt(sum) : sum / (l[j * size + j] as number);
    }
  }
  return l;
}

function solve(l: Float64Array, right: Float64Array, size: number): Float64Array {
  const x = right.slice();
  for (let i = 0; i < size; i++) {
    let sum = x[i] as number;
    for (let k = 0; k < i; k++) sum -= (l[i * size + k] as number) * (x[k] as number);
    x[i] = sum / (l[i * size + i] as number);
  }
  for (let i = size - 1; i >= 0; i--) {
    let sum = x[i] as number;
    for (let k = i + 1; k < size; k++) sum -= (l[k * size + i] as number) * (x[k] as number);
    x[i] = sum / (l[i * size + i] as number);
  }
  return x;
}

/** One output of a map for one window. @param weights `[window + 1]` @param at of the window's first number in the series */
export function linearAt(weights: Float64Array, series: Float32Array, at: number): number {
  const width = weights.length - 1;
  let sum = weights[width] as number;
  for (let i = 0; i < width; i++) sum += (weights[i] as number) * (series[at + i] as number);
  return sum;
}

/** The map's answer for every window, `[windows × outputs]`. */
export function applyLinear(linear: Linear, samples: Samples, stride: number): Float32Array {
  const out = new Float32Array(samples.starts.length * linear.length);
  for (const [w, start] of samples.starts.entries()) {
    for (const [o, weights] of linear.entries()) {
      out[w * linear.length + o] = linearAt(weights, samples.series, start * stride);
    }
  }
  return out;
}
