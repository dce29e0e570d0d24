/** The optional package @tensorflow/tfjs, in a thread of its own; on its WebAssembly backend where that is installed too. */
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { asError, ConfigError, Retriable } from "../../errors";
import { findOptional } from "../../optional-package";
import { openBatcher } from "./batcher";
import { findPackage } from "./package";
import { answered, unanswered, type ForecastEngine, type Size } from "./port";
import { chooseTensors } from "./signature";
import type { FromTfjs, LayersArtifacts, TfjsTask, ToTfjs } from "./tfjs-messages";

const LARGEST = 256;
const WASM = "@tensorflow/tfjs-backend-wasm";

/** A thread in which the model is, or is being opened. */
interface Thread {
  readonly opened: Promise<void>;
  ask(inputs: Float32Array, dims: readonly [number, number, number]): Promise<Float32Array>;
  end(): void;
}

/**
 * @param where names the model's file in errors
 * @param folder Node-RED's user directory
 * @throws ConfigError when the package is missing
 */
export function openTfjs(
  artifacts: LayersArtifacts,
  size: Size,
  where: string,
  folder: string | undefined,
): ForecastEngine {
  const entry = findPackage("@tensorflow/tfjs", folder);
  const task: TfjsTask = { entry, wasm: findOptional(WASM, folder), artifacts };
  const start = (): Thread => startThread(task, size, where, () => (thread = undefined));
  let thread: Thread | undefined = start();
  const { opened } = thread;

  const batcher = openBatcher({
    shape: size,
    size: LARGEST,
    delay: 0,
    parallel: 1,
    async run(inputs, count) {
      try {
        const here = (thread ??= start());
        await here.opened;
        const values = await here.ask(inputs, [count, size.steps, size.inputs]);
        return answered(values, count, { engine: "tfjs" });
      } catch (error) {
        return unanswered(count, asError(error));
      }
    },
  });
  return {
    opened,
    predict: batcher.predict,
    hurry: () => undefined,
    async close() {
      await batcher.drained();
      await thread?.opened.catch(() => undefined);
      thread?.end();
      thread = undefined;
    },
  };
}

/** @param ended told when the thread ends by itself */
function startThread(task: TfjsTask, size: Size, where: string, ended: () => void): Thread {
  const worker = new Worker(join(__dirname, "tfjs-worker.js"), { workerData: task });
  const post = (message: ToTfjs): void => worker.postMessage(message, []);
  let pending: { resolve(values: Float32Array): void; reject(error: Error): void } | undefined;
  let settle: { resolve(): void; reject(error: Error): void } | undefined;
  const opened = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
  opened.catch(() => undefined);
  worker.on("message", (message: FromTfjs) => {
    const question = pending;
    switch (message.kind) {
      case "opened": {
        const { input, output } = message;
        const signature = {
          inputs: [{ name: "input", type: "float32", shape: input }],
          outputs: [{ name: "output", type: "float32", shape: output }],
        };
        try {
          chooseTensors(signature, size, `${where}: the network`, { input: "", output: "" });
          settle?.resolve();
        } catch (error) {
          settle?.reject(asError(error));
        }
        worker.unref();
        return;
      }
      case "refused":
        settle?.reject(new ConfigError(`${where}: TensorFlow.js can't open it: ${message.reason}`));
        worker.unref();
        return;
      case "answer":
        question?.resolve(message.values);
        break;
      case "failed":
        question?.reject(new Retriable(`TensorFlow.js failed: ${message.reason}`));
    }
    pending = undefined;
    worker.unref();
  });
  const gone = (cause: unknown): void => {
    const error = new Retriable("The thread of TensorFlow.js ended; it is started again.", { cause });
    settle?.reject(error);
    pending?.reject(error);
    ended();
  };
  worker.once("error", gone);
  worker.once("exit", gone);
  return {
    opened,
    ask: (inputs, dims) =>
      new Promise((resolve, reject) => {
        pending = { resolve, reject };
        worker.ref();
        post({ inputs, dims });
      }),
    end() {
      worker.removeAllListeners();
      worker.on("error", () => undefined);
      worker.unref();
      post("end");
    },
  };
}
