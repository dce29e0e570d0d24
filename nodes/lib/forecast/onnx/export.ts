/** A network as an ONNX model, for onnxruntime and for whatever else serves ONNX. */
import { shapesOf, tensorOf, tensorShapes, type Architecture, type Layer, type Weights } from "../architecture";
import type { ForecastMetadata } from "../metadata";
import { described, node, tensor } from "./graph";
import { METADATA_KEY } from "./metadata";
import { protoMessage, type ProtoField } from "./protobuf";

/** What the model's only input and output are called. */
export const INPUT = "window";
export const OUTPUT = "forecast";

/** Every runtime since 2020 reads these. */
const IR_VERSION = 7;
const OPSET = 12;

const ACTIVATED = { relu: "Relu", tanh: "Tanh", sigmoid: "Sigmoid" } as const;

/**
 * An ONNX model that reads `window` `[batch × steps × inputs]`, and answers with `forecast` `[batch × outputs]`; both float32.
 * Dropout, which only training knows, is left out.
 * @param metadata kept in the file's `metadata_props`, from which `lstm predictor` reads it
 * @throws ConfigError when layers and weights do not fit together
 */
export function onnxModel(architecture: Architecture, weights: Weights, metadata?: ForecastMetadata): Buffer {
  const shapes = shapesOf(architecture);
  const { input, layers, output } = architecture;
  const sizes = tensorShapes(architecture);
  const values = (layer: Layer, part: string): Float32Array => {
    const name = `${layer.name}/${part}`;
    return tensorOf(weights, name, sizes.get(name) as number[]).values;
  };
  const nodes: Buffer[] = [];
  const tensors: Buffer[] = [];
  /** Name of the tensor that holds a layer's output. Sequences are `[steps × batch × width]`, as ONNX's LSTM has them. */
  const held = new Map<string, string>();
  let turned = false;

  /** The window with its steps first. */
  const sequence = (name: string): string => {
    const from = held.get(name) as string;
    if (from !== INPUT) return from;
    if (!turned) nodes.push(node("Transpose", [INPUT], ["steps"], ["perm", [1, 0, 2]]));
    turned = true;
    return "steps";
  };

  held.set(input.name, INPUT);
  for (const layer of layers) {
    const source = layer.from[0] as string;
    const out = `${layer.name}/out`;
    held.set(layer.name, layer.kind === "dropout" ? (held.get(source) as string) : out);
    const width = shapes.get(source)?.width as number;
    switch (layer.kind) {
      case "lstm": {
        const { units, sequences } = layer;
        const [w, r, b] = ["W", "R", "B"].map((part) => `${layer.name}/${part}`) as [string, string, string];
        const bias = new Float32Array(8 * units);
        bias.set(gates(values(layer, "bias"), 1, units));
        tensors.push(
          tensor(w, [1, 4 * units, width], gates(values(layer, "kernel"), width, units)),
          tensor(r, [1, 4 * units, units], gates(values(layer, "recurrent_kernel"), units, units)),
          tensor(b, [1, 8 * units], bias),
        );
        // Its outputs are those of all steps, [steps × directions × batch × units], and of the last.
        const raw = `${layer.name}/directions`;
        const outputs = sequences ? [raw] : ["", raw];
        nodes.push(
          node("LSTM", [sequence(source), w, r, b], outputs, ["hidden_size", units]),
          node("Squeeze", [raw], [out], ["axes", [sequences ? 1 : 0]]),
        );
        break;
      }
      case "dense": {
        const { units, activation } = layer;
        const [k, b] = ["K", "b"].map((part) => `${layer.name}/${part}`) as [string, string];
        tensors.push(tensor(k, [width, units], values(layer, "kernel")), tensor(b, [units], values(layer, "bias")));
        const linear = activation === "linear" ? out : `${layer.name}/linear`;
        nodes.push(node("Gemm", [held.get(source) as string, k, b], [linear]));
        if (activation !== "linear") nodes.push(node(ACTIVATED[activation], [linear], [out]));
        break;
      }
      case "flatten":
        nodes.push(node("Flatten", [held.get(source) as string], [out], ["axis", 1]));
        break;
      case "add":
      case "average": {
        const sources = layer.from.map((name) => held.get(name) as string);
        nodes.push(node(layer.kind === "add" ? "Sum" : "Mean", sources, [out]));
        break;
      }
      case "dropout":
        break;
    }
  }
  nodes.push(node("Identity", [held.get(output) as string], [OUTPUT]));
  const graph = protoMessage(
    ...nodes.map((one): ProtoField => [1, one]),
    [2, metadata?.name ?? "forecast"],
    ...tensors.map((one): ProtoField => [5, one]),
    [11, described(INPUT, input.steps, input.inputs)],
    [12, described(OUTPUT, shapes.get(output)?.width as number)],
  );
  const told = metadata ? [propertyOf(metadata)] : [];
  return protoMessage(
    [1, IR_VERSION],
    [2, "citystream"],
    [7, graph],
    [8, protoMessage([2, OPSET])],
    ...told.map((one): ProtoField => [14, one]),
  );
}

const propertyOf = (metadata: ForecastMetadata): Buffer =>
  protoMessage([1, METADATA_KEY], [2, JSON.stringify(metadata)]);

/**
 * Keras's columns, gates in the order i f c o, row-major `[rows × 4 · units]`, as ONNX has them: `[4 · units × rows]`, gates in the
 * order i o f c.
 */
function gates(values: Float32Array, rows: number, units: number): Float32Array {
  const out = new Float32Array(values.length);
  for (const [to, from] of [0, 3, 1, 2].entries()) {
    for (let unit = 0; unit < units; unit++) {
      for (let row = 0; row < rows; row++) {
        out[(to * units + unit) * rows + row] = values[row * 4 * units + from * units + unit] as number;
      }
    }
  }
  return out;
}
