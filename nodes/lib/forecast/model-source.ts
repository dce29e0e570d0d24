/** A model's file as the engines want it: each takes the part that it computes with. */
import { readFileSync } from "node:fs";
import { ConfigError, messageOf } from "../errors";
import type { Size } from "./engines/port";
import type { LayersArtifacts } from "./engines/tfjs-messages";
import type { ForecastMetadata } from "./metadata";
import {
  checkFit,
  metadataIn,
  modelFiles,
  networkOf,
  openLayersFile,
  rawWeights,
  type LayersFile,
  type Network,
} from "./model-file";
import { onnxModel } from "./onnx/export";
import { METADATA_KEY, onnxMetadata } from "./onnx/metadata";

export interface ModelSource {
  /** Names the file in errors. */
  readonly where: string;
  readonly metadata: ForecastMetadata;
  readonly size: Size;
  /** @throws ConfigError when it is something that the built-in engine does not compute */
  network(): Network;
  /** @throws ConfigError when the file is no layers model */
  layers(): LayersArtifacts;
  /** An ONNX file's bytes. @throws ConfigError when it can't be made one */
  onnx(): Uint8Array;
}

/**
 * Reads what a model's file says of itself; its network when an engine asks for it.
 * @param path a `model.json`, its folder, or an `.onnx` file
 * @throws ConfigError when it is not there, broken, or without the pack's metadata
 */
export const readSource = (path: string): ModelSource =>
  /\.onnx$/iu.test(path) ? onnxSource(path) : layersSource(openLayersFile(path));

const sizeOf = ({ steps, inputs, outputs }: ForecastMetadata): Size => ({
  steps,
  inputs: inputs.length,
  outputs: outputs.length,
});

function layersSource(file: LayersFile): ModelSource {
  const { where, json } = file;
  const metadata = metadataIn(json["userDefinedMetadata"], where);
  const network = (): Network => {
    const read = networkOf(file);
    checkFit(metadata, read, where);
    return read;
  };
  return {
    where,
    metadata,
    size: sizeOf(metadata),
    network,
    layers: () => layersOf(file, network, metadata),
    onnx() {
      const { architecture, weights } = network();
      return onnxModel(architecture, weights, metadata);
    },
  };
}

/** What the built-in engine knows is written as TensorFlow.js reads it, also where Keras 3 spells it otherwise; the rest stays as it is. */
function layersOf(file: LayersFile, network: () => Network, metadata: ForecastMetadata): LayersArtifacts {
  let known: Network;
  try {
    known = network();
  } catch {
    const { specs, bytes } = rawWeights(file);
    return { modelTopology: file.json["modelTopology"], weightSpecs: specs, weightData: bufferOf(bytes) };
  }
  const { json, weights } = modelFiles({ ...known, metadata }, "weights.bin");
  const { modelTopology, weightsManifest } = JSON.parse(json) as {
    modelTopology: unknown;
    weightsManifest: { weights: unknown[] }[];
  };
  return {
    modelTopology,
    weightSpecs: weightsManifest.flatMap((group) => group.weights),
    weightData: bufferOf(weights),
  };
}

const bufferOf = (bytes: Buffer): ArrayBuffer => Uint8Array.from(bytes).buffer;

function onnxSource(path: string): ModelSource {
  const where = `Model file ${path}`;
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new ConfigError(`${where} cannot be read: ${messageOf(error)}.`, { cause: error });
  }
  const told = onnxMetadata(bytes, where);
  if (told === undefined)
    throw new ConfigError(
      `${where} has no "${METADATA_KEY}" in its metadata_props: the features, their scaling and the horizons are unknown. models/README.md says what to write there.`,
    );
  const metadata = metadataIn({ citystream: told }, where);
  const refused = (): never => {
    throw new ConfigError(
      `${where} is an ONNX model, which only the engine onnxruntime computes: choose a model.json.`,
    );
  };
  return { where, metadata, size: sizeOf(metadata), network: refused, layers: refused, onnx: () => bytes };
}
