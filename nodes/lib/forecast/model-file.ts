import { readFileSync, statSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ConfigError, messageOf } from "../errors";
import { tensorOf, tensorShapes, type Architecture, type Tensor, type Weights } from "./architecture";
import { checkMetadata, type ForecastMetadata } from "./metadata";
import { readTopology, writeTopology } from "./topology";

/** A forecast model as its file holds it. */
export interface Model {
  readonly architecture: Architecture;
  readonly weights: Weights;
  readonly metadata: ForecastMetadata;
}

const GENERATED_BY = "citystream";

/** A `model.json` as it was read, and where. */
export interface LayersFile {
  readonly file: string;
  /** Names the file in errors. */
  readonly where: string;
  readonly json: Readonly<Record<string, unknown>>;
}

export interface Network {
  readonly architecture: Architecture;
  readonly weights: Weights;
}

/**
 * Reads a TensorFlow.js layers model with this pack's metadata.
 * @param path the `model.json`, or its folder
 * @throws ConfigError when it is not there, broken, or something that the built-in engine does not compute
 */
export function readModel(path: string): Model {
  const layers = openLayersFile(path);
  const network = networkOf(layers);
  const metadata = metadataIn(layers.json["userDefinedMetadata"], layers.where);
  checkFit(metadata, network, layers.where);
  return { ...network, metadata };
}

/** The network alone. @throws ConfigError as `readModel` */
export const readNetwork = (path: string): Network => networkOf(openLayersFile(path));

/** @throws ConfigError when it is not there, no JSON, or no layers model */
export function openLayersFile(path: string): LayersFile {
  const file = modelJson(path);
  const where = `Model file ${file}`;
  return { file, where, json: parse(read(file, where), where) };
}

/** @throws ConfigError when it is broken, or something that the built-in engine does not compute */
export function networkOf({ file, where, json }: LayersFile): Network {
  const architecture = readTopology(json["modelTopology"], where);
  const tensors = readTensors(json["weightsManifest"], dirname(file), where);
  const weights = new Map<string, Tensor>();
  for (const [name, shape] of named(where, () => tensorShapes(architecture))) {
    const tensor = named(where, () => tensorOf(new Map([[name, findTensor(tensors, name, shape)]]), name, shape));
    weights.set(name, tensor);
  }
  return { architecture, weights };
}

/** The weights as they lie in the files, with what says which they are. @throws ConfigError */
export function rawWeights({ file, where, json }: LayersFile): { specs: ManifestEntry[]; bytes: Buffer } {
  const groups = weightGroups(json["weightsManifest"], dirname(file), where);
  return {
    specs: groups.flatMap(({ weights }) => weights),
    bytes: Buffer.concat(groups.map(({ bytes }) => bytes)),
  };
}

/** Errors of the parts say what; this says where. */
function named<T>(where: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new ConfigError(`${where}: ${messageOf(error)}`, { cause: error });
  }
}

function modelJson(path: string): string {
  try {
    return statSync(path).isDirectory() ? join(path, "model.json") : path;
  } catch (error) {
    throw new ConfigError(`Model file ${path} cannot be read: ${messageOf(error)}. Enter the path of a model.json.`, {
      cause: error,
    });
  }
}

function read(file: string, where: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ConfigError(`${where} cannot be read: ${messageOf(error)}.`, { cause: error });
  }
}

function parse(bytes: Buffer, where: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new ConfigError(`${where} is not JSON: ${messageOf(error)}.`, { cause: error });
  }
  if (typeof value !== "object" || value === null) throw new ConfigError(`${where} is not a model.`);
  const format = (value as Record<string, unknown>)["format"];
  if (format === "graph-model") {
    throw new ConfigError(`${where} is a TensorFlow.js graph model; the built-in engine reads layers models.`);
  }
  return value as Record<string, unknown>;
}

/** The pack's part of what a model file says beside its network, checked. @throws ConfigError */
export function metadataIn(userDefined: unknown, where: string): ForecastMetadata {
  const ours = (userDefined as Record<string, unknown> | null | undefined)?.["citystream"];
  if (!ours) {
    throw new ConfigError(
      `${where} has no userDefinedMetadata.citystream: the features, their scaling and the horizons are unknown. models/README.md says what to write there.`,
    );
  }
  return checkMetadata(ours, where);
}

/** @throws ConfigError when the metadata describe another network */
export function checkFit(metadata: ForecastMetadata, { architecture }: Network, where: string): void {
  const { steps, inputs } = architecture.input;
  if (metadata.steps !== steps || metadata.inputs.length !== inputs) {
    throw new ConfigError(
      `${where}: the network reads ${steps} steps of ${inputs} inputs, its metadata describe ${metadata.steps} of ${metadata.inputs.length}.`,
    );
  }
  const shapes = tensorShapes(architecture);
  const last = architecture.layers.find((layer) => layer.name === architecture.output);
  const outputs = shapes.get(`${architecture.output}/bias`)?.[0] ?? vectorWidth(architecture, last?.from[0]);
  if (outputs !== metadata.outputs.length) {
    throw new ConfigError(
      `${where}: the network answers with ${outputs} numbers, its metadata describe ${metadata.outputs.length} outputs.`,
    );
  }
}

