import { ConfigError } from "../errors";
import { ACTIVATIONS, type Activation, type Architecture, type Layer } from "./architecture";

type Json = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Reads a Keras model configuration, as Keras 2 and Keras 3 spell it in `modelTopology` of a TensorFlow.js model file:
 * Sequential or functional, with InputLayer, LSTM, Dense, Dropout, Flatten, Add and Average.
 * @param where names the file in errors
 * @throws ConfigError naming the layer and the setting that the built-in engine does not have
 */
export function readTopology(topology: unknown, where: string): Architecture {
  const wrong = (what: string): never => {
    throw new ConfigError(`${where}: ${what}`);
  };
  const outer = isRecord(topology) ? topology : wrong("modelTopology is missing, so this is no layers model.");
  const model = isRecord(outer["model_config"]) ? outer["model_config"] : outer;
  const kind = String(model["class_name"]);
  const config = model["config"];
  const list = Array.isArray(config) ? config : isRecord(config) ? config["layers"] : undefined;
  if (!Array.isArray(list) || !list.every(isRecord)) wrong("modelTopology has no list of layers.");
  const layers = (list as Json[]).map((layer, i) => {
    const settings = isRecord(layer["config"]) ? layer["config"] : wrong(`layer ${i} of modelTopology has no config.`);
    const name = String(settings["name"] ?? layer["name"] ?? `layer_${i}`);
    return { name, className: String(layer["class_name"]), settings, inbound: layer["inbound_nodes"] };
  });
  if (kind === "Sequential") return sequential(layers, wrong);
  if (kind === "Functional" || kind === "Model") return functional(layers, isRecord(config) ? config : {}, wrong);
  return wrong(`a model of class "${kind}" is not supported; it must be Sequential or Functional.`);
}

interface KerasLayer {
  readonly name: string;
  readonly className: string;
  readonly settings: Json;
  readonly inbound: unknown;
}
type Wrong = (what: string) => never;

function sequential(layers: readonly KerasLayer[], wrong: Wrong): Architecture {
  const shape =
    layers.map((layer) => inputShape(layer.settings)).find(Boolean) ?? wrong("it does not say its input shape.");
  let previous = "input";
  const input = layers.find((layer) => layer.className === "InputLayer");
  if (input) previous = input.name;
  const first = previous;
  const read: Layer[] = [];
  for (const layer of layers) {
    if (layer.className === "InputLayer") continue;
    read.push(readLayer(layer, [previous], wrong));
    previous = layer.name;
  }
  return { input: { name: first, ...shape }, layers: read, output: previous };
}

function functional(layers: readonly KerasLayer[], config: Json, wrong: Wrong): Architecture {
  const inputs = layers.filter((layer) => layer.className === "InputLayer");
  const [input] = inputs;
  if (!input || inputs.length > 1) return wrong(`it has ${inputs.length} inputs; it must have one.`);
  const shape = inputShape(input.settings) ?? wrong(`input layer "${input.name}" does not say its shape.`);
  const outputs = historyNames(config["output_layers"]);
  if (outputs.length !== 1) return wrong(`it has ${outputs.length} outputs; it must have one.`);
  const waiting = layers
    .filter((layer) => layer !== input)
    .map((layer) => readLayer(layer, historyNames(layer.inbound), wrong));
  const known = new Set([input.name]);
  const ordered: Layer[] = [];
  while (waiting.length) {
    const ready = waiting.findIndex((layer) => layer.from.every((name) => known.has(name)));
    const [layer] = ready < 0 ? [] : waiting.splice(ready, 1);
    if (!layer) return wrong(`layer "${waiting[0]?.name}" reads a layer that is not in the model.`);
    known.add(layer.name);
    ordered.push(layer);
  }
  return { input: { name: input.name, ...shape }, layers: ordered, output: outputs[0] as string };
}

/**
 * Names of the layers that a connection reads: `[[["name", 0, 0, {}]]]` in Keras 2, `keras_history` of the arguments in
 * Keras 3; `["name", 0, 0]` or a list of those for a model's outputs.
 */
function historyNames(value: unknown): string[] {
  if (isRecord(value)) {
    const config = value["config"];
    if (isRecord(config) && Array.isArray(config["keras_history"])) return [String(config["keras_history"][0])];
    return historyNames(value["args"]);
  }
  if (!Array.isArray(value)) return [];
  if (typeof value[0] === "string" && typeof value[1] === "number") return [value[0]];
  return value.flatMap((one) => historyNames(one));
}

