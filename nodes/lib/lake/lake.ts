/** What a lake configuration node hands to the nodes that use it. */
import type { Store } from "./store";

export interface Lake {
  readonly store: Store;
  /** For people. */
  readonly address: string;
}
