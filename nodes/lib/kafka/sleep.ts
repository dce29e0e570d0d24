/** Waits `ms`, or until the signal aborts. Never rejects. */
export const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });

/** Waits until `work` is over, but no longer than `ms`. Rejects as it does. */
export const within = async <T>(work: Promise<T> | undefined, ms: number): Promise<T | undefined> => {
  const over = new AbortController();
  try {
    return await Promise.race([work, sleep(ms, over.signal).then(() => undefined)]);
  } finally {
    over.abort();
  }
};
