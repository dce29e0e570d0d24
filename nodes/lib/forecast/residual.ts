import type { Architecture, Tensor } from "./architecture";
import { initialWeights } from "./random";
import type { Linear } from "./ridge";

/**
 * Networks that learn what a linear map of the window leaves over: a dense layer on the flattened window, which starts as
 * the ridge's solution, and beside it layers that start small. So training begins where linear regression ends.
 */
export interface ResidualShape {
  /** Units of each layer beside the linear map, the first next to the window. */
  readonly units: readonly number[];
  /** Share of the outputs of the last LSTM layer, or of every dense one, that is left out in training. */
  readonly dropout: number;
  /** `lstm` (default), or `dense` layers (relu) on the flattened window, which compute a tenth of what LSTM layers do. */
  readonly layers?: "lstm" | "dense";
  /** False: no linear map. It follows the last readings far, which is wrong where little of them is left to be seen. */
  readonly line?: boolean;
}

/** What the flattened window and the answer measure. */
export interface ResidualSize {
  readonly steps: number;
  readonly inputs: number;
  readonly outputs: number;
}

type Layers = Architecture["layers"];

/** The layers' names: `lstm`, then `lstm_b`, `lstm_c`, …; `suffix` tells networks side by side apart. */
const layerName = ({ layers = "lstm" }: ResidualShape, index: number, suffix: string): string =>
  `${layers}${index === 0 ? "" : `_${String.fromCharCode(97 + index)}`}${suffix}`;

const FLAT: Layers[number] = { kind: "flatten", name: "flat", from: ["window"] };

const linear = (name: string, from: string, outputs: number): Layers[number] => ({
  kind: "dense",
  name,
  from: [from],
  units: outputs,
  activation: "linear",
});

/** What stands beside the linear map, from the window to `rest`; with dropout as it is trained. */
function beside(shape: ResidualShape, outputs: number, suffix: string, training: boolean): Layers {
  const { units, dropout } = shape;
  const dense = shape.layers === "dense";
  let from = dense ? FLAT.name : "window";
  const layers: Layers[number][] = [];
  for (const [i, size] of units.entries()) {
    const name = layerName(shape, i, suffix);
    const last = i === units.length - 1;
    if (dense) layers.push({ kind: "dense", name, from: [from], units: size, activation: "relu" });
    else layers.push({ kind: "lstm", name, from: [from], units: size, sequences: !last });
    from = name;
    if (!training || !(dense || last)) continue;
    from = last ? "dropout" : `dropout_${i + 1}`;
    layers.push({ kind: "dropout", name: from, from: [name], rate: dropout });
  }
  return [...layers, linear(`rest${suffix}`, from, outputs)];
}

/** One network, as it is trained. */
export function residualNetwork(shape: ResidualShape, { steps, inputs, outputs }: ResidualSize): Architecture {
  const { line = true } = shape;
  return {
    input: { name: "window", steps, inputs },
    layers: [
      ...(line || shape.layers === "dense" ? [FLAT] : []),
      ...(line ? [linear("line", FLAT.name, outputs)] : []),
      ...beside(shape, outputs, "", true),
      ...(line ? [{ kind: "add" as const, name: "forecast", from: ["line", "rest"] }] : []),
    ],
    output: line ? "forecast" : "rest",
  };
}

/**
 * Weights to start from: the linear map as it is and small random ones beside it; without one, random ones as Keras has them.
 * @param reads inputs that have weights; absent: all
 */
