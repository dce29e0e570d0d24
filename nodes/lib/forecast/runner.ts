import type { Architecture, Weights } from "./architecture";
import { openEngine, type EngineKind } from "./engine";
import { forward, placeNetwork, type Value } from "./network";
import { findNotFinite } from "./scan";

/** Computes windows on this thread. */
export interface Runner {
  readonly engine: EngineKind;
  /** Bytes of memory that the network takes, its weights included. */
  readonly bytes: number;
  /**
   * Answers for `count` windows `[count × steps × inputs]`, as `[count × outputs]`. One window and a thousand give the
   * same bits.
   * @throws when the shape is wrong or an input is not a finite number
   */
  run(inputs: Float32Array, count: number): Float32Array;
}

/** Windows that go through the network together: more gain nothing and leave the cache. */
const ROWS = 64;
/** Calls until V8 has compiled the kernel, and what calls it, with its optimising compiler. */
const WARM_UP = 500;

/**
 * Places the network in memory of its own and warms it up, so that the first answer is as fast as the hundredth.
 * @throws ConfigError when layers and weights do not fit together
 */
export function openRunner(architecture: Architecture, weights: Weights, kind?: EngineKind): Runner {
  const engine = openEngine(kind);
  const network = placeNetwork(engine, architecture, weights, ROWS);
  const { steps, inputs: width } = architecture.input;
  const size = steps * width;
  const runner: Runner = {
    engine: engine.kind,
    bytes: engine.size,
    run(inputs, count) {
      if (inputs.length !== count * size) {
        throw new RangeError(
          `${count} windows of [${steps} × ${width}] are ${count * size} numbers, not ${inputs.length}.`,
        );
      }
      const bad = findNotFinite(inputs);
      if (bad >= 0) {
        const [step, input] = [Math.floor((bad % size) / width), bad % width];
        throw new RangeError(`Window ${Math.floor(bad / size)}, step ${step}, input ${input} is ${inputs[bad]}.`);
      }
      let answers = new Float32Array(0);
      for (let from = 0; from < count; from += ROWS) {
        const rows = Math.min(ROWS, count - from);
        engine.floats.set(inputs.subarray(from * size, (from + rows) * size), network.input / 4);
        const out = forward(network, rows).get(architecture.output) as Value;
        if (!answers.length) answers = new Float32Array(count * out.width);
        for (let r = 0; r < rows; r++) {
          const at = (out.at + r * out.row) / 4;
          answers.set(engine.floats.subarray(at, at + out.width), (from + r) * out.width);
        }
      }
      return answers;
    },
  };
  const windows = new Float32Array(4 * size);
  for (let i = 0; i < WARM_UP && engine.kind !== "plain"; i++) {
    const count = i % 4 === 0 ? 4 : 1;
    runner.run(windows.subarray(0, count * size), count);
  }
  return runner;
}
