/** What the ledger reads of Node-RED. Private parts are named here and pinned by test/delivery, nowhere else. */
import type { NodeRef } from "./contract";

export interface RedMessage {
  _msgid?: string;
  _delivery?: unknown;
  payload?: unknown;
  [property: string]: unknown;
}

/** A Node-RED node instance. */
export interface RedNode extends NodeRef {
  readonly receive?: (message: never) => void;
  send: (this: unknown, message: unknown) => void;
  error: (this: unknown, error: unknown, message?: unknown) => void;
  warn: (this: unknown, text: unknown) => void;
  /** By output, the ids of the nodes that it is wired to, disabled ones too. */
  readonly wires?: readonly (readonly string[])[];
  /** Private: called at creation and when a deploy has changed the wires; assigns `send`. */
  updateWires?: (this: unknown, wires: unknown) => void;
  on(event: "close", listener: () => void): void;
  /** Private: the flow that the instance belongs to. */
  readonly _flow?: {
    readonly node?: unknown;
    readonly flow?: { readonly nodes?: Record<string, { readonly repair?: unknown } | undefined> };
    getNode(id: string): unknown;
  };
  /** Private: the handlers of `input`, one or several. Their number of arguments says whether they call `done`. */
  readonly _inputCallback?: ((...parameters: never[]) => void) | null;
  readonly _inputCallbacks?: readonly ((...parameters: never[]) => void)[] | null;
  readonly rules?: readonly { readonly t?: string }[];
  readonly pauseType?: string;
  readonly timeout?: unknown;
  readonly randomLast?: unknown;
  readonly timer?: unknown;
}

export interface SendEvent {
  msg: RedMessage;
  readonly source: { readonly id: string; readonly node: RedNode };
  readonly destination: { readonly id: string; readonly node: RedNode | undefined };
}

export interface ReceiveEvent {
  readonly msg: RedMessage;
  readonly destination: { readonly id: string; readonly node: RedNode };
}

export interface CompleteEvent {
  readonly msg: RedMessage;
  readonly error?: unknown;
  readonly node: { readonly id: string; readonly node: RedNode };
}

/** Runs what was added to a hook: an event passes its points one after the other, each once. */
export type Trigger = (hook: string, event: unknown, done?: unknown) => unknown;

/** The part of Node-RED's `RED` object that the ledger uses. */
export interface Red {
  readonly hooks: {
    add(name: string, callback: (event: never) => void): void;
    remove(name: string): void;
    /** Private: called by the runtime, for each message at each point, through this very object. */
    trigger?: Trigger;
  };
  readonly events: {
    on(event: string, listener: () => void): unknown;
    removeListener(event: string, listener: () => void): unknown;
  };
  readonly settings: { readonly runtimeSyncDelivery?: unknown };
  readonly log: { warn(text: string): void };
}