function vectorWidth(architecture: Architecture, name: string | undefined): number {
  const layer = architecture.layers.find((one) => one.name === name);
  if (!layer) return architecture.input.inputs;
  return "units" in layer ? layer.units : vectorWidth(architecture, layer.from[0]);
}

export interface ManifestEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly quantization?: unknown;
}

/** The manifest's groups with the bytes of their files. */
function weightGroups(manifest: unknown, folder: string, where: string): { weights: ManifestEntry[]; bytes: Buffer }[] {
  if (!Array.isArray(manifest)) throw new ConfigError(`${where} has no weightsManifest.`);
  return (manifest as { paths?: unknown; weights?: unknown }[]).map(({ paths, weights }) => {
    if (!Array.isArray(paths) || !Array.isArray(weights)) throw new ConfigError(`${where}: weightsManifest is broken.`);
    for (const path of paths as unknown[]) {
      if (typeof path !== "string" || basename(path) !== path || path.includes("\\")) {
        throw new ConfigError(`${where}: weight file "${String(path)}" must lie beside the model.json.`);
      }
    }
    const shards = (paths as string[]).map((path) => read(join(folder, path), `Weight file ${path}`));
    return { weights: weights as ManifestEntry[], bytes: Buffer.concat(shards) };
  });
}

function readTensors(manifest: unknown, folder: string, where: string): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const { weights, bytes } of weightGroups(manifest, folder, where)) {
    let at = 0;
    for (const { name, shape, dtype, quantization } of weights) {
      if (dtype !== "float32" || quantization) {
        throw new ConfigError(`${where}: weights "${name}" are not float32; convert the model without quantization.`);
      }
      const size = shape.reduce((product, n) => product * n, 1);
      if (at + size * 4 > bytes.length) {
        throw new ConfigError(`${where}: its weight files hold ${bytes.length} bytes, too few for "${name}".`);
      }
      const start = at;
      const values = Float32Array.from({ length: size }, (_, i) => bytes.readFloatLE(start + i * 4));
      tensors.set(name, { shape, values });
      at += size * 4;
    }
    if (at !== bytes.length) {
      throw new ConfigError(`${where}: its weight files hold ${bytes.length} bytes where ${at} are described.`);
    }
  }
  return tensors;
}

/**
 * The tensor of `<layer>/<part>`: writers put the model's name before it and the cell's between, as in
 * `sequential/lstm/lstm_cell/kernel:0`. A layer without bias has zeros.
 */
function findTensor(tensors: ReadonlyMap<string, Tensor>, name: string, shape: readonly number[]): Tensor {
  const cut = name.lastIndexOf("/");
  const [layer, part] = [name.slice(0, cut), name.slice(cut + 1)];
  const exact = tensors.get(name);
  if (exact) return exact;
  for (const [candidate, tensor] of tensors) {
    const segments = candidate.replace(/:\d+$/, "").split("/");
    if (segments.at(-1) === part && segments.slice(0, -1).includes(layer)) return tensor;
  }
  if (part === "bias") return { shape, values: new Float32Array(shape[0] ?? 0) };
  throw new ConfigError(`there are no weights "${name}".`);
}

/** A model as the bytes of its two files: a layers model that TensorFlow.js opens as it is. */
export function modelFiles(model: Model, weightsFile: string): { json: string; weights: Buffer } {
  const { architecture, weights, metadata } = model;
  const tensors = [...tensorShapes(architecture)].map(([name, shape]) => ({
    name,
    shape,
    values: tensorOf(weights, name, shape).values,
  }));
  const json = {
    format: "layers-model",
    generatedBy: GENERATED_BY,
    convertedBy: null,
    modelTopology: writeTopology(architecture, metadata.name),
    weightsManifest: [
      { paths: [weightsFile], weights: tensors.map(({ name, shape }) => ({ name, shape, dtype: "float32" })) },
    ],
    userDefinedMetadata: { citystream: metadata },
  };
  const bytes = Buffer.alloc(tensors.reduce((sum, { values }) => sum + values.length * 4, 0));
  let at = 0;
  for (const { values } of tensors) for (const value of values) at = bytes.writeFloatLE(value, at);
  return { json: `${JSON.stringify(json, undefined, 1)}\n`, weights: bytes };
}

/** Writes `model.json` and `weights.bin` into the folder. */
export async function writeModel(folder: string, model: Model): Promise<void> {
  const { json, weights } = modelFiles(model, "weights.bin");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "weights.bin"), weights);
  await writeFile(join(folder, "model.json"), json);
}
