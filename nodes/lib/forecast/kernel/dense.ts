import { sigmoid, tanh } from "./activation";
import { outer, tiles } from "./tile";

/** Activations by number: 0 linear, 1 relu, 2 tanh, 3 sigmoid. Weights lie as [block of 8 columns][inputs][8]. */
export function denseForward(
  x: usize, xRow: usize, inputs: i32, weights: usize, bias: usize, y: usize, blocks: i32, rows: i32, activation: i32,
): void {
  const yRow: usize = blocks * 32;
  for (let r = 0; r < rows; r++) memory.copy(y + r * yRow, bias, yRow);
  for (let block = 0; block < blocks; block++) {
    tiles(x, xRow, inputs, weights + block * inputs * 32, 32, y + block * 32, yRow, rows);
  }
  if (!activation) return;
  const end = y + rows * yRow;
  for (let at = y; at < end; at += 16) {
    const v = v128.load(at);
    if (activation == 1) v128.store(at, f32x4.pmax(v, f32x4.splat(0)));
    else if (activation == 2) v128.store(at, tanh(v));
    else v128.store(at, sigmoid(v));
  }
}

/** Turns `dy` into the gradient before the activation, then adds to `dWeights`, `dBias`, and to `dx` unless 0. */
export function denseBackward(
  x: usize, xRow: usize, inputs: i32, y: usize, dy: usize, blocks: i32, rows: i32, activation: i32,
  weightsT: usize, dx: usize, dxRow: usize, dWeights: usize, dBias: usize,
): void {
  const yRow: usize = blocks * 32;
  const one = f32x4.splat(1);
  const zero = f32x4.splat(0);
  for (let r = 0; r < rows; r++) {
    for (let v: usize = 0; v < yRow; v += 16) {
      const at = r * yRow + v;
      const out = v128.load(y + at);
      let d = v128.load(dy + at);
      if (activation == 1) d = v128.and(d, f32x4.gt(out, zero));
      else if (activation == 2) d = f32x4.mul(d, f32x4.sub(one, f32x4.mul(out, out)));
      else if (activation == 3) d = f32x4.mul(d, f32x4.mul(out, f32x4.sub(one, out)));
      v128.store(dy + at, d);
      v128.store(dBias + v, f32x4.add(v128.load(dBias + v), d));
    }
  }
  for (let block = 0; block < blocks; block++) {
    outer(x, xRow, inputs, dy + block * 32, yRow, rows, dWeights + block * inputs * 32, 32);
  }
  if (!dx) return;
  const columns = blocks * 8;
  for (let p = 0; p * 8 < inputs; p++) {
    tiles(dy, yRow, columns, weightsT + p * columns * 32, 32, dx + p * 32, dxRow, rows);
  }
}
