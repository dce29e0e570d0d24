import type { Operations } from "./engine";

const { fround, min, max, sqrt } = Math;
const LOG2E = fround(Math.LOG2E);
const TWO_LOG2E = fround(2 * Math.LOG2E);
const MAGIC = 12582912;
const P = [0.001331027247942984, 0.009672376327216625, 0.05550583451986313, 0.24022182822227478, 0.6931470632553101, 1];
/** 2^−126 … 2^126, to multiply by where the kernel adds to the exponent. */
const POWERS = Float64Array.from({ length: 253 }, (_, i) => 2 ** (i - 126));

function exp2(y: number, limit = 126): number {
  const clamped = max(-limit, min(limit, y));
  const n = fround(fround(clamped + MAGIC) - MAGIC);
  const f = fround(clamped - n);
  let p = fround(P[0] as number);
  for (let i = 1; i < P.length; i++) p = fround(fround(f * p) + (P[i] as number));
  return p * (POWERS[n + 126] as number);
}

function sigmoid(x: number): number {
  return fround(1 / fround(1 + exp2(fround(-x * LOG2E))));
}

function tanh(x: number): number {
  return fround(1 - fround(2 / fround(1 + exp2(fround(x * TWO_LOG2E)))));
}

/** As the kernel's `SHUT`. */
const SHUT = 40;
const sigmoidPower = (x: number): number => exp2(fround(-x * LOG2E), SHUT);
const tanhPower = (x: number): number => exp2(fround(x * TWO_LOG2E), SHUT);

function freeCell(f: Float32Array, z: number, cPrevious: number, cNext: number, hNext: number): void {
  const i = fround(1 + sigmoidPower(f[z] as number));
  const forget = fround(1 + sigmoidPower(f[z + 8] as number));
  const power = tanhPower(f[z + 16] as number);
  const ig = fround(i * fround(1 + power));
  const sum = fround(fround((f[cPrevious] as number) * ig) + fround(fround(power - 1) * forget));
  const c = fround(sum / fround(ig * forget));
  const o = fround(1 + sigmoidPower(f[z + 24] as number));
  const squashed = tanhPower(c);
  f[cNext] = c;
  f[hNext] = fround(squashed - 1) / fround(o * fround(1 + squashed));
}

function keptCell(f: Float32Array, z: number, cPrevious: number, cNext: number, hNext: number, gates: number): void {
  const i = sigmoid(f[z] as number);
  const forget = sigmoid(f[z + 8] as number);
  const g = tanh(f[z + 16] as number);
  const o = sigmoid(f[z + 24] as number);
  const c = fround(fround(forget * (f[cPrevious] as number)) + fround(i * g));
  f[cNext] = c;
  f[hNext] = o * tanh(c);
  f[gates] = i;
  f[gates + 8] = forget;
  f[gates + 16] = g;
  f[gates + 24] = o;
}

