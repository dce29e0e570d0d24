/** Trying again for as long as it takes: the server being away is back-pressure, not failure. */
import { setTimeout as sleep } from "node:timers/promises";
import { asError } from "./errors";

export interface BackOff {
  /** ms before the second try; doubles up to `longest`. */
  readonly first: number;
  readonly longest: number;
  /** Ends the trying: the latest error is then thrown. */
  readonly signal: AbortSignal;
  /** Whether an error may go away by itself. */
  again(error: Error): boolean;
  /** Told of each failure that is followed by another try. */
  failed?(error: Error, tries: number): void;
}

/** Repeats an action with exponential back-off and jitter (half of the delay is random). */
export async function tryUntilDone<T>(action: () => Promise<T>, backOff: BackOff): Promise<T> {
  const { first, longest, signal } = backOff;
  for (let tries = 1; ; tries++) {
    try {
      return await action();
    } catch (thrown) {
      const error = asError(thrown);
      if (signal.aborted || !backOff.again(error)) throw error;
      backOff.failed?.(error, tries);
      const delay = Math.min(longest, first * 2 ** Math.min(tries - 1, 30));
      await sleep(delay / 2 + (Math.random() * delay) / 2, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) throw error;
    }
  }
}

/** At most so many actions at a time; the others wait in order. */
export function limiter(most: number): <T>(action: () => Promise<T>) => Promise<T> {
  let running = 0;
  const queue: (() => void)[] = [];
  return async (action) => {
    if (running >= most) await new Promise<void>((resolve) => queue.push(resolve));
    else running++;
    try {
      return await action();
    } finally {
      const next = queue.shift();
      if (next) next();
      else running--;
    }
  };
}
