/** When training begins: one at a time, by messages and by the clock. */
import type { Message } from "../../lib/delivery/contract";

/** Longest that a timer can wait, ms. */
const LONGEST = 2 ** 31 - 1;

export interface Runs {
  readonly running: boolean;
  /**
   * Trains when the run before has ended; all who ask meanwhile share the next one. Resolves or rejects with its end.
   */
  ask(message?: Message): Promise<void>;
  /** Resolves when no run is left. */
  ended(): Promise<void>;
}

/** @param train one run, for the messages that asked for it */
export function oneAtATime(train: (messages: readonly Message[]) => Promise<void>): Runs {
  let last: Promise<void> = Promise.resolve();
  let waiting: { readonly messages: Message[]; readonly done: Promise<void> } | undefined;
  let running = 0;
  return {
    get running() {
      return running > 0;
    },
    ask(message) {
      if (waiting) {
        if (message) waiting.messages.push(message);
        return waiting.done;
      }
      const messages = message ? [message] : [];
      const done = last.then(async () => {
        waiting = undefined;
        running++;
        try {
          await train(messages);
        } finally {
          running--;
        }
      });
      waiting = { messages, done };
      last = done.catch(() => undefined);
      return done;
    },
    async ended() {
      for (let seen; seen !== last;) {
        seen = last;
        await seen;
      }
    },
  };
}

/** Calls `act` at each time of a schedule, until it is stopped. @param next the first time after now, ms */
export function atTimes(next: (now: number) => number, act: () => void): () => void {
  let timer: NodeJS.Timeout;
  const wait = (at: number): void => {
    if (at === Infinity) return;
    timer = setTimeout(
      () => {
        // Timers may end a little early, and long ones in parts.
        const now = Date.now();
        if (now < at) {
          wait(at);
          return;
        }
        act();
        wait(next(now));
      },
      Math.min(LONGEST, Math.max(0, at - Date.now())),
    );
  };
  wait(next(Date.now()));
  return () => clearTimeout(timer);
}
