/** Notices when nothing moves any more, whatever the reason: a client that waits for ever does not say so. */

/** Looks at progress so often before it says that there is none: a process that was itself stopped gets its time. */
const LOOKS = 10;

export interface Watchdog {
  /** Something came of the cluster. */
  progress(): void;
  stop(): void;
}

/**
 * @param limit longest time without progress, in ms
 * @param stalled is called once, with how long nothing has moved, in ms
 */
export const watchProgress = (limit: number, stalled: (idle: number) => void): Watchdog => {
  let moved = false;
  let looks = 0;
  let since = Date.now();
  const timer = setInterval(() => {
    if (moved) {
      moved = false;
      looks = 0;
      since = Date.now();
    } else if (++looks >= LOOKS) {
      clearInterval(timer);
      stalled(Date.now() - since);
    }
  }, limit / LOOKS);
  return {
    progress() {
      moved = true;
    },
    stop: () => clearInterval(timer),
  };
};
