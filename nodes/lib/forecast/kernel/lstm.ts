import { sigmoid, sigmoidPower, tanh, tanhPower } from "./activation";
import { madd, outer, row32, tile4, tiles } from "./tile";

/**
 * Gates of eight units at a time: 32 floats, i f c o. Weights lie as [block of 8 units][inputs, then units][32].
 * `z` holds the sums on entry; the new cell state and output are written, and the gates themselves when `gates` is
 * not 0.
 */
// @ts-ignore: decorator
@inline
function cells(z: usize, cPrevious: usize, cNext: usize, hNext: usize, gates: usize): void {
  for (let v: usize = 0; v < 32; v += 16) {
    if (gates) keptCells(z + v, cPrevious + v, cNext + v, hNext + v, gates + v);
    else freeCells(z + v, cPrevious + v, cNext + v, hNext + v);
  }
}

/** c = f · c + i · g and h = o · tanh(c) with one division each: what is divided by is common. */
// @ts-ignore: decorator
@inline
function freeCells(z: usize, cPrevious: usize, cNext: usize, hNext: usize): void {
  const one = f32x4.splat(1.0);
  const i = f32x4.add(one, sigmoidPower(v128.load(z)));
  const f = f32x4.add(one, sigmoidPower(v128.load(z, 32)));
  const power = tanhPower(v128.load(z, 64));
  const ig = f32x4.mul(i, f32x4.add(one, power));
  const sum = madd(v128.load(cPrevious), ig, f32x4.mul(f32x4.sub(power, one), f));
  const c = f32x4.div(sum, f32x4.mul(ig, f));
  const o = f32x4.add(one, sigmoidPower(v128.load(z, 96)));
  const squashed = tanhPower(c);
  v128.store(cNext, c);
  v128.store(hNext, f32x4.div(f32x4.sub(squashed, one), f32x4.mul(o, f32x4.add(one, squashed))));
}

/** The same, with the gates written for back-propagation. */
// @ts-ignore: decorator
@inline
function keptCells(z: usize, cPrevious: usize, cNext: usize, hNext: usize, gates: usize): void {
  const i = sigmoid(v128.load(z));
  const f = sigmoid(v128.load(z, 32));
  const g = tanh(v128.load(z, 64));
  const o = sigmoid(v128.load(z, 96));
  const c = f32x4.add(f32x4.mul(f, v128.load(cPrevious)), f32x4.mul(i, g));
  v128.store(cNext, c);
  v128.store(hNext, f32x4.mul(o, tanh(c)));
  v128.store(gates, i);
  v128.store(gates, f, 32);
  v128.store(gates, g, 64);
  v128.store(gates, o, 96);
}

/** 32 floats: memory.copy is a call out of the kernel, which costs more than this. */
// @ts-ignore: decorator
@inline
function copy32(to: usize, from: usize): void {
  for (let v: usize = 0; v < 128; v += 16) v128.store(to + v, v128.load(from + v));
}

/**
 * Runs `rows` sequences through one layer. `h` and `c` are [slots][rows][8 · blocks]: with `keep` a slot for every
 * step after a first one for the start, else two that take turns. Slot 0 is set to zero. The last output is in slot
 * `steps` (with `keep`) or `steps & 1`.
 */
export function lstmForward(
  x: usize, xRow: usize, xStep: usize, inputs: i32, units: i32, blocks: i32, weights: usize, bias: usize,
  h: usize, c: usize, gates: usize, z: usize, rows: i32, steps: i32, keep: i32,
): void {
  const wide: usize = blocks * 32;
  const slot: usize = wide * rows;
  const panel: usize = (inputs + units) * 128;
  const gatesRow: usize = blocks * 128;
  memory.fill(h, 0, slot);
  memory.fill(c, 0, slot);
  for (let t = 0; t < steps; t++) {
    const from: usize = keep ? t : t & 1;
    const to: usize = keep ? t + 1 : (t + 1) & 1;
    const xt = x + t * xStep;
    const hFrom = h + from * slot;
    const hTo = h + to * slot;
    const cFrom = c + from * slot;
    const cTo = c + to * slot;
    for (let block = 0; block < blocks; block++) {
      const w = weights + block * panel;
      const u = w + inputs * 128;
      const b = bias + block * 128;
      const at: usize = block * 32;
      const gt = gates ? gates + t * rows * gatesRow + block * 128 : 0;
      let r = 0;
      for (; r + 4 <= rows; r += 4) {
        for (let i = 0; i < 4; i++) copy32(z + i * 128, b);
        for (let g: usize = 0; g < 128; g += 32) {
          tile4(xt + r * xRow, xRow, inputs, w + g, 128, z + g, 128);
          tile4(hFrom + r * wide, wide, units, u + g, 128, z + g, 128);
        }
        for (let i = 0; i < 4; i++) {
          const o = (r + i) * wide + at;
          cells(z + i * 128, cFrom + o, cTo + o, hTo + o, gt ? gt + (r + i) * gatesRow : 0);
        }
      }
      for (; r < rows; r++) {
        copy32(z, b);
        row32(xt + r * xRow, inputs, w, z);
        row32(hFrom + r * wide, units, u, z);
        const o = r * wide + at;
        cells(z, cFrom + o, cTo + o, hTo + o, gt ? gt + r * gatesRow : 0);
      }
    }
  }
}

