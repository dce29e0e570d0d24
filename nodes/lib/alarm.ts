/** A timer that is moved often and rings seldom. */
export interface Alarm {
  /** Rings at this time on the clock (ms), or never. */
  at(time: number | undefined): void;
  stop(): void;
}

/** Longest that a timer can wait, ms. */
const LONGEST = 2 ** 31 - 1;

/** It may ring before its time, as timers do and those of weeks must, never after: an alarm that is only put off is not set anew. */
export function alarm(ring: () => void): Alarm {
  let timer: NodeJS.Timeout | undefined;
  let due = Infinity;
  return {
    at(time) {
      if (time === undefined || (timer && due <= time)) return;
      clearTimeout(timer);
      due = time;
      timer = setTimeout(
        () => {
          timer = undefined;
          ring();
        },
        Math.min(Math.max(0, time - Date.now()), LONGEST),
      );
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
