/** What a lake configuration node hands to the nodes that use it. */
import type { LakeStore } from "./store";

export interface Lake {
  readonly store: LakeStore;
  /** For people. */
  readonly address: string;
}
