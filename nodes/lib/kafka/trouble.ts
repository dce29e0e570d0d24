/** Tells a node's user about trouble that lasts: what a retry cures within a second is not worth a red light. */

/** How long trouble must last before it is shown, in ms. */
const LASTS = 1000;

export interface Trouble {
  /** What is shown now. */
  readonly shown: string | undefined;
  /** It works (undefined) or why not. */
  set(error: Error | undefined): void;
  close(): void;
}

/** @param changed is called when what should be shown has changed */
export const watchTrouble = (changed: (shown: string | undefined) => void): Trouble => {
  let shown: string | undefined;
  let latest: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  const show = (): void => {
    timer = undefined;
    if (shown === latest) return;
    shown = latest;
    changed(shown);
  };
  return {
    get shown() {
      return shown;
    },
    set(error) {
      latest = error?.message;
      if (latest === undefined) {
        clearTimeout(timer);
        show();
      } else timer ??= setTimeout(show, shown === undefined ? LASTS : 0);
    },
    close: () => clearTimeout(timer),
  };
};
