/** When training begins: one at a time, by messages and by the clock. */
import { alarm } from "../../lib/alarm";
import type { Message } from "../../lib/delivery/contract";

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
  let due = next(Date.now());
  const clock = alarm(() => {
    const now = Date.now();
    if (now >= due) {
      act();
      due = next(now);
    }
    set();
  });
  const set = (): void => clock.at(due === Infinity ? undefined : due);
  set();
  return () => clock.stop();
}
