/** The clock of a replay, so that tests can bring their own. */
import { setTimeout as sleep } from "node:timers/promises";

export interface Clock {
  now(): number;
  /** Rejects when aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const realClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
};
