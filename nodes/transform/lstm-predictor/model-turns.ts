import type { LoadedModel } from "./loaded-model";

/** Keeps messages in their order over a swap: what a model answers leaves after what the models before it answered. */
export interface ModelTurns {
  /** A message is asked of this model. */
  enter(model: LoadedModel | undefined): Turn;
}

export interface Turn {
  /** Settles when the messages of the models before have left; undefined: there are none. */
  readonly before: Promise<void> | undefined;
  /** The message has left, or failed: once for each that entered. */
  leave(): void;
}

export function modelTurns(): ModelTurns {
  let current = turnOf(undefined, undefined);
  return {
    enter(model) {
      if (model !== current.model) current = turnOf(model, current.end());
      current.open++;
      return current;
    },
  };
}

function turnOf(model: LoadedModel | undefined, earlier: Promise<void> | undefined) {
  let left: (() => void) | undefined;
  const turn = {
    model,
    open: 0,
    before: earlier,
    leave(): void {
      if (--turn.open === 0) left?.();
    },
    /** No message enters any more. Settles when all have left; undefined: they have. */
    end(): Promise<void> | undefined {
      return turn.open === 0 ? turn.before : new Promise((resolve) => (left = resolve));
    },
  };
  void earlier?.then(() => (turn.before = undefined));
  return turn;
}
