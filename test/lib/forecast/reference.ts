import type { Architecture, Layer, Tensor, Weights } from "../../../nodes/lib/forecast/architecture";

/**
 * The same networks in plain double-precision loops, written from the LSTM's equations (Keras's gate order i f c o) and
 * from nothing of the engine: what the engine is held against.
 */
export function referenceOutput(architecture: Architecture, weights: Weights, window: ArrayLike<number>): number[] {
  const { input, layers, output } = architecture;
  const values = new Map<string, number[][]>();
  const rows: number[][] = [];
  for (let t = 0; t < input.steps; t++) {
    rows.push(Array.from({ length: input.inputs }, (_, i) => window[t * input.inputs + i] as number));
  }
  values.set(input.name, rows);
  for (const layer of layers) {
    const sources = layer.from.map((name) => values.get(name) as number[][]);
    values.set(layer.name, layerOutput(layer, sources, weights));
  }
  return (values.get(output) as number[][])[0] as number[];
}

function layerOutput(layer: Layer, sources: number[][][], weights: Weights): number[][] {
  const source = sources[0] as number[][];
  const tensor = (part: string): Tensor => weights.get(`${layer.name}/${part}`) as Tensor;
  switch (layer.kind) {
    case "lstm": {
      const outputs = lstm(source, layer.units, tensor("kernel"), tensor("recurrent_kernel"), tensor("bias"));
      return layer.sequences ? outputs : [outputs.at(-1) as number[]];
    }
    case "dense": {
      const sums = affine(source[0] as number[], tensor("kernel"), [...tensor("bias").values]);
      return [sums.map((v) => activate(layer.activation, v))];
    }
    case "flatten":
      return [source.flat()];
    case "dropout":
      return source;
    case "add":
    case "average": {
      const factor = layer.kind === "add" ? 1 : 1 / sources.length;
      const first = source[0] as number[];
      return [first.map((_, i) => sources.reduce((sum, s) => sum + factor * ((s[0] as number[])[i] as number), 0))];
    }
  }
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

function activate(activation: string, x: number): number {
  if (activation === "relu") return Math.max(0, x);
  if (activation === "tanh") return Math.tanh(x);
  return activation === "sigmoid" ? sigmoid(x) : x;
}

/** `start + vector · matrix` */
function affine(vector: number[], matrix: Tensor, start: number[]): number[] {
  const columns = matrix.shape[1] as number;
  const sums = [...start];
  for (const [i, v] of vector.entries()) {
    for (let j = 0; j < columns; j++) sums[j] = (sums[j] as number) + v * (matrix.values[i * columns + j] as number);
  }
  return sums;
}

function lstm(rows: number[][], units: number, kernel: Tensor, recurrent: Tensor, bias: Tensor): number[][] {
  let h = Array.from({ length: units }, () => 0);
  let c = h;
  return rows.map((row) => {
    const z = affine(h, recurrent, affine(row, kernel, [...bias.values]));
    const gate = (n: number, u: number): number => z[n * units + u] as number;
    c = c.map((cell, u) => sigmoid(gate(1, u)) * cell + sigmoid(gate(0, u)) * Math.tanh(gate(2, u)));
    h = c.map((cell, u) => sigmoid(gate(3, u)) * Math.tanh(cell));
    return h;
  });
}
