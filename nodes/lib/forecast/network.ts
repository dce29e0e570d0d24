import { ConfigError } from "../errors";
import type { Engine } from "./engine";
import {
  ACTIVATIONS,
  shapesOf,
  tensorOf,
  tensorShapes,
  type Architecture,
  type Layer,
  type Tensor,
  type Weights,
} from "./architecture";
import { packDense, packLstm, unpackDense, unpackLstm } from "./packing";

/** Where a layer's output lies: `row` bytes from one window to the next, `step` bytes from one step to the next. */
export interface Value {
  readonly at: number;
  readonly row: number;
  readonly step: number;
  readonly width: number;
  /** 0: a vector. */
  readonly steps: number;
}

/** A layer laid out in the engine's memory; addresses in bytes, 0 where there is none. */
export interface Placed {
  readonly layer: Layer;
  readonly source: string;
  /** Inputs to one unit: rows of the weight matrix before the recurrent ones. */
  readonly inputs: number;
  /** Blocks of eight units or columns. */
  readonly blocks: number;
  readonly weights: number;
  readonly bias: number;
  /** Output; LSTM: `h`, whose first slot is the start. */
  readonly out: number;
  readonly c: number;
  readonly gates: number;
}

/** A network in an engine's memory, for up to `rows` windows at a time. */
export interface Network {
  readonly engine: Engine;
  readonly architecture: Architecture;
  readonly rows: number;
  readonly training: boolean;
  /** Windows to compute, `[rows × steps × inputs]`. */
  readonly input: number;
  /** All weights, one after the other, in panels: the padding among them is zero and stays so. */
  readonly parameters: { readonly at: number; readonly count: number };
  readonly placed: readonly Placed[];
  readonly scratch: number;
  /** By count of windows, without dropout and with it. */
  readonly passes: { readonly plain: Pass[]; readonly dropping: Pass[] };
}

const pad8 = (width: number): number => Math.ceil(width / 8) * 8;

/**
 * Lays a network out in the engine's memory.
 * @param rows windows computed together
 * @param training keeps what back-propagation needs
 * @throws ConfigError when layers and weights do not fit together
 */
export function placeNetwork(
  engine: Engine,
  architecture: Architecture,
  weights: Weights,
  rows: number,
  training = false,
): Network {
  const shapes = shapesOf(architecture);
  const { steps, inputs } = architecture.input;
  const sized = architecture.layers.map((layer) => {
    const source = layer.from[0] as string;
    if (training && layer.kind === "dropout" && source === architecture.input.name) {
      throw new ConfigError(`Layer "${layer.name}": dropout of the model's input cannot be trained here.`);
    }
    const width = shapes.get(source)?.width as number;
    const units = "units" in layer ? layer.units : 0;
    const blocks = pad8(units) / 8;
    const weightCount = layer.kind === "lstm" ? blocks * 32 * (width + units) : blocks * 8 * width;
    return { layer, source, inputs: width, blocks, weightCount, biasCount: blocks * (layer.kind === "lstm" ? 32 : 8) };
  });
  const count = sized.reduce((sum, s) => sum + s.weightCount + s.biasCount, 0);
  const parameters = { at: engine.allocate(count), count };
  let next = parameters.at;
  const placed = sized.map(({ layer, source, inputs: width, blocks, weightCount, biasCount }) => {
    const shape = shapes.get(layer.name);
    const weightsAt = next;
    const bias = weightsAt + weightCount * 4;
    next = bias + biasCount * 4;
    const wide = pad8(shape?.width ?? 0);
    const keep = training || (layer.kind === "lstm" && layer.sequences);
    const slots = layer.kind === "lstm" ? (keep ? steps + 1 : 2) : shape?.steps || 1;
    const aliased = layer.kind === "flatten" || (layer.kind === "dropout" && !training);
    return {
      layer,
      source,
      inputs: width,
      blocks,
      weights: weightsAt,
      bias,
      out: aliased ? 0 : engine.allocate(slots * rows * wide),
      c: layer.kind === "lstm" ? engine.allocate(slots * rows * wide) : 0,
      gates: layer.kind === "lstm" && training ? engine.allocate(steps * rows * blocks * 32) : 0,
    };
  });
  const network: Network = {
    engine,
    architecture,
    rows,
    training,
    input: engine.allocate(rows * steps * inputs),
    parameters,
    placed,
    scratch: engine.allocate(128),
    passes: { plain: [], dropping: [] },
  };
  for (const [name, shape] of tensorShapes(architecture)) tensorOf(weights, name, shape);
  for (const layer of placed) packLayer(network, layer, (name) => weights.get(name) as Tensor, "in");
  return network;
}

/** The network's weights in Keras's layout, copied out of the engine. */
export function weightsOf(network: Network): Map<string, Tensor> {
  const weights = new Map<string, Tensor>();
  for (const [name, shape] of tensorShapes(network.architecture)) {
    const size = shape.reduce((product, n) => product * n, 1);
    weights.set(name, { shape, values: new Float32Array(size) });
  }
  for (const layer of network.placed) packLayer(network, layer, (name) => weights.get(name) as Tensor, "out");
  return weights;
}

