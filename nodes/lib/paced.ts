/** An act that is called often and done seldom: the first call at once, then the latest when the pause is over. */
export interface Paced {
  (): void;
  /** Nothing is done after this. */
  stop(): void;
}

/** @param pause in ms */
export function paced(act: () => void, pause = 1000): Paced {
  let timer: NodeJS.Timeout | undefined;
  let again = false;
  let stopped = false;
  const go = (): void => {
    again = false;
    act();
    timer = setTimeout(() => {
      timer = undefined;
      if (again && !stopped) go();
    }, pause);
    timer.unref();
  };
  const call = (): void => {
    if (timer) again = true;
    else if (!stopped) go();
  };
  return Object.assign(call, {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  });
}
