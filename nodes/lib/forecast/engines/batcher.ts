import { asError, Rejected } from "../../errors";
import { type Answers, type Origin, type Size, unanswered } from "./port";

export interface BatchOptions {
  readonly shape: Size;
  /** Most windows that are computed together. */
  readonly size: number;
  /** ms that a window waits for others; 0: until the end of this turn of the event loop. */
  readonly delay: number;
  /** Batches computed at a time. */
  readonly parallel: number;
  run(inputs: Float32Array, count: number): Promise<Answers>;
}

/** Computes together what is asked for at the same time, and answers in the order in which it was asked. */
export interface Batcher {
  predict(inputs: Float32Array, count: number): Promise<Answers>;
  /** Resolves when everything is answered; from now on nothing waits for others. */
  drained(): Promise<void>;
}

interface Request {
  readonly inputs: Float32Array;
  readonly count: number;
  readonly values: Float32Array;
  readonly origins: (Origin | Error)[];
  readonly resolve: (answers: Answers) => void;
  /** Windows that are in no batch yet begin here. */
  taken: number;
  missing: number;
}

/** Windows of one request in a batch. */
interface Part {
  readonly request: Request;
  readonly from: number;
  readonly count: number;
}

export function openBatcher({ shape, size, delay, parallel, run }: BatchOptions): Batcher {
  const width = shape.steps * shape.inputs;
  const { outputs } = shape;
  /** Requests with windows in no batch. */
  const queue: Request[] = [];
  /** Requests not yet answered, the oldest first. */
  const open: Request[] = [];
  let queued = 0;
  let running = 0;
  /** The oldest window has waited long enough. */
  let due = false;
  let draining = false;
  let timer: NodeJS.Timeout | undefined;
  let turn: NodeJS.Immediate | undefined;
  const idle: (() => void)[] = [];

  function take(): Part[] {
    const parts: Part[] = [];
    let free = size;
    while (free > 0 && queue[0]) {
      const [request] = queue;
      const count = Math.min(free, request.count - request.taken);
      parts.push({ request, from: request.taken, count });
      request.taken += count;
      free -= count;
      if (request.taken === request.count) queue.shift();
    }
    queued -= size - free;
    return parts;
  }

  async function compute(parts: readonly Part[]): Promise<void> {
    const count = parts.reduce((sum, part) => sum + part.count, 0);
    const inputs = new Float32Array(count * width);
    let at = 0;
    for (const { request, from, count: some } of parts) {
      inputs.set(request.inputs.subarray(from * width, (from + some) * width), at * width);
      at += some;
    }
    const { values, origins } = await run(inputs, count).catch((error: unknown) => unanswered(count, asError(error)));
    at = 0;
    for (const { request, from, count: some } of parts) {
      for (let i = 0; i < some; i++) {
        const answer = values.subarray((at + i) * outputs, (at + i + 1) * outputs);
        const origin = origins[at + i] as Origin | Error;
        request.origins[from + i] = origin instanceof Error ? origin : (wrongIn(answer, outputs, origin) ?? origin);
        request.values.set(answer, (from + i) * outputs);
      }
      at += some;
      request.missing -= some;
    }
  }

  const ripe = (): boolean => queued > 0 && (queued >= size || due || draining);

  function pump(): void {
    while (running < parallel && ripe()) {
      running++;
      void compute(take()).finally(() => {
        running--;
        for (let first = open[0]; first && first.missing === 0; first = open[0]) {
          open.shift();
          first.resolve(first);
        }
        pump();
      });
    }
    if (queued === 0) rest();
    else if (!due && timer === undefined && turn === undefined) {
      if (delay > 0) timer = setTimeout(isDue, delay);
      else turn = setImmediate(isDue);
    }
    if (open.length === 0) for (const resolve of idle.splice(0)) resolve();
  }

  /** Nothing waits: the next window has its time before it. */
  function rest(): void {
    due = false;
    clearTimeout(timer);
    clearImmediate(turn);
    timer = undefined;
    turn = undefined;
  }

  function isDue(): void {
    timer = undefined;
    turn = undefined;
    due = queued > 0;
    pump();
  }

  return {
    predict(inputs, count) {
      if (inputs.length !== count * width)
        return Promise.resolve(
          unanswered(count, new RangeError(`${count} windows are ${count * width} numbers, not ${inputs.length}.`)),
        );
      return new Promise((resolve) => {
        const values = new Float32Array(count * outputs);
        const request = { inputs, count, values, origins: [], resolve, taken: 0, missing: count };
        open.push(request);
        queue.push(request);
        queued += count;
        pump();
      });
    },
    drained() {
      draining = true;
      return new Promise((resolve) => {
        idle.push(resolve);
        pump();
      });
    },
  };
}

/** What no forecast may be made of. */
function wrongIn(answer: Float32Array, outputs: number, { engine }: Origin): Error | undefined {
  if (answer.length === outputs && answer.every(Number.isFinite)) return undefined;
  return new Rejected(`the model answered ${answer.join(", ") || "nothing"} (engine ${engine}), which is no forecast.`);
}