export function residualStart(
  architecture: Architecture,
  line: Linear,
  seed: number,
  reads?: readonly number[],
): Map<string, Tensor> {
  const start = initialWeights(architecture, seed);
  const outputs = line.length;
  const kernel = start.get("line/kernel");
  const bias = start.get("line/bias");
  for (const [o, weights] of line.entries()) {
    if (!kernel || !bias) break;
    const constant = weights.length - 1;
    for (let i = 0; i < constant; i++) kernel.values[i * outputs + o] = weights[i] as number;
    bias.values[o] = weights[constant] as number;
  }
  const rest = start.get("rest/kernel") as Tensor;
  if (kernel) start.set("rest/kernel", { shape: rest.shape, values: rest.values.map((v) => v * 0.1) });
  const { inputs } = architecture.input;
  for (const { name, from } of reads ? architecture.layers : []) {
    const tensor = start.get(`${name}/kernel`);
    if (!tensor || !from.some((source) => source === "window" || source === FLAT.name)) continue;
    const columns = tensor.shape[1] as number;
    const values = tensor.values.map((v, at) => (reads?.includes(Math.floor(at / columns) % inputs) ? v : 0));
    start.set(`${name}/kernel`, { shape: tensor.shape, values });
  }
  return start;
}

/** A trained network, and the outputs that it has learnt; absent: all. */
export interface Member {
  readonly shape: ResidualShape;
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly learnt?: readonly number[] | undefined;
}

/**
 * The mean of several trained networks as one: their linear maps averaged, what is beside them side by side. An output is the
 * mean of those networks that have learnt it: in the average of all, theirs count more and the others' not at all.
 */
export function ensemble(
  members: readonly Member[],
  { steps, inputs, outputs }: ResidualSize,
): { architecture: Architecture; weights: Map<string, Tensor> } {
  const shares = sharesOf(members, outputs);
  const weights = meanLine(members, shares, outputs);
  for (const [i, member] of members.entries()) {
    for (const [name, tensor] of member.weights) {
      const [layer = "", part = ""] = name.split("/");
      if (layer === "line") continue;
      const values =
        layer === "rest" ? tensor.values.map((v, at) => v * (shares[i]?.[at % outputs] ?? 0)) : tensor.values;
      weights.set(`${layer}_${i + 1}/${part}`, { shape: tensor.shape, values });
    }
  }
  const lined = weights.has("line/kernel");
  return {
    weights,
    architecture: {
      input: { name: "window", steps, inputs },
      layers: [
        ...(lined || members.some(({ shape }) => shape.layers === "dense") ? [FLAT] : []),
        ...(lined ? [linear("line", FLAT.name, outputs)] : []),
        ...members.flatMap(({ shape }, i) => beside(shape, outputs, `_${i + 1}`, false)),
        { kind: "average", name: "rest", from: members.map((_, i) => `rest_${i + 1}`) },
        ...(lined ? [{ kind: "add" as const, name: "forecast", from: ["line", "rest"] }] : []),
      ],
      output: lined ? "forecast" : "rest",
    },
  };
}

/** The mean of the members' linear maps, of which those without one have zero; empty when none has one. */
function meanLine(members: readonly Member[], shares: readonly number[][], outputs: number): Map<string, Tensor> {
  const mean = new Map<string, Tensor>();
  for (const part of ["line/kernel", "line/bias"]) {
    const tensors = members.map(({ weights }) => weights.get(part));
    const shape = tensors.find((tensor) => tensor)?.shape;
    if (!shape) continue;
    const values = Float32Array.from({ length: shape.reduce((product, n) => product * n, 1) }, (_, i) => {
      const share = (m: number): number => shares[m]?.[i % outputs] ?? 0;
      return tensors.reduce((sum, one, m) => sum + (one?.values[i] ?? 0) * share(m), 0) / members.length;
    });
    mean.set(part, { shape, values });
  }
  return mean;
}

/** How much each member counts in the average of all, by output. */
function sharesOf(members: readonly Member[], outputs: number): number[][] {
  const has = ({ learnt }: Member, output: number): boolean => learnt?.includes(output) ?? true;
  const counts = Array.from({ length: outputs }, (_, o) => members.filter((member) => has(member, o)).length);
  return members.map((member) => counts.map((count, o) => (has(member, o) ? members.length / count : 0)));
}