/** Element by element: what `kernel/activation.ts`, `cells` and `optimise.ts` do, in the same order and rounding. */
export const plainCells = {
  forward(f: Float32Array, z: number, cPrevious: number, cNext: number, hNext: number, gates: number): void {
    for (let u = 0; u < 8; u++) {
      if (gates) keptCell(f, z + u, cPrevious + u, cNext + u, hNext + u, gates + u);
      else freeCell(f, z + u, cPrevious + u, cNext + u, hNext + u);
    }
  },

  backward(
    f: Float32Array,
    gates: number,
    cPrevious: number,
    cNext: number,
    dh: number,
    dOut: number,
    dc: number,
    dz: number,
    dBias: number,
  ): void {
    for (let u = 0; u < 8; u++) {
      const i = f[gates + u] as number;
      const forget = f[gates + 8 + u] as number;
      const g = f[gates + 16 + u] as number;
      const o = f[gates + 24 + u] as number;
      const squashed = tanh(f[cNext + u] as number);
      let d = f[dh + u] as number;
      if (dOut) d = fround(d + (f[dOut + u] as number));
      const dO = fround(fround(d * squashed) * fround(o * fround(1 - o)));
      const through = fround(fround(d * o) * fround(1 - fround(squashed * squashed)));
      const dC = fround((f[dc + u] as number) + through);
      const dI = fround(fround(dC * g) * fround(i * fround(1 - i)));
      const dG = fround(fround(dC * i) * fround(1 - fround(g * g)));
      const dF = fround(fround(dC * (f[cPrevious + u] as number)) * fround(forget * fround(1 - forget)));
      f[dc + u] = dC * forget;
      for (const [gate, gradient] of [dI, dF, dG, dO].entries()) {
        f[dz + gate * 8 + u] = gradient;
        f[dBias + gate * 8 + u] = (f[dBias + gate * 8 + u] as number) + gradient;
      }
    }
  },

  activate(f: Float32Array, y: number, count: number, activation: number): void {
    const apply = activation === 1 ? (v: number): number => max(v, 0) : activation === 2 ? tanh : sigmoid;
    for (let i = y; i < y + count; i++) f[i] = apply(f[i] as number);
  },

  /** The gradient before the activation, in the place of the one after it. */
  unactivate(f: Float32Array, y: number, dy: number, count: number, activation: number): void {
    if (!activation) return;
    for (let i = 0; i < count; i++) {
      const out = f[y + i] as number;
      const d = f[dy + i] as number;
      if (activation === 1) f[dy + i] = out > 0 ? d : 0;
      else if (activation === 2) f[dy + i] = d * fround(1 - fround(out * out));
      else f[dy + i] = d * fround(out * fround(1 - out));
    }
  },

  vectors(
    memory: () => Float32Array,
  ): Pick<Operations, "packTransposed" | "adam" | "sumOfSquares" | "addScaled" | "multiply" | "dropoutMask"> {
    return {
      packTransposed(weights, total, width, blocks, first, count, out) {
        const f = memory();
        const columns = blocks * width;
        for (let p = 0; p * 8 < count; p++) {
          for (let j = 0; j < columns; j++) {
            const block = Math.floor(j / width);
            for (let i = 0; i < 8; i++) {
              const k = p * 8 + i;
              const from = weights / 4 + (block * total + first + k) * width + (j % width);
              f[out / 4 + (p * columns + j) * 8 + i] = k < count ? (f[from] as number) : 0;
            }
          }
        }
      },

      adam(p, g, m, v, count, rate, beta1, beta2, epsilon) {
        const f = memory();
        const [step, b1, b2, eps] = [fround(rate), fround(beta1), fround(beta2), fround(epsilon)];
        const [c1, c2] = [fround(1 - b1), fround(1 - b2)];
        for (let i = 0; i < count; i++) {
          const d = f[g / 4 + i] as number;
          const first = fround(fround(b1 * (f[m / 4 + i] as number)) + fround(c1 * d));
          const second = fround(fround(b2 * (f[v / 4 + i] as number)) + fround(c2 * fround(d * d)));
          f[m / 4 + i] = first;
          f[v / 4 + i] = second;
          const change = fround(fround(step * first) / fround(fround(sqrt(second)) + eps));
          f[p / 4 + i] = (f[p / 4 + i] as number) - change;
        }
      },

      sumOfSquares(p, count) {
        const f = memory();
        const lanes = [0, 0, 0, 0];
        for (let i = 0; i < count; i++) {
          const v = f[p / 4 + i] as number;
          lanes[i % 4] = fround((lanes[i % 4] as number) + fround(v * v));
        }
        const [a = 0, b = 0, c = 0, d = 0] = lanes;
        return fround(fround(a + b) + fround(c + d));
      },

      addScaled(to, from, count, factor) {
        const f = memory();
        const by = fround(factor);
        for (let i = 0; i < count; i++) {
          f[to / 4 + i] = (f[to / 4 + i] as number) + fround((f[from / 4 + i] as number) * by);
        }
      },

      multiply(to, a, b, count) {
        const f = memory();
        for (let i = 0; i < count; i++) f[to / 4 + i] = (f[a / 4 + i] as number) * (f[b / 4 + i] as number);
      },

      dropoutMask(to, count, rate, state) {
        const f = memory();
        const kept = fround(1 / fround(1 - fround(rate)));
        const threshold = Math.floor(fround(rate) * 4294967296);
        let s = state >>> 0;
        for (let i = 0; i < count; i++) {
          s = (s ^ (s << 13)) >>> 0;
          s = (s ^ (s >>> 17)) >>> 0;
          s = (s ^ (s << 5)) >>> 0;
          f[to / 4 + i] = s < threshold ? 0 : kept;
        }
        return s | 0;
      },
    };
  },
};
