/** The thread that computes large batches, trains, or fits a model. It knows its task from `workerData`. */
import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../errors";
import { fit, type Fitted, type FitProgress } from "./fit";
import { openRunner } from "./runner";
import { train, type Epoch, type Trained } from "./training";
import { LINGER, type FromWorker, type ToWorker, type WorkerTask } from "./worker-messages";

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
  const { cancelled } = task;
  const say = (message: FromWorker<Epoch | FitProgress, Trained | Fitted>): void =>
    parentPort?.postMessage(message, []);
  const watch = {
    told: (told: Epoch | FitProgress) => say({ told }),
    cancelled: () => Atomics.load(cancelled, 0) === 1,
  };
  try {
    if (task.kind === "fit") say({ result: fit(task.work, watch) });
    else {
      const { architecture, start, training, validation, options } = task;
      say({ result: train(architecture, start, training, validation, options, watch) });
    }
  } catch (error) {
    // Thrown out of the thread it would end it at once; see LINGER.
    say({ failed: messageOf(error) });
  }
  leave();
}
