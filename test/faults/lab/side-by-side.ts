/** Trials at the same time: most of a trial is waiting, for time-outs of the group and for steps of the flow. */
import { availableParallelism } from "node:os";

/** How many trials this machine runs at the same time: one a core and one that waits. */
export const USUAL = Math.max(2, availableParallelism()) + 1;

/** Begins up to `limit` tasks at once, the others in their order; each gives its promise at once. */
export function sideBySide(limit: number): <T>(task: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return (task) => {
    const run = async () => {
      if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
      else running++;
      try {
        return await task();
      } finally {
        const next = waiting.shift();
        if (next) next();
        else running--;
      }
    };
    const result = run();
    // Whoever asked for it may await it later.
    result.catch(() => undefined);
    return result;
  };
}
