/** What a node shows: its own state, what keeps it from working, and that messages fail. */

export type Colour = "green" | "yellow" | "red" | "blue" | "grey";

export interface Status {
  fill?: Colour;
  shape?: "dot" | "ring";
  text?: string;
}

const PAUSE = 500;

/**
 * Node status at most twice a second: the first change at once, then the latest one when the pause is over.
 *
 * @param show what to do with a status that is due
 * @returns `set`, which asks for a status only when it is due, and `stop`, after which nothing is shown any more
 */
export function throttledStatus(show: (status: Status) => void): { set(status: () => Status): void; stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  let waiting: (() => Status) | undefined;
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
      if (next) showNow(next());
    }, PAUSE);
    timer.unref();
  };
  return {
    set(status) {
      if (timer) waiting = status;
      else showNow(status());
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
      waiting = undefined;
    },
  };
}

/** A status by its key, with a number, a name or a reason behind it. */
export interface Shown {
  readonly word: string;
  readonly colour: Colour;
  readonly detail?: string | number | undefined;
}

export interface NodeStatus {
  /** The node's own state. */
  own(shown: Shown): void;
  /** What keeps a source from working, which is shown instead; undefined: nothing. */
  trouble(shown: Shown | undefined): void;
  /** A message has failed. */
  failed(): void;
  /** A message was treated well. */
  succeeded(): void;
  stop(): void;
}

/** Between the state of a node and "failed"; tools/editor/words-page.ts parts them there. */
export const BESIDE = " · ";

/**
 * "failed" stands beside the node's own state, in red, until the node has treated a message well and the last failure is
 * some seconds old: so a rare failure can be seen among thousands of successes, and none hides how far the node is. A
 * state that is red already says why, and stands alone.
 *
 * @param textOf the text of a key
 * @param seen how long a failure is shown at least, in ms
 */
export function nodeStatus(
  textOf: (word: string) => string,
  show: (status: Status) => void,
  seen = 10_000,
): NodeStatus {
  const throttled = throttledStatus(show);
  let own: Shown | undefined;
  let trouble: Shown | undefined;
  let failing = false;
  let mended = false;
  let timer: NodeJS.Timeout | undefined;

  const text = ({ word, detail = "" }: Shown): string => (detail === "" ? textOf(word) : `${textOf(word)} ${detail}`);
  const due = (): Status => {
    const shown = trouble ?? own;
    if (failing && shown?.colour !== "red")
      return { fill: "red", shape: "dot", text: `${shown ? text(shown) + BESIDE : ""}${textOf("failed")}` };
    if (shown === undefined) return {};
    const { colour } = shown;
    return { fill: colour, shape: colour === "grey" || colour === "yellow" ? "ring" : "dot", text: text(shown) };
  };
  let told: { readonly shown: Shown | undefined; readonly failing: boolean } | undefined;
  /** A node may say how far it is with each message, and looking a word up costs as much as a message. */
  const update = (): void => {
    const shown = trouble ?? own;
    if (told && told.failing === failing && isSame(told.shown, shown)) return;
    told = { shown, failing };
    throttled.set(due);
  };
  const forget = (): void => {
    failing = false;
    update();
  };
  const wasSeen = (): void => {
    timer = undefined;
    if (mended) forget();
  };

  return {
    own(shown) {
      own = shown;
      update();
    },
    trouble(shown) {
      if (shown === undefined && trouble === undefined) return;
      trouble = shown;
      update();
    },
    failed() {
      mended = false;
      if (timer) timer.refresh();
      else timer = setTimeout(wasSeen, seen).unref();
      if (failing) return;
      failing = true;
      update();
    },
    succeeded() {
      if (!failing || mended) return;
      mended = true;
      if (timer === undefined) forget();
    },
    stop() {
      clearTimeout(timer);
      throttled.stop();
    },
  };
}

const isSame = (a: Shown | undefined, b: Shown | undefined): boolean =>
  a === b || (a?.word === b?.word && a?.colour === b?.colour && a?.detail === b?.detail);
