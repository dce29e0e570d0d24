/** Model servers with this pack's models, for tests. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Context } from "mocha";
import type { ForecastEngine } from "../../../../nodes/lib/forecast/engines/port";
import { writeModel } from "../../../../nodes/lib/forecast/model-file";
import { readSource } from "../../../../nodes/lib/forecast/model-source";
import { openModelServer, type ModelServer, type ServerSettings } from "../../../../nodes/lib/forecast/server/server";
import type { Service } from "../../../../tools/services";
import { serviceFor } from "../../../../tools/services/for-test";
import { temporaryFolder } from "../../../../tools/services/guard";
import { simple } from "../architectures";
import { initialWeights } from "../../../../nodes/lib/forecast/random";
import { metadataOf, testModel } from "../models";
import { SHIPPED, someWindows } from "../parity";

/** Folders of models: the tests' own with seeds 1 and 2, and one that reads three inputs. */
export interface ServedModels {
  readonly folder: string;
  readonly one: string;
  readonly two: string;
  readonly wide: string;
}

let made: Promise<ServedModels> | undefined;

/** Made once, so that all tests of the process share the servers as well. */
export const servedModels = (): Promise<ServedModels> => (made ??= make());

async function make(): Promise<ServedModels> {
  const folder = temporaryFolder("served");
  const at = (name: string): string => path.join(folder, name);
  await writeModel(at("one"), testModel(1));
  await writeModel(at("two"), testModel(2));
  const architecture = simple(4, 3, 5, 2);
  await writeModel(at("wide"), {
    architecture,
    weights: initialWeights(architecture, 3),
    metadata: metadataOf(["a", "b", "c"], 4, { version: "3" }),
  });
  return { folder, one: at("one"), two: at("two"), wide: at("wide") };
}

/** The model as an ONNX file beside its model.json. */
export function onnxFile(folder: string, models: ServedModels): string {
  mkdirSync(path.join(models.folder, "onnx"), { recursive: true });
  const file = path.join(models.folder, "onnx", `${path.basename(folder)}.onnx`);
  writeFileSync(file, readSource(folder).onnx());
  return file;
}

/** MLServer with `air`, `test` in versions 1 and 2, and `wide`. */
export const mlserverWith = (context: Context, models: ServedModels, own = false): Promise<Service<"mlserver">> =>
  serviceFor(context, "mlserver", {
    own,
    models: [
      { name: "air", version: "v1", onnx: onnxFile(SHIPPED, models) },
      { name: "test", version: "1", onnx: onnxFile(models.one, models) },
      { name: "test", version: "2", onnx: onnxFile(models.two, models) },
      { name: "wide", onnx: onnxFile(models.wide, models) },
    ],
  });

/** The same from TensorFlow, `test` with the labels stable (1) and canary (2). */
export const tensorflowWith = (context: Context, models: ServedModels, own = false): Promise<Service<"tensorflow">> =>
  serviceFor(context, "tensorflow", {
    own,
    models: {
      air: { versions: { "1": SHIPPED } },
      test: { versions: { "1": models.one, "2": models.two }, labels: { stable: "1", canary: "2" } },
      wide: { versions: { "1": models.wide } },
    },
  });

/** Nobody is told. */
export const quiet = { away: () => undefined, back: () => undefined };

export type Changes = Partial<Omit<ServerSettings, "model">> & { model?: Partial<ServerSettings["model"]> };

/** What a `model server` node would make, with short times. */
export function serverOf(protocol: ServerSettings["protocol"], address: string, changes: Changes = {}): ModelServer {
  const { model, ...others } = changes;
  return openModelServer({
    protocol,
    address,
    tensors: { input: "", output: "" },
    header: { name: "Authorization", secret: "" },
    tls: undefined,
    timeout: 5_000,
    batch: { size: 64, delay: 2, parallel: 4 },
    retries: 1,
    breaker: { failures: 3, pause: 300 },
    ...others,
    model: { name: "test", version: "", label: "", signature: "", format: "rows", ...model },
  });
}

/** For each window of the tests' own models what went wrong, or the engine that answered. */
export async function errorsOf(engine: ForecastEngine, count = 1): Promise<string[]> {
  const { origins } = await engine.predict(someWindows(count, 8), count);
  return origins.map((one) => (one instanceof Error ? `${one.name}: ${one.message}` : one.engine));
}
