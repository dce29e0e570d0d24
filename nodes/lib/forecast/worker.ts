/** The thread that computes large batches, and trains. It knows its task from `workerData`. */
import { parentPort, workerData } from "node:worker_threads";
import { openRunner } from "./runner";
import { train } from "./training";
import type { WorkerTask } from "./worker-messages";

const task = workerData as WorkerTask;

if (task.kind === "predict") {
  const runner = openRunner(task.architecture, task.weights);
  parentPort?.on("message", ({ inputs, count }: { inputs: Float32Array<ArrayBuffer>; count: number }) => {
    const answers = runner.run(inputs, count) as Float32Array<ArrayBuffer>;
    parentPort?.postMessage(answers, [answers.buffer]);
  });
} else {
  const { architecture, start, training, validation, options } = task;
  const trained = train(architecture, start, training, validation, options, (epoch) => {
    parentPort?.postMessage({ epoch }, []);
    return true;
  });
  parentPort?.postMessage({ trained }, []);
}
