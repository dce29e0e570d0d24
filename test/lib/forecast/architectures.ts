import type { Architecture, Layer } from "../../../nodes/lib/forecast/architecture";

const lstm = (name: string, from: string, units: number, sequences = false): Layer => ({
  kind: "lstm",
  name,
  from: [from],
  units,
  sequences,
});
const dense = (
  name: string,
  from: string,
  units: number,
  activation: "linear" | "relu" | "tanh" | "sigmoid",
): Layer => ({
  kind: "dense",
  name,
  from: [from],
  units,
  activation,
});

/** One LSTM and one dense layer of the given sizes. */
export function simple(steps: number, inputs: number, units: number, outputs: number): Architecture {
  const layers = [lstm("lstm", "input", units), dense("out", "lstm", outputs, "linear")];
  return { input: { name: "input", steps, inputs }, layers, output: "out" };
}

/** Two LSTM layers with dropout between, then two dense layers. */
export function stacked(steps: number, inputs: number, first: number, second: number, rate = 0): Architecture {
  const layers: Layer[] = [
    lstm("lower", "input", first, true),
    { kind: "dropout", name: "dropout", from: ["lower"], rate },
    lstm("upper", "dropout", second),
    dense("hidden", "upper", 9, "tanh"),
    dense("out", "hidden", 3, "sigmoid"),
  ];
  return { input: { name: "input", steps, inputs }, layers, output: "out" };
}

/** A linear path beside two recurrent ones that are averaged. */
export function branched(steps: number, inputs: number, units: number, outputs: number): Architecture {
  const layers: Layer[] = [
    { kind: "flatten", name: "flat", from: ["input"] },
    dense("line", "flat", outputs, "linear"),
    lstm("lstm_a", "input", units),
    dense("a", "lstm_a", outputs, "relu"),
    lstm("lstm_b", "input", units + 3),
    dense("b", "lstm_b", outputs, "linear"),
    { kind: "average", name: "mean", from: ["a", "b"] },
    { kind: "add", name: "sum", from: ["line", "mean"] },
  ];
  return { input: { name: "input", steps, inputs }, layers, output: "sum" };
}
