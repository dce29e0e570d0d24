import type { Operations } from "./engine";
import { plainCells } from "./plain-cells";

const { fround } = Math;

/**
 * The kernel in plain JavaScript, for machines without WebAssembly SIMD: the same layouts, the same order of sums, every
 * step rounded to single precision, so that results equal those of the kernel without fused multiply-add bit for bit.
 */
export function plainOperations(memory: () => Float32Array): Operations {
  /** `z[r][0..width) += Σ_k a[r][k] · b[k][0..width)` */
  function product(
    f: Float32Array,
    a: number,
    aRow: number,
    count: number,
    b: number,
    bStep: number,
    z: number,
    zRow: number,
    rows: number,
    width: number,
  ): void {
    for (let r = 0; r < rows; r++) {
      const to = z + r * zRow;
      for (let k = 0; k < count; k++) {
        const v = f[a + r * aRow + k] as number;
        const from = b + k * bStep;
        for (let j = 0; j < width; j++) {
          f[to + j] = (f[to + j] as number) + fround(v * (f[from + j] as number));
        }
      }
    }
  }

  /** `out[k][0..width) += Σ_r x[r][k] · d[r][0..width)` */
  function outer(
    f: Float32Array,
    x: number,
    xRow: number,
    columns: number,
    d: number,
    dRow: number,
    rows: number,
    out: number,
    width: number,
  ): void {
    for (let k = 0; k < columns; k++) {
      for (let r = 0; r < rows; r++) {
        const v = f[x + r * xRow + k] as number;
        for (let j = 0; j < width; j++) {
          const at = out + k * width + j;
          f[at] = (f[at] as number) + fround(v * (f[d + r * dRow + j] as number));
        }
      }
    }
  }

  return {
    lstmForward(xB, xRowB, xStepB, inputs, units, blocks, weightsB, biasB, hB, cB, gatesB, zB, rows, steps, keep) {
      const f = memory();
      const [x, xRow, xStep, weights, bias, h, c, gates, z] = floats(
        xB,
        xRowB,
        xStepB,
        weightsB,
        biasB,
        hB,
        cB,
        gatesB,
        zB,
      );
      const wide = blocks * 8;
      const slot = wide * rows;
      f.fill(0, h, h + slot);
      f.fill(0, c, c + slot);
      for (let t = 0; t < steps; t++) {
        const from = (keep ? t : t & 1) * slot;
        const to = (keep ? t + 1 : (t + 1) & 1) * slot;
        for (let block = 0; block < blocks; block++) {
          const w = weights + block * (inputs + units) * 32;
          for (let r = 0; r < rows; r++) {
            f.copyWithin(z, bias + block * 32, bias + block * 32 + 32);
            product(f, x + t * xStep + r * xRow, 0, inputs, w, 32, z, 0, 1, 32);
            product(f, h + from + r * wide, 0, units, w + inputs * 32, 32, z, 0, 1, 32);
            const at = r * wide + block * 8;
            const saved = gatesB ? gates + ((t * rows + r) * blocks + block) * 32 : 0;
            plainCells.forward(f, z, c + from + at, c + to + at, h + to + at, saved);
          }
        }
      }
    },

    lstmBackward(
      xB,
      xRowB,
      xStepB,
      inputs,
      units,
      blocks,
      hB,
      cB,
      gatesB,
      dOutB,
      whole,
      inputTB,
      unitTB,
      dxB,
      dxRowB,
      dhB,
      dcB,
      dzB,
      dWeightsB,
      dBiasB,
      rows,
      steps,
    ) {
      const f = memory();
      const [x, xRow, xStep, h, c, gates, dOut, inputT, unitT] = floats(
        xB,
        xRowB,
        xStepB,
        hB,
        cB,
        gatesB,
        dOutB,
        inputTB,
        unitTB,
      );
      const [dx, dxRow, dh, dc, dz, dWeights, dBias] = floats(dxB, dxRowB, dhB, dcB, dzB, dWeightsB, dBiasB);
      const wide = blocks * 8;
      const slot = wide * rows;
      const columns = blocks * 32;
      const below = dxB ? inputs : 0;
      f.fill(0, dh, dh + slot);
      f.fill(0, dc, dc + slot);
      for (let t = steps - 1; t >= 0; t--) {
        const out = whole ? dOut + t * slot : t === steps - 1 ? dOut : 0;
        for (let r = 0; r < rows; r++) {
          for (let block = 0; block < blocks; block++) {
            const o = r * wide + block * 8;
            const g = (r * blocks + block) * 32;
            const cell = c + t * slot + o;
            plainCells.backward(
              f,
              gates + t * rows * columns + g,
              cell,
              cell + slot,
              dh + o,
              out ? out + o : 0,
              dc + o,
              dz + g,
              dBias + block * 32,
            );
          }
        }
        for (let block = 0; block < blocks; block++) {
          const w = dWeights + block * (inputs + units) * 32;
          const d = dz + block * 32;
          outer(f, x + t * xStep, xRow, inputs, d, columns, rows, w, 32);
          if (t) outer(f, h + t * slot, wide, units, d, columns, rows, w + inputs * 32, 32);
        }
        f.fill(0, dh, dh + slot);
        const above = t ? blocks : 0;
        for (let p = 0; p < above; p++) {
          product(f, dz, columns, columns, unitT + p * columns * 8, 8, dh + p * 8, wide, rows, 8);
        }
        for (let p = 0; p * 8 < below; p++) {
          const to = dx + t * rows * dxRow + p * 8;
          product(f, dz, columns, columns, inputT + p * columns * 8, 8, to, dxRow, rows, 8);
        }
      }
    },

    denseForward(xB, xRowB, inputs, weightsB, biasB, yB, blocks, rows, activation) {
      const f = memory();
      const [x, xRow, weights, bias, y] = floats(xB, xRowB, weightsB, biasB, yB);
      const wide = blocks * 8;
      for (let r = 0; r < rows; r++) f.copyWithin(y + r * wide, bias, bias + wide);
      for (let block = 0; block < blocks; block++) {
        product(f, x, xRow, inputs, weights + block * inputs * 8, 8, y + block * 8, wide, rows, 8);
      }
      if (activation) plainCells.activate(f, y, rows * wide, activation);
    },

    denseBackward(xB, xRowB, inputs, yB, dyB, blocks, rows, activation, weightsTB, dxB, dxRowB, dWeightsB, dBiasB) {
      const f = memory();
      const [x, xRow, y, dy, weightsT, dx, dxRow, dWeights, dBias] = floats(
        xB,
        xRowB,
        yB,
        dyB,
        weightsTB,
        dxB,
        dxRowB,
        dWeightsB,
        dBiasB,
      );
      const wide = blocks * 8;
      plainCells.unactivate(f, y, dy, rows * wide, activation);
      for (let i = 0; i < rows * wide; i++) {
        const to = dBias + (i % wide);
        f[to] = (f[to] as number) + (f[dy + i] as number);
      }
      for (let block = 0; block < blocks; block++) {
        outer(f, x, xRow, inputs, dy + block * 8, wide, rows, dWeights + block * inputs * 8, 8);
      }
      const below = dxB ? inputs : 0;
      for (let p = 0; p * 8 < below; p++) {
        product(f, dy, wide, wide, weightsT + p * wide * 8, 8, dx + p * 8, dxRow, rows, 8);
      }
    },

    ...plainCells.vectors(memory),
  };
}

/** Byte addresses to indexes of floats. */
function floats<T extends number[]>(...bytes: T): { [K in keyof T]: number } {
  return bytes.map((at) => at / 4) as { [K in keyof T]: number };
}
