import { tensorShapes, type Architecture, type Tensor } from "./architecture";

/** Numbers in [0, 1) from a seed: xorshift32, so that a seed means the same everywhere. */
export function randomNumbers(seed: number): () => number {
  // A seed of 0 would stay 0; small seeds are spread over all bits first.
  let state = (Math.imul(seed + 0x9e3779b9, 0x85ebca6b) ^ 0x27d4eb2f) >>> 0 || 1;
  return () => {
    state = (state ^ (state << 13)) >>> 0;
    state = (state ^ (state >>> 17)) >>> 0;
    state = (state ^ (state << 5)) >>> 0;
    return state / 4294967296;
  };
}

/** A normal variate (Box and Muller). */
export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Shuffles in place (Fisher and Yates). */
export function shuffle(values: Int32Array, random: () => number): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const held = values[i] as number;
    values[i] = values[j] as number;
    values[j] = held;
  }
}

/**
 * Weights to start from, as Keras: kernels Glorot uniform, recurrent kernels orthogonal, biases zero but for the forget
 * gate's, which are one.
 */
export function initialWeights(architecture: Architecture, seed: number): Map<string, Tensor> {
  const random = randomNumbers(seed);
  const weights = new Map<string, Tensor>();
  const units = new Map(architecture.layers.map((layer) => [layer.name, layer.kind === "lstm" ? layer.units : 0]));
  for (const [name, shape] of tensorShapes(architecture)) {
    const [rows = 0, columns = 1] = shape;
    const values = new Float32Array(rows * columns);
    const lstm = units.get(name.slice(0, name.lastIndexOf("/"))) ?? 0;
    if (name.endsWith("/kernel")) {
      const limit = Math.sqrt(6 / (rows + columns));
      for (let i = 0; i < values.length; i++) values[i] = (2 * random() - 1) * limit;
    } else if (name.endsWith("/recurrent_kernel")) {
      values.set(orthogonal(rows, columns, random));
    } else if (lstm) {
      values.fill(1, lstm, 2 * lstm);
    }
    weights.set(name, { shape, values });
  }
  return weights;
}

/** `rows` orthonormal rows of length `columns` ≥ `rows`, by Gram and Schmidt on normal variates. */
function orthogonal(rows: number, columns: number, random: () => number): Float32Array {
  const matrix: Float64Array[] = [];
  while (matrix.length < rows) {
    const row = Float64Array.from({ length: columns }, () => normal(random));
    for (const other of matrix) {
      const along = row.reduce((sum, v, i) => sum + v * (other[i] as number), 0);
      for (let i = 0; i < columns; i++) row[i] = (row[i] as number) - along * (other[i] as number);
    }
    const length = Math.hypot(...row);
    if (length > 1e-6) matrix.push(row.map((v) => v / length));
  }
  return Float32Array.from(matrix.flatMap((row) => [...row]));
}
