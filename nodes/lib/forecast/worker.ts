/** The thread that computes large batches, or trains. It knows its task from `workerData`. */
import { parentPort, workerData } from "node:worker_threads";
import { openRunner } from "./runner";
import { train } from "./training";
import { LINGER, type ToWorker, type WorkerTask } from "./worker-messages";

const task = workerData as WorkerTask;

/** Ends the thread once V8 has nothing left to compile for it. */
const leave = (): unknown => setTimeout(() => parentPort?.close(), LINGER);

if (task.kind === "predict") {
  const runner = openRunner(task.architecture, task.weights);
  parentPort?.on("message", (message: ToWorker) => {
    if (message === "end") {
      leave();
      return;
    }
    const answers = runner.run(message.inputs, message.count) as Float32Array<ArrayBuffer>;
    parentPort?.postMessage(answers, [answers.buffer]);
  });
} else {
  const { architecture, start, training, validation, options, cancelled } = task;
  const trained = train(architecture, start, training, validation, options, {
    told: (epoch) => parentPort?.postMessage({ epoch }, []),
    cancelled: () => Atomics.load(cancelled, 0) === 1,
  });
  parentPort?.postMessage({ trained }, []);
  leave();
}
