import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { Retriable } from "../errors";
import type { EngineKind } from "./engine";
import type { Model } from "./model-file";
import { openRunner } from "./runner";
import { findNotFinite } from "./scan";
import type { ToWorker, WorkerTask } from "./worker-messages";

/** Answers windows of a model, those that wait together in one batch, in the order in which they were asked. */
export interface Predictor {
  readonly engine: EngineKind;
  /** Windows asked for and not yet answered. */
  readonly waiting: number;
  /**
   * Answers for `count` windows `[count × steps × inputs]`, as `[count × outputs]`.
   * @throws RangeError when the shape is wrong or an input is not finite: that request alone
   */
  predict(inputs: Float32Array, count: number): Promise<Float32Array>;
  /** Resolves when everything asked for is answered, then lets the worker end. */
  close(): Promise<void>;
}

/** More windows than this at once are computed by a worker: 64 take about 2 ms of the event loop. */
export const INLINE = 64;

class Request {
  constructor(
    readonly inputs: Float32Array,
    readonly count: number,
    readonly resolve: (answers: Float32Array) => void,
    readonly reject: (error: unknown) => void,
  ) {}
}

/** Opens the model, warm. @throws ConfigError when layers and weights do not fit together */
export function openPredictor(model: Pick<Model, "architecture" | "weights">): Predictor {
  const runner = openRunner(model.architecture, model.weights);
  const size = model.architecture.input.steps * model.architecture.input.inputs;
  const queue: Request[] = [];
  let waiting = 0;
  let worker: Worker | undefined;
  let running: Promise<void> | undefined;

  /** Everything in the queue as one batch; a request that is wrong fails alone. */
  async function flush(): Promise<void> {
    while (queue.length) {
      const batch = queue.splice(0).filter((request) => valid(request));
      const count = batch.reduce((sum, request) => sum + request.count, 0);
      if (!count) continue;
      try {
        const inputs = joined(batch, count);
        const answers = count <= INLINE ? runner.run(inputs, count) : await inWorker(inputs, count);
        share(batch, answers, count);
      } catch (error) {
        for (const request of batch) request.reject(error);
      }
    }
  }

  function valid(request: Request): boolean {
    const { inputs, count } = request;
    try {
      if (inputs.length !== count * size || findNotFinite(inputs) >= 0) runner.run(inputs, count);
      return true;
    } catch (error) {
      request.reject(error);
      return false;
    }
  }

  function joined(batch: readonly Request[], count: number): Float32Array {
    const [first] = batch;
    // What goes to the worker is its own from then on.
    if (first && batch.length === 1 && count <= INLINE) return first.inputs;
    const inputs = new Float32Array(count * size);
    let at = 0;
    for (const request of batch) {
      inputs.set(request.inputs, at);
      at += request.inputs.length;
    }
    return inputs;
  }

  function share(batch: readonly Request[], answers: Float32Array, count: number): void {
    const outputs = answers.length / count;
    let at = 0;
    for (const request of batch) {
      request.resolve(answers.subarray(at * outputs, (at + request.count) * outputs));
      at += request.count;
    }
  }

  function inWorker(inputs: Float32Array, count: number): Promise<Float32Array> {
    const task: WorkerTask = { kind: "predict", architecture: model.architecture, weights: model.weights };
    const thread = (worker ??= new Worker(join(__dirname, "worker.js"), { workerData: task }));
    thread.unref();
    return new Promise((resolve, reject) => {
      const ended = (error: unknown): void => {
        worker = undefined;
        reject(new Retriable("The forecast thread ended; it is started again.", { cause: error }));
      };
      thread.removeAllListeners();
      thread.once("message", (answers: Float32Array) => resolve(answers));
      thread.once("error", ended);
      thread.once("exit", ended);
      thread.ref();
      const message: ToWorker = { inputs, count };
      thread.postMessage(message, [inputs.buffer as ArrayBuffer]);
    });
  }

  function start(): void {
    running ??= new Promise<void>((resolve) => setImmediate(resolve)).then(flush).finally(() => {
      running = undefined;
      worker?.unref();
      if (queue.length) start();
    });
  }

  return {
    engine: runner.engine,
    get waiting() {
      return waiting;
    },
    predict(inputs, count) {
      waiting += count;
      return new Promise<Float32Array>((resolve, reject) => {
        queue.push(new Request(inputs, count, resolve, reject));
        start();
      }).finally(() => {
        waiting -= count;
      });
    },
    async close() {
      for (let last = running; last; last = running) await last;
      const end: ToWorker = "end";
      worker?.removeAllListeners();
      worker?.on("error", () => undefined);
      worker?.postMessage(end, []);
      worker = undefined;
    },
  };
}