function inputShape(settings: Json): { steps: number; inputs: number } | undefined {
  const shape = settings["batch_input_shape"] ?? settings["batch_shape"] ?? settings["batchInputShape"];
  if (!Array.isArray(shape) || shape.length !== 3) return undefined;
  const [, steps, inputs] = shape as unknown[];
  if (!Number.isInteger(steps) || !Number.isInteger(inputs)) return undefined;
  return { steps: steps as number, inputs: inputs as number };
}

/** What must have this value where it is given: the engine computes nothing else. */
const LSTM_FIXED: Json = {
  activation: "tanh",
  recurrent_activation: "sigmoid",
  go_backwards: false,
  stateful: false,
  time_major: false,
  return_state: false,
};

function readLayer(layer: KerasLayer, from: readonly string[], wrong: Wrong): Layer {
  const { name, className, settings } = layer;
  const units = (): number =>
    Number.isInteger(settings["units"]) && (settings["units"] as number) > 0
      ? (settings["units"] as number)
      : wrong(`layer "${name}" has no units.`);
  switch (className) {
    case "LSTM":
      for (const [key, value] of Object.entries(LSTM_FIXED)) {
        const given = key in settings ? plainName(settings[key]) : value;
        if (given !== value) {
          wrong(
            `LSTM layer "${name}" has ${key} ${JSON.stringify(given)}; the built-in engine computes ${String(value)}.`,
          );
        }
      }
      return { kind: "lstm", name, from, units: units(), sequences: settings["return_sequences"] === true };
    case "Dense": {
      const activation = plainName(settings["activation"] ?? "linear");
      if (!ACTIVATIONS.includes(activation as Activation)) {
        wrong(`dense layer "${name}" has activation "${String(activation)}"; known are ${ACTIVATIONS.join(", ")}.`);
      }
      return { kind: "dense", name, from, units: units(), activation: activation as Activation };
    }
    case "Dropout":
      return { kind: "dropout", name, from, rate: Number(settings["rate"] ?? 0) };
    case "Flatten":
      return { kind: "flatten", name, from };
    case "Add":
      return { kind: "add", name, from };
    case "Average":
      return { kind: "average", name, from };
    default:
      return wrong(
        `layer "${name}" is of class ${className}, which the built-in engine does not have (it has LSTM, Dense, Dropout, Flatten, Add and Average).`,
      );
  }
}

/** Keras 3 writes some names as `{class_name, config}`. */
function plainName(value: unknown): unknown {
  if (!isRecord(value)) return value;
  const config = value["config"];
  return isRecord(config) && typeof config["name"] === "string" ? config["name"] : value["class_name"];
}

/** The model as Keras 2 configures it, in the spelling that TensorFlow.js reads. */
export function writeTopology(architecture: Architecture, name: string): Json {
  const { input, layers, output } = architecture;
  const common = { trainable: true, dtype: "float32" };
  const className = {
    lstm: "LSTM",
    dense: "Dense",
    dropout: "Dropout",
    flatten: "Flatten",
    add: "Add",
    average: "Average",
  };
  const settings = (layer: Layer): Json => {
    switch (layer.kind) {
      case "lstm":
        return {
          units: layer.units,
          activation: "tanh",
          recurrent_activation: "sigmoid",
          use_bias: true,
          unit_forget_bias: true,
          dropout: 0,
          recurrent_dropout: 0,
          implementation: 1,
          return_sequences: layer.sequences,
          return_state: false,
          go_backwards: false,
          stateful: false,
          unroll: false,
        };
      case "dense":
        return { units: layer.units, activation: layer.activation, use_bias: true };
      case "dropout":
        return { rate: layer.rate, noise_shape: null, seed: null };
      default:
        return {};
    }
  };
  const inputConfig = { batch_input_shape: [null, input.steps, input.inputs], dtype: "float32", sparse: false };
  return {
    class_name: "Model",
    config: {
      name,
      layers: [
        { class_name: "InputLayer", config: { ...inputConfig, name: input.name }, name: input.name, inbound_nodes: [] },
        ...layers.map((layer) => ({
          class_name: className[layer.kind],
          config: { name: layer.name, ...common, ...settings(layer) },
          name: layer.name,
          inbound_nodes: [layer.from.map((from) => [from, 0, 0, {}])],
        })),
      ],
      input_layers: [[input.name, 0, 0]],
      output_layers: [[output, 0, 0]],
    },
    keras_version: "2.15.0",
    backend: "tensorflow",
  };
}
