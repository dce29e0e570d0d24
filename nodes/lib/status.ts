/** Node status at most twice a second: the first change at once, then the latest one when the pause is over. */

export type Colour = "green" | "yellow" | "red" | "blue" | "grey";

export interface Status {
  fill?: Colour;
  shape?: "dot" | "ring";
  text?: string;
}

const PAUSE = 500;

/**
 * @param show what to do with a status that is due
 * @returns `set` and `stop`; after `stop` nothing is shown any more
 */
export function throttledStatus(show: (status: Status) => void): { set(status: Status): void; stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  let waiting: Status | undefined;
  let shown = "";
  const showNow = (status: Status): void => {
    const same = JSON.stringify(status);
    if (same === shown) return;
    shown = same;
    show(status);
    timer = setTimeout(() => {
      timer = undefined;
      const next = waiting;
      waiting = undefined;
      if (next) showNow(next);
    }, PAUSE);
    timer.unref();
  };
  return {
    set(status) {
      if (timer) waiting = status;
      else showNow(status);
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
      waiting = undefined;
    },
  };
}
