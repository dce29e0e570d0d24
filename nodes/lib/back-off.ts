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

/** Exponential back-off with full jitter, in ms; `n` counts from 0. Full: those who failed together come back apart. */
export const backOff = (n: number, first: number, longest: number): number =>
  Math.random() * Math.min(longest, first * 2 ** Math.min(n, 30));

/** Repeats an action with exponential back-off and full jitter. */
export async function tryUntilDone<T>(action: () => Promise<T>, options: BackOff): Promise<T> {
  const { first, longest, signal } = options;
  for (let tries = 1; ; tries++) {
    try {
      return await action();
    } catch (thrown) {
      const error = asError(thrown);
      if (signal.aborted || !options.again(error)) throw error;
      options.failed?.(error, tries);
      await sleep(backOff(tries - 1, first, longest), undefined, { signal }).catch(() => undefined);
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
