/** The thread that TensorFlow.js runs in: loading it takes a second, and a window on its JavaScript backend 5 ms. */
import { dirname, sep } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../../errors";
import { LINGER } from "../worker-messages";
import type { FromTfjs, LayersArtifacts, TfjsTask, ToTfjs } from "./tfjs-messages";

/** What is used of TensorFlow.js. */
interface Tensor {
  dataSync(): Float32Array;
}
interface LayersModel {
  readonly inputs: readonly { readonly shape: readonly (number | null)[] }[];
  readonly outputs: readonly { readonly shape: readonly (number | null)[] }[];
  predict(windows: Tensor): Tensor | readonly Tensor[];
}
interface Tfjs {
  readonly io: { fromMemory(artifacts: LayersArtifacts): unknown };
  enableProdMode(): void;
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  getBackend(): string;
  loadLayersModel(handler: unknown): Promise<LayersModel>;
  tensor3d(values: Float32Array, shape: readonly [number, number, number]): Tensor;
  tidy<T>(work: () => T): T;
}
interface WasmBackend {
  setWasmPaths(folder: string): void;
}

const { entry, wasm, artifacts } = workerData as TfjsTask;
const say = (message: FromTfjs): void => parentPort?.postMessage(message, []);

async function backendOf(tf: Tfjs): Promise<void> {
  if (wasm !== undefined) {
    try {
      (require(wasm) as WasmBackend).setWasmPaths(dirname(wasm) + sep);
      if (await tf.setBackend("wasm")) return;
    } catch {
      // The other one is always there.
    }
  }
  await tf.setBackend("cpu");
  await tf.ready();
}

async function open(): Promise<(inputs: Float32Array, dims: readonly [number, number, number]) => Float32Array> {
  const tf = require(entry) as Tfjs;
  // Its greeting on the console is for those who have a choice.
  tf.enableProdMode();
  await backendOf(tf);
  const model = await tf.loadLayersModel(tf.io.fromMemory(artifacts));
  const [input, ...inputs] = model.inputs;
  const [output, ...outputs] = model.outputs;
  if (!input || !output || inputs.length > 0 || outputs.length > 0)
    throw new Error(`it has ${inputs.length + 1} inputs and ${outputs.length + 1} outputs, and must have one of each`);
  const plain = (shape: readonly (number | null)[]): number[] => shape.map((size) => size ?? -1);
  const predict = (windows: Float32Array, dims: readonly [number, number, number]): Float32Array =>
    tf.tidy(() => {
      const answers = model.predict(tf.tensor3d(windows, dims));
      return ("dataSync" in answers ? answers : (answers[0] as Tensor)).dataSync().slice();
    });
  const [, steps = 1, width = 1] = plain(input.shape);
  // The first call compiles; it must not wait for a record.
  if (steps > 0 && width > 0) predict(new Float32Array(steps * width), [1, steps, width]);
  say({ kind: "opened", input: plain(input.shape), output: plain(output.shape), backend: tf.getBackend() });
  return predict;
}

const opening = open();
// Thrown out of the thread an error would end it at once; see LINGER.
opening.catch((error: unknown) => say({ kind: "refused", reason: messageOf(error) }));

parentPort?.on("message", (message: ToTfjs) => {
  if (message === "end") {
    setTimeout(() => parentPort?.close(), LINGER);
    return;
  }
  void opening
    .then((predict) => say({ kind: "answer", values: predict(message.inputs, message.dims) }))
    .catch((error: unknown) => say({ kind: "failed", reason: messageOf(error) }));
});
