/** State that lives as long as its process at most. */
import type { Delivery, Message } from "../delivery/contract";
import type { StreamRecord } from "../stream/record";
import { ContainedRecords, identityOf, type Identity } from "./contained";
import type { Advance, KeyedState } from "./port";

/** What a state in memory holds. */
export interface Memory<S> {
  /** In the order of use, once there are half as many as may be. */
  readonly states: Map<string, S>;
  /** What was said of records that may come again; what is said must not be changed then. */
  readonly contained?: ContainedRecords;
}

/** Records under way that are remembered of a place whose source does not say from where it would begin again. */
const UNDER_WAY = 10_000;

/** Of each node, over its deploys: what was under way then comes again to the node that takes its place. */
const byNode = new Map<string, { readonly format: string; readonly memory: Memory<unknown> }>();

/** What a node had in memory before a deploy, where it was of the same format; else nothing yet. */
export function memoryOf<S>(node: string, format: string): Memory<S> {
  const before = byNode.get(node);
  if (before?.format === format) return before.memory as Memory<S>;
  const memory: Memory<S> = { states: new Map(), contained: new ContainedRecords(UNDER_WAY) };
  byNode.set(node, { format, memory });
  return memory;
}

/** The node is gone for good, or keeps its state elsewhere. */
export const forgetMemory = (node: string): void => void byNode.delete(node);

export class InMemoryState<S, R, T extends StreamRecord = StreamRecord> implements KeyedState<R, T> {
  readonly ready = undefined;
  /** Where the records of the present message come from. */
  private place: string | undefined;

  /**
   * @param most keys; the least recently used makes room
   * @param emissionsOf where it remembers what may come again: says what of that does not
   */
  constructor(
    private readonly advance: Advance<S, R, T>,
    private readonly most: number,
    private readonly memory: Memory<S> = { states: new Map() },
    private readonly emissionsOf?: Delivery["emissionsOf"],
  ) {}

  get keys(): number {
    return this.memory.states.size;
  }

  get full(): boolean {
    return this.keys >= this.most;
  }

  take(key: string, record: T, given?: Identity): R | undefined {
    const { states, contained } = this.memory;
    const identity = contained && (given ?? identityOf(record, key));
    if (identity) {
      this.place = identity.place;
      const known = contained.find(identity);
      if (known) return known.result as R | undefined;
    }
    const { state, result } = this.advance(states.get(key), record);
    // Where there is much room the order does not matter yet, and a key that leaves its place with each record leaves garbage behind.
    if (states.size >= this.most / 2) states.delete(key);
    states.set(key, state);
    while (states.size > this.most) states.delete(states.keys().next().value as string);
    if (identity) contained.add(identity, result);
    return result;
  }

  kept(message: Message): undefined {
    const { place } = this;
    this.place = undefined;
    if (place !== undefined && this.emissionsOf)
      this.memory.contained?.forgetCommitted(place, this.emissionsOf(message));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
