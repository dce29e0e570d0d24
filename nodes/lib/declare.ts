/** A node as it is declared once: what the editor shows and what the runtime reads. */
import type { Fields } from "./fields";

export type Group = "config" | "source" | "transform" | "sink" | "control";

export interface Declaration<F extends Fields = Fields> {
  /** Global to every pack, so it is prefixed. */
  readonly type: `citystream-${string}`;
  readonly group: Group;
  /** What the palette calls it. */
  readonly label: string;
  /** A file of `icons/`, or `font-awesome/fa-…`. Config nodes need none. */
  readonly icon?: string;
  readonly inputs?: 0 | 1;
  /** Labels of the output ports, in order. */
  readonly outputs?: readonly string[];
  /** Name of a `rows` field: there is one output port per row, labelled by that row's first column. */
  readonly outputsFrom?: string;
  /** Field shown as the node's label while it has no name. */
  readonly labelFrom?: keyof F & string;
  readonly fields: F;
  /** Titles of the form's collapsible parts, by the key that fields name in `section`. */
  readonly sections?: Readonly<Record<string, string>>;
  /** Words of the status below the node, at most 20 characters each. */
  readonly statuses?: Readonly<Record<string, string>>;
  /** Other words the editor may show, such as results of a connection test; `__name__` is replaced by a value. */
  readonly words?: Readonly<Record<string, string>>;
  /** A text above the form. */
  readonly notice?: string;
  /** Config nodes: the form has a "Test connection" button. */
  readonly testable?: boolean;
  /** The form, and the node on the workspace, have a button that opens the node's own view: `citystreamView` in the node's folder `view`. `icon`: of the form's button. */
  readonly view?: { readonly button: string; readonly icon?: `fa-${string}` };
}

/** Statuses that every node has. */
export const commonStatuses = {
  settings: "check settings",
  failed: "failed",
  /** Of sources: followed by the node whose server is away and when it is tried next. */
  outage: "no answer:",
  deadLetters: "dead letters stuck",
  /** Of sources: what they would read could go nowhere. */
  unwired: "output needs a wire",
  /** While a deploy waits for a source: followed by how many, and how long it waits at most. */
  finishing: "finishing, records",
  /** While a deploy waits for another node: followed by how long it waits at most. */
  closing: "closing",
} as const;

/** Declares a node; checks at build time live in tools/editor. */
export const declareNode = <const F extends Fields>(declaration: Declaration<F>): Declaration<F> => declaration;
