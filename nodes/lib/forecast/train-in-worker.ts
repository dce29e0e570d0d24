import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Architecture, Weights } from "./architecture";
import type { Epoch, Samples, Trained, TrainingOptions } from "./training";
import type { WorkerTask } from "./worker-messages";

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
  signal?.throwIfAborted();
  const cancelled = new Int32Array(new SharedArrayBuffer(4));
  const task: WorkerTask = { kind: "train", ...work, cancelled };
  const worker = new Worker(join(__dirname, "worker.js"), { workerData: task });
  return await new Promise<Trained>((resolve, reject) => {
    const cancel = (): void => {
      Atomics.store(cancelled, 0, 1);
      reject(signal?.reason as Error);
    };
    signal?.addEventListener("abort", cancel, { once: true });
    worker.on("message", (message: { epoch?: Epoch; trained?: Trained }) => {
      if (message.epoch && !signal?.aborted) told(message.epoch);
      if (message.trained) resolve(message.trained);
    });
    worker.on("error", reject);
    worker.on("exit", (code) => {
      signal?.removeEventListener("abort", cancel);
      reject(new Error(`The training thread ended with code ${code} before it was finished.`));
    });
  });
}