function packLayer(network: Network, placed: Placed, tensor: (name: string) => Tensor, way: "in" | "out"): void {
  const { layer, inputs, blocks } = placed;
  if (layer.kind !== "lstm" && layer.kind !== "dense") return;
  const { floats } = network.engine;
  const bias = floats.subarray(placed.bias / 4);
  const biasValues = tensor(`${layer.name}/bias`).values;
  const kernel = tensor(`${layer.name}/kernel`).values;
  if (layer.kind === "lstm") {
    const total = inputs + layer.units;
    const panel = floats.subarray(placed.weights / 4, placed.weights / 4 + blocks * total * 32);
    const recurrent = tensor(`${layer.name}/recurrent_kernel`).values;
    const move = way === "in" ? packLstm : unpackLstm;
    if (way === "in") {
      packLstm(kernel, layer.units, total, 0, panel);
      packLstm(recurrent, layer.units, total, inputs, panel);
      packLstm(biasValues, layer.units, 1, 0, bias);
    } else {
      unpackLstm(panel, layer.units, total, 0, kernel);
      unpackLstm(panel, layer.units, total, inputs, recurrent);
      move(bias, layer.units, 1, 0, biasValues);
    }
  } else {
    const panel = floats.subarray(placed.weights / 4, placed.weights / 4 + blocks * inputs * 8);
    if (way === "in") {
      packDense(kernel, layer.units, panel);
      packDense(biasValues, layer.units, bias);
    } else {
      unpackDense(panel, layer.units, kernel);
      unpackDense(bias, layer.units, biasValues);
    }
  }
}

/** What is known of a computation before its numbers are: made once for each count of windows, as it is asked for with every record. */
interface Pass {
  readonly values: Values;
  readonly steps: readonly {
    readonly placed: Placed;
    readonly source: Value;
    /** Of layers that put several together. */
    readonly from: readonly Value[];
  }[];
}

function passOf(network: Network, rows: number, drops: boolean): Pass {
  const known = drops ? network.passes.dropping : network.passes.plain;
  return (known[rows] ??= makePass(network, rows, drops));
}

function makePass(network: Network, rows: number, drops: boolean): Pass {
  const { name, steps, inputs } = network.architecture.input;
  const whole = { at: network.input, row: steps * inputs * 4, step: inputs * 4, width: inputs, steps };
  const values = new Map<string, Value>([[name, whole]]);
  const of = (from: string): Value => values.get(from) as Value;
  return {
    values,
    steps: network.placed.map((placed) => {
      const source = of(placed.source);
      values.set(placed.layer.name, outputOf(network, placed, source, rows, drops));
      return { placed, source, from: placed.layer.from.map(of) };
    }),
  };
}

/** Where a layer's output lies. */
function outputOf(
  { architecture, training }: Network,
  placed: Placed,
  source: Value,
  rows: number,
  drops: boolean,
): Value {
  const { layer, blocks, out } = placed;
  const wide = blocks * 32;
  switch (layer.kind) {
    case "lstm": {
      const { steps } = architecture.input;
      const slot = training || layer.sequences ? (layer.sequences ? 1 : steps) : steps & 1;
      const at = out + slot * rows * wide;
      return { at, row: wide, step: wide * rows, width: layer.units, steps: layer.sequences ? steps : 0 };
    }
    case "dense":
      return { at: out, row: wide, step: 0, width: layer.units, steps: 0 };
    case "flatten":
      return { ...source, width: source.width * source.steps, steps: 0 };
    case "dropout":
      return drops ? { ...source, at: out } : source;
    case "add":
    case "average":
      return { ...source, at: out };
  }
}

/** Computes the first `rows` windows of `input`; returns every layer's output by name. */
export function forward(network: Network, rows: number, dropout?: (placed: Placed, count: number) => number): Values {
  const { engine, architecture, training, scratch } = network;
  const { steps } = architecture.input;
  const pass = passOf(network, rows, dropout !== undefined);
  for (const { placed, source, from } of pass.steps) {
    const { layer, blocks, inputs, weights, bias, out } = placed;
    switch (layer.kind) {
      case "lstm":
        engine.lstmForward(
          source.at,
          source.row,
          source.step,
          inputs,
          layer.units,
          blocks,
          weights,
          bias,
          out,
          placed.c,
          placed.gates,
          scratch,
          rows,
          steps,
          training || layer.sequences ? 1 : 0,
        );
        break;
      case "dense":
        engine.denseForward(
          source.at,
          source.row,
          inputs,
          weights,
          bias,
          out,
          blocks,
          rows,
          ACTIVATIONS.indexOf(layer.activation),
        );
        break;
      case "flatten":
        break;
      case "dropout": {
        if (!dropout) break;
        const count = (source.steps || 1) * rows * (source.row / 4);
        engine.multiply(out, source.at, dropout(placed, count), count);
        break;
      }
      case "add":
      case "average": {
        const count = rows * (source.row / 4);
        const factor = layer.kind === "add" ? 1 : 1 / from.length;
        engine.floats.fill(0, out / 4, out / 4 + count);
        for (const one of from) engine.addScaled(out, one.at, count, factor);
      }
    }
  }
  return pass.values;
}

export type Values = ReadonlyMap<string, Value>;