/**
 * Back-propagation through time after a forward pass with `keep` and `gates`. `dOut` is the gradient of the outputs:
 * [steps][rows][8 · blocks] with `whole`, else of the last output alone. `dh`, `dc` ([rows][8 · blocks]) and `dz`
 * ([rows][32 · blocks]) are work space. Adds to `dWeights`, `dBias`, and to `dx` ([steps][rows][xWide]) unless 0.
 * `inputT` and `unitT` are the transposed weights of `packTransposed`.
 */
export function lstmBackward(
  x: usize, xRow: usize, xStep: usize, inputs: i32, units: i32, blocks: i32, h: usize, c: usize, gates: usize,
  dOut: usize, whole: i32, inputT: usize, unitT: usize, dx: usize, dxRow: usize, dh: usize, dc: usize, dz: usize,
  dWeights: usize, dBias: usize, rows: i32, steps: i32,
): void {
  const wide: usize = blocks * 32;
  const slot: usize = wide * rows;
  const panel: usize = (inputs + units) * 128;
  const gatesRow: usize = blocks * 128;
  const columns = blocks * 32;
  memory.fill(dh, 0, slot);
  memory.fill(dc, 0, slot);
  for (let t = steps - 1; t >= 0; t--) {
    const out = whole ? dOut + t * slot : t == steps - 1 ? dOut : 0;
    const cFrom = c + t * slot;
    const cTo = cFrom + slot;
    const gt = gates + t * rows * gatesRow;
    for (let r = 0; r < rows; r++) {
      for (let block = 0; block < blocks; block++) {
        const o = r * wide + block * 32;
        const g = r * gatesRow + block * 128;
        gradientOfCells(gt + g, cFrom + o, cTo + o, dh + o, out ? out + o : 0, dc + o, dz + g, dBias + block * 128);
      }
    }
    for (let block = 0; block < blocks; block++) {
      const w = dWeights + block * panel;
      const d = dz + block * 128;
      for (let g: usize = 0; g < 128; g += 32) {
        outer(x + t * xStep, xRow, inputs, d + g, gatesRow, rows, w + g, 128);
        if (t) outer(h + t * slot, wide, units, d + g, gatesRow, rows, w + inputs * 128 + g, 128);
      }
    }
    memory.fill(dh, 0, slot);
    if (t) {
      for (let p = 0; p < blocks; p++) {
        tiles(dz, gatesRow, columns, unitT + p * columns * 32, 32, dh + p * 32, wide, rows);
      }
    }
    if (dx) {
      for (let p = 0; p * 8 < inputs; p++) {
        tiles(dz, gatesRow, columns, inputT + p * columns * 32, 32, dx + t * rows * dxRow + p * 32, dxRow, rows);
      }
    }
  }
}

function gradientOfCells(
  gates: usize, cPrevious: usize, cNext: usize, dh: usize, dOut: usize, dc: usize, dz: usize, dBias: usize,
): void {
  const one = f32x4.splat(1.0);
  for (let v: usize = 0; v < 32; v += 16) {
    const i = v128.load(gates + v);
    const f = v128.load(gates + v, 32);
    const g = v128.load(gates + v, 64);
    const o = v128.load(gates + v, 96);
    const squashed = tanh(v128.load(cNext + v));
    let d = v128.load(dh + v);
    if (dOut) d = f32x4.add(d, v128.load(dOut + v));
    const dO = f32x4.mul(f32x4.mul(d, squashed), f32x4.mul(o, f32x4.sub(one, o)));
    const dC = f32x4.add(
      v128.load(dc + v),
      f32x4.mul(f32x4.mul(d, o), f32x4.sub(one, f32x4.mul(squashed, squashed))),
    );
    const dI = f32x4.mul(f32x4.mul(dC, g), f32x4.mul(i, f32x4.sub(one, i)));
    const dG = f32x4.mul(f32x4.mul(dC, i), f32x4.sub(one, f32x4.mul(g, g)));
    const dF = f32x4.mul(f32x4.mul(dC, v128.load(cPrevious + v)), f32x4.mul(f, f32x4.sub(one, f)));
    v128.store(dc + v, f32x4.mul(dC, f));
    v128.store(dz + v, dI);
    v128.store(dz + v, dF, 32);
    v128.store(dz + v, dG, 64);
    v128.store(dz + v, dO, 96);
    v128.store(dBias + v, f32x4.add(v128.load(dBias + v), dI));
    v128.store(dBias + v, f32x4.add(v128.load(dBias + v, 32), dF), 32);
    v128.store(dBias + v, f32x4.add(v128.load(dBias + v, 64), dG), 64);
    v128.store(dBias + v, f32x4.add(v128.load(dBias + v, 96), dO), 96);
  }
}
