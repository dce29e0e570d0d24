import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Architecture, Weights } from "./architecture";
import type { Fitted, FitProgress, FitWork } from "./fit";
import type { Epoch, Samples, Trained, TrainingOptions } from "./training";
import type { FromWorker, WorkerTask } from "./worker-messages";

/**
 * Trains on a thread of its own, so that this one goes on serving.
 * @param told after each epoch
 * @param signal stops training within a batch; the promise rejects at once with the signal's reason
 */
export async function trainInWorker(
  work: {
    readonly architecture: Architecture;
    readonly start: Weights;
    readonly training: Samples;
    readonly validation: Samples;
    readonly options: TrainingOptions;
  },
  told: (epoch: Epoch) => void,
  signal?: AbortSignal,
): Promise<Trained> {
  const messages: Messages<Epoch, Trained> = { told };
  return await inWorker((cancelled) => ({ kind: "train", ...work, cancelled }), messages, signal);
}

/** Fits a model (`fit`) on a thread of its own; else as `trainInWorker`. @throws Error with what `fit` says */
export async function fitInWorker(
  work: FitWork,
  told: (progress: FitProgress) => void,
  signal?: AbortSignal,
): Promise<Fitted> {
  const messages: Messages<FitProgress, Fitted> = { told };
  return await inWorker((cancelled) => ({ kind: "fit", work, cancelled }), messages, signal);
}

/** What a task's thread says. */
interface Messages<Told, Result> {
  readonly told: (progress: Told) => void;
  /** Carries the type of the result; never present at run time. */
  readonly __result?: Result;
}

async function inWorker<Told, Result>(
  taskOf: (cancelled: Int32Array) => WorkerTask,
  { told }: Messages<Told, Result>,
  signal?: AbortSignal,
): Promise<Result> {
  signal?.throwIfAborted();
  const cancelled = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(join(__dirname, "worker.js"), { workerData: taskOf(cancelled) });
  return await new Promise<Result>((resolve, reject) => {
    const cancel = (): void => {
      Atomics.store(cancelled, 0, 1);
      reject(signal?.reason as Error);
    };
    signal?.addEventListener("abort", cancel, { once: true });
    worker.on("message", (message: FromWorker<Told, Result>) => {
      if ("told" in message) {
        if (!signal?.aborted) told(message.told);
      } else if ("result" in message) resolve(message.result);
      else reject(new Error(message.failed));
    });
    worker.on("error", reject);
    worker.on("exit", (code) => {
      signal?.removeEventListener("abort", cancel);
      reject(new Error(`The training thread ended with code ${code} before it was finished.`));
    });
  });
}
