import { ACTIVATIONS, shapesOf } from "./architecture";
import type { Network, Placed, Value, Values } from "./network";

/** What back-propagation through one network needs beside it; addresses in bytes. */
export interface Gradients {
  /** In the layout of the network's parameters. */
  readonly parameters: number;
  /** Gradient of every layer's output, zeroed at each pass; consumers add to it. */
  readonly outputs: ReadonlyMap<string, { readonly at: number; readonly count: number }>;
  readonly transposed: ReadonlyMap<string, { readonly inputs: number; readonly units: number }>;
  readonly work: { readonly dh: number; readonly dc: number; readonly dz: number };
}

const pad8 = (width: number): number => Math.ceil(width / 8) * 8;

/** Lays out what `backward` needs for the network, which must have been placed for training. */
export function placeGradients(network: Network): Gradients {
  const { engine, rows, placed, architecture } = network;
  const shapes = shapesOf(architecture);
  const outputs = new Map<string, { at: number; count: number }>();
  const transposed = new Map<string, { inputs: number; units: number }>();
  let widest = 0;
  for (const { layer, source, inputs, blocks } of placed) {
    const shape = shapes.get(layer.name);
    if (layer.kind === "flatten" || !shape) continue;
    const count = (shape.steps || 1) * rows * pad8(shape.width);
    outputs.set(layer.name, { at: engine.allocate(count), count });
    if (layer.kind === "lstm") {
      widest = Math.max(widest, blocks);
      const columns = blocks * 32;
      const readsLayer = source !== architecture.input.name;
      transposed.set(layer.name, {
        inputs: readsLayer ? engine.allocate(pad8(inputs) * columns) : 0,
        units: engine.allocate(blocks * 8 * columns),
      });
    } else if (layer.kind === "dense" && readsGradient(network, source)) {
      transposed.set(layer.name, { inputs: engine.allocate(pad8(inputs) * blocks * 8), units: 0 });
    }
  }
  return {
    parameters: engine.allocate(network.parameters.count),
    outputs,
    transposed,
    work: {
      dh: engine.allocate(rows * widest * 8),
      dc: engine.allocate(rows * widest * 8),
      dz: engine.allocate(rows * widest * 32),
    },
  };
}

/** Whether anything is learnt below `name`: not below the input, nor below its flattened view. */
function readsGradient(network: Network, name: string): boolean {
  if (name === network.architecture.input.name) return false;
  return network.placed.find((placed) => placed.layer.name === name)?.layer.kind !== "flatten";
}

/** Zeroes all gradients: before a pass. The gradient of the output is then written by the loss. */
export function clearGradients(network: Network, gradients: Gradients): void {
  const { floats } = network.engine;
  const zero = (at: number, count: number): unknown => floats.fill(0, at / 4, at / 4 + count);
  zero(gradients.parameters, network.parameters.count);
  for (const { at, count } of gradients.outputs.values()) zero(at, count);
}

/**
 * Adds the gradients of all weights, from the gradient of the output layer.
 * @param masks address of the mask each dropout layer used in the forward pass
 */
export function backward(
  network: Network,
  gradients: Gradients,
  values: Values,
  rows: number,
  masks: ReadonlyMap<string, number>,
): void {
  const { engine } = network;
  for (const placed of [...network.placed].reverse()) {
    const { layer } = placed;
    const value = values.get(layer.name) as Value;
    const own = gradients.outputs.get(layer.name)?.at ?? 0;
    const count = (value.steps || 1) * rows * (value.row / 4);
    if (layer.kind === "lstm") lstm(network, gradients, values, placed, rows);
    else if (layer.kind === "dense") dense(network, gradients, values, placed, rows);
    else if (layer.kind === "dropout") {
      const below = gradients.outputs.get(placed.source)?.at ?? 0;
      const mask = masks.get(layer.name);
      if (mask) engine.multiply(own, own, mask, count);
      if (below) engine.addScaled(below, own, count, 1);
    } else if (layer.kind === "add" || layer.kind === "average") {
      const factor = layer.kind === "add" ? 1 : 1 / layer.from.length;
      for (const from of layer.from) {
        const below = gradients.outputs.get(from)?.at ?? 0;
        if (below) engine.addScaled(below, own, count, factor);
      }
    }
  }
}

/** Where the gradients of a layer's weights and bias lie. */
function ownGradients(network: Network, gradients: Gradients, placed: Placed): [weights: number, bias: number] {
  const shift = gradients.parameters - network.parameters.at;
  return [placed.weights + shift, placed.bias + shift];
}

function lstm(network: Network, gradients: Gradients, values: Values, placed: Placed, rows: number): void {
  const { engine, architecture } = network;
  const { layer, inputs, blocks } = placed;
  if (layer.kind !== "lstm") return;
  const source = values.get(placed.source) as Value;
  const turned = gradients.transposed.get(layer.name) ?? { inputs: 0, units: 0 };
  const total = inputs + layer.units;
  engine.packTransposed(placed.weights, total, 32, blocks, inputs, layer.units, turned.units);
  if (turned.inputs) engine.packTransposed(placed.weights, total, 32, blocks, 0, inputs, turned.inputs);
  const below = turned.inputs ? (gradients.outputs.get(placed.source)?.at ?? 0) : 0;
  const [dWeights, dBias] = ownGradients(network, gradients, placed);
  const { dh, dc, dz } = gradients.work;
  engine.lstmBackward(
    ...([source.at, source.row, source.step, inputs, layer.units, blocks, placed.out, placed.c, placed.gates] as const),
    ...([gradients.outputs.get(layer.name)?.at ?? 0, layer.sequences ? 1 : 0, turned.inputs, turned.units] as const),
    ...([below, source.row, dh, dc, dz, dWeights, dBias, rows, architecture.input.steps] as const),
  );
}

function dense(network: Network, gradients: Gradients, values: Values, placed: Placed, rows: number): void {
  const { engine } = network;
  const { layer, inputs, blocks } = placed;
  if (layer.kind !== "dense") return;
  const source = values.get(placed.source) as Value;
  const own = values.get(layer.name) as Value;
  const turned = gradients.transposed.get(layer.name)?.inputs ?? 0;
  if (turned) engine.packTransposed(placed.weights, inputs, 8, blocks, 0, inputs, turned);
  const below = turned ? (gradients.outputs.get(placed.source)?.at ?? 0) : 0;
  const [dWeights, dBias] = ownGradients(network, gradients, placed);
  engine.denseBackward(
    ...([source.at, source.row, inputs, own.at, gradients.outputs.get(layer.name)?.at ?? 0, blocks, rows] as const),
    ...([ACTIVATIONS.indexOf(layer.activation), turned, below, source.row, dWeights, dBias] as const),
  );
}
