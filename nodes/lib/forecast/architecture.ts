import { ConfigError } from "../errors";

/** Activations that the engine knows, by the kernel's number. */
export const ACTIVATIONS = ["linear", "relu", "tanh", "sigmoid"] as const;
export type Activation = (typeof ACTIVATIONS)[number];

interface LayerBase {
  readonly name: string;
  /** Names of the layers it reads. */
  readonly from: readonly string[];
}
export interface LstmLayer extends LayerBase {
  readonly kind: "lstm";
  readonly units: number;
  /** Gives every step's output to the next layer, not only the last (Keras's `return_sequences`). */
  readonly sequences: boolean;
}
export interface DenseLayer extends LayerBase {
  readonly kind: "dense";
  readonly units: number;
  readonly activation: Activation;
}
export interface DropoutLayer extends LayerBase {
  readonly kind: "dropout";
  readonly rate: number;
}
export interface FlattenLayer extends LayerBase {
  readonly kind: "flatten";
}
export interface MergeLayer extends LayerBase {
  readonly kind: "add" | "average";
}
export type Layer = LstmLayer | DenseLayer | DropoutLayer | FlattenLayer | MergeLayer;

/** A network from one window `[steps × inputs]` to one vector, its layers in the order in which they are computed. */
export interface Architecture {
  readonly input: { readonly name: string; readonly steps: number; readonly inputs: number };
  readonly layers: readonly Layer[];
  /** Name of the layer whose vector is the answer. */
  readonly output: string;
}

/** What a layer gives: `steps` of 0 is a vector. */
export interface Shape {
  readonly steps: number;
  readonly width: number;
}

/** A tensor in Keras's layout: row-major, gates in the order i f c o. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}
/** Tensors by `<layer>/kernel`, `<layer>/recurrent_kernel`, `<layer>/bias`. */
export type Weights = ReadonlyMap<string, Tensor>;

/**
 * The shape of every layer, the input included.
 * @throws ConfigError when a layer reads what does not exist or has a shape that it cannot read
 */
export function shapesOf(architecture: Architecture): Map<string, Shape> {
  const { input, layers, output } = architecture;
  const shapes = new Map<string, Shape>([[input.name, { steps: input.steps, width: input.inputs }]]);
  const flattened = new Set<string>();
  for (const layer of layers) {
    if (shapes.has(layer.name)) throw new ConfigError(`The model has two layers called "${layer.name}".`);
    const sources = layer.from.map((name) => {
      const shape = shapes.get(name);
      if (!shape) throw new ConfigError(`Layer "${layer.name}" reads "${name}", which is not before it in the model.`);
      return shape;
    });
    const raw = layer.from.some((name) => name === input.name || flattened.has(name));
    if (layer.kind === "flatten") flattened.add(layer.name);
    if (raw && (layer.kind === "add" || layer.kind === "average")) {
      throw new ConfigError(`Layer "${layer.name}" (${layer.kind}) must read layers that compute, not the input.`);
    }
    shapes.set(layer.name, shapeOf(layer, sources, layer.from.includes(input.name)));
  }
  const out = shapes.get(output);
  if (!out) throw new ConfigError(`The model's output layer "${output}" does not exist.`);
  if (out.steps) throw new ConfigError(`The model's output "${output}" is a sequence; it must end in a vector.`);
  return shapes;
}

function shapeOf(layer: Layer, sources: readonly Shape[], readsInput: boolean): Shape {
  const [first, ...others] = sources;
  const one = `Layer "${layer.name}" (${layer.kind})`;
  if (!first) throw new ConfigError(`${one} reads nothing.`);
  if (others.length && layer.kind !== "add" && layer.kind !== "average") {
    throw new ConfigError(`${one} must read one layer, not ${sources.length}.`);
  }
  switch (layer.kind) {
    case "lstm":
      if (!first.steps) throw new ConfigError(`${one} needs a sequence, but what it reads is a vector.`);
      return { steps: layer.sequences ? first.steps : 0, width: layer.units };
    case "dense":
      if (first.steps) throw new ConfigError(`${one} needs a vector, but what it reads is a sequence.`);
      return { steps: 0, width: layer.units };
    case "dropout":
      return first;
    case "flatten":
      if (!readsInput) throw new ConfigError(`${one} can flatten the model's input only.`);
      return { steps: 0, width: first.steps * first.width };
    case "add":
    case "average":
      if (first.steps || others.some((other) => other.steps || other.width !== first.width)) {
        throw new ConfigError(`${one} needs vectors of one width.`);
      }
      return first;
  }
}

/** The tensors that the network has, with their shapes. */
export function tensorShapes(architecture: Architecture): Map<string, number[]> {
  const shapes = shapesOf(architecture);
  const tensors = new Map<string, number[]>();
  for (const layer of architecture.layers) {
    const width = shapes.get(layer.from[0] as string)?.width as number;
    if (layer.kind === "lstm") {
      tensors.set(`${layer.name}/kernel`, [width, 4 * layer.units]);
      tensors.set(`${layer.name}/recurrent_kernel`, [layer.units, 4 * layer.units]);
      tensors.set(`${layer.name}/bias`, [4 * layer.units]);
    } else if (layer.kind === "dense") {
      tensors.set(`${layer.name}/kernel`, [width, layer.units]);
      tensors.set(`${layer.name}/bias`, [layer.units]);
    }
  }
  return tensors;
}

/**
 * The tensor of that name, checked.
 * @throws ConfigError when it is missing, has another shape, or holds a value that is not finite
 */
export function tensorOf(weights: Weights, name: string, shape: readonly number[]): Tensor {
  const tensor = weights.get(name);
  if (!tensor) throw new ConfigError(`The model file has no weights "${name}".`);
  const size = shape.reduce((product, n) => product * n, 1);
  if (tensor.shape.join() !== shape.join() || tensor.values.length !== size) {
    throw new ConfigError(
      `Weights "${name}" have shape [${tensor.shape.join(", ")}], but the layer needs [${shape.join(", ")}].`,
    );
  }
  if (!tensor.values.every(Number.isFinite)) {
    throw new ConfigError(`Weights "${name}" hold values that are not finite numbers.`);
  }
  return tensor;
}
