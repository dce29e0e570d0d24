import type { Architecture, Tensor } from "./architecture";
import { initialWeights } from "./random";
import type { Linear } from "./ridge";

/**
 * Networks that learn what a linear map of the window leaves over: a dense layer on the flattened window, which starts as
 * the ridge's solution, and beside it LSTM layers that start small. So training begins where linear regression ends.
 */
export interface ResidualShape {
  /** Units of each LSTM layer, the first next to the window. */
  readonly units: readonly number[];
  /** Share of the last LSTM layer's outputs that is left out in training. */
  readonly dropout: number;
}

/** What the flattened window and the answer measure. */
export interface ResidualSize {
  readonly steps: number;
  readonly inputs: number;
  readonly outputs: number;
}

type Layers = Architecture["layers"];

/** The layers' names: `lstm`, then `lstm_b`, `lstm_c`, …; `suffix` tells networks side by side apart. */
const lstmName = (index: number, suffix = ""): string =>
  `lstm${index === 0 ? "" : `_${String.fromCharCode(97 + index)}`}${suffix}`;

function lstms({ units }: ResidualShape, suffix?: string): Layers {
  return units.map((size, i) => ({
    kind: "lstm",
    name: lstmName(i, suffix),
    from: [i === 0 ? "window" : lstmName(i - 1, suffix)],
    units: size,
    sequences: i < units.length - 1,
  }));
}

const line = (outputs: number): Layers => [
  { kind: "flatten", name: "flat", from: ["window"] },
  { kind: "dense", name: "line", from: ["flat"], units: outputs, activation: "linear" },
];

const rest = (name: string, from: string, outputs: number): Layers[number] => ({
  kind: "dense",
  name,
  from: [from],
  units: outputs,
  activation: "linear",
});

/** One network, as it is trained. */
export function residualNetwork(shape: ResidualShape, { steps, inputs, outputs }: ResidualSize): Architecture {
  const last = lstmName(shape.units.length - 1);
  return {
    input: { name: "window", steps, inputs },
    layers: [
      ...line(outputs),
      ...lstms(shape),
      { kind: "dropout", name: "dropout", from: [last], rate: shape.dropout },
      rest("rest", "dropout", outputs),
      { kind: "add", name: "forecast", from: ["line", "rest"] },
    ],
    output: "forecast",
  };
}

/** Weights to start from: the linear map as it is, and small random ones beside it. */
export function residualStart(architecture: Architecture, linear: Linear, seed: number): Map<string, Tensor> {
  const start = initialWeights(architecture, seed);
  const outputs = linear.length;
  const kernel = start.get("line/kernel") as Tensor;
  const bias = start.get("line/bias") as Tensor;
  for (const [o, weights] of linear.entries()) {
    const constant = weights.length - 1;
    for (let i = 0; i < constant; i++) kernel.values[i * outputs + o] = weights[i] as number;
    bias.values[o] = weights[constant] as number;
  }
  const small = start.get("rest/kernel") as Tensor;
  start.set("rest/kernel", { shape: small.shape, values: small.values.map((v) => v * 0.1) });
  return start;
}

/** A trained network, and the outputs that it has learnt; absent: all. */
export interface Member {
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly learnt?: readonly number[] | undefined;
}

/**
 * The mean of several trained networks as one: their linear maps averaged, their LSTMs side by side. An output is the mean of
 * those networks that have learnt it: in the average of all, theirs count more and the others' not at all.
 */
export function ensemble(
  members: readonly Member[],
  shape: ResidualShape,
  { steps, inputs, outputs }: ResidualSize,
): { architecture: Architecture; weights: Map<string, Tensor> } {
  const weights = new Map<string, Tensor>();
  const shares = sharesOf(members, outputs);
  for (const part of ["line/kernel", "line/bias"]) {
    const tensors = members.map((member) => member.weights.get(part) as Tensor);
    const { shape: size, values } = tensors[0] as Tensor;
    const mean = values.map(
      (_, i) =>
        tensors.reduce((sum, one, m) => sum + (one.values[i] as number) * (shares[m]?.[i % outputs] ?? 0), 0) /
        tensors.length,
    );
    weights.set(part, { shape: size, values: mean });
  }
  for (const [i, member] of members.entries()) {
    for (const [name, tensor] of member.weights) {
      const [layer = "", part = ""] = name.split("/");
      if (layer === "line") continue;
      const values =
        layer === "rest" ? tensor.values.map((v, at) => v * (shares[i]?.[at % outputs] ?? 0)) : tensor.values;
      weights.set(`${layer}_${i + 1}/${part}`, { shape: tensor.shape, values });
    }
  }
  const numbers = members.map((_, i) => i + 1);
  const last = shape.units.length - 1;
  return {
    weights,
    architecture: {
      input: { name: "window", steps, inputs },
      layers: [
        ...line(outputs),
        ...numbers.flatMap((n) => [...lstms(shape, `_${n}`), rest(`rest_${n}`, lstmName(last, `_${n}`), outputs)]),
        { kind: "average", name: "rest", from: numbers.map((n) => `rest_${n}`) },
        { kind: "add", name: "forecast", from: ["line", "rest"] },
      ],
      output: "forecast",
    },
  };
}

/** How much each member counts in the average of all, by output. */
function sharesOf(members: readonly Member[], outputs: number): number[][] {
  const has = ({ learnt }: Member, output: number): boolean => learnt?.includes(output) ?? true;
  const counts = Array.from({ length: outputs }, (_, o) => members.filter((member) => has(member, o)).length);
  return members.map((member) => counts.map((count, o) => (has(member, o) ? members.length / count : 0)));
}
