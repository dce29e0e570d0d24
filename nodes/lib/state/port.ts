/** State by key that nodes keep of a stream: each record changes it once, whatever comes again. */
import type { Message } from "../delivery/contract";
import type { StreamRecord } from "../stream/record";
import type { Identity } from "./contained";

/** Resolves once `readyToTake` may be asked again; undefined: the records of the message may be taken now, in this turn. */
export const readyToTake = (
  state: Pick<KeyedState<unknown>, "ready" | "readyFor">,
  message: Message,
): Promise<void> | undefined => (state.readyFor ? state.readyFor(message) : state.ready);

/** What a record makes of its key's state, and what is to be said of the record; both as JSON can hold them. */
export interface Step<S, R> {
  readonly state: S;
  /** undefined: nothing, as of most records. */
  readonly result?: R;
}

/**
 * The next state of a key. Without clock, chance or other state: the same state and record make the same step. It must
 * not change the state that it is given.
 *
 * @throws Rejected when nothing can be made of the record: the state stays as it is
 */
export type Advance<S, R, T extends StreamRecord = StreamRecord> = (state: S | undefined, record: T) => Step<S, R>;

export interface KeyedState<R, T extends StreamRecord = StreamRecord> {
  /**
   * Resolves once what was kept is back; undefined when it is. Before that no record may be taken.
   * @throws Retriable when it is closed before
   */
  readonly ready: Promise<void> | undefined;
  /**
   * Where it depends on the message: resolves once it may be asked again, and undefined when the records of the message may
   * be taken, which is then to be done in the same turn. The order in which messages asked is kept.
   * @throws Retriable when they belong to another process, or it is closed
   */
  readyFor?(message: Message): Promise<void> | undefined;
  /** Keys that have a state. */
  readonly keys: number;
  /** Further keys take the places of others. */
  readonly full: boolean;
  /**
   * Takes a record into its key's state and gives what is to be said of it. A record that the state holds already, by its
   * `source`, changes nothing and gets what was said the first time.
   * @param identity where it is not that of its source
   */
  take(key: string, record: T, identity?: Identity): R | undefined;
  /**
   * After the records of a message were taken, in the same turn: they are not finished before a restart would find them in the
   * state. A message that nothing tracks is not finished either: resolves then. undefined: the message need not wait.
   */
  kept(message: Message): Promise<void> | undefined;
  /** Keeps what is not kept yet. */
  close(): Promise<void>;
}
