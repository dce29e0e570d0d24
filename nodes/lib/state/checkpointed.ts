/**
 * State that survives its process. A record is finished once a durable checkpoint holds what it changed together with its
 * identity: after a restart, what comes again of it is recognised (design: delivery rule 12).
 */
import type { Message } from "../delivery/contract";
import { messageOf, Retriable } from "../errors";
import type { StreamRecord } from "../stream/record";
import { Checkpoints, type Surroundings } from "./checkpoints";
import { ContainedRecords, containedOf, identityOf, type Contained, type Identity } from "./contained";
import type { Advance, KeyedState } from "./port";
import { StateStore } from "./store";
import type { StoreOptions } from "./store-options";

export interface CheckpointOptions extends StoreOptions {
  /** Longest time from a record to the checkpoint that holds it, ms. */
  readonly interval: number;
  /** Records after which there is one at once. */
  readonly records: number;
  /** Keys whose state stays in memory; that of others is read when it is needed. */
  readonly inMemory: number;
  /** Told after each durable checkpoint. */
  readonly written?: () => void;
}

/** Records that may wait for the disk before their source does, as so many checkpoints'. */
const WAITING = 4;

/** What is said goes on a wire, where it may be changed. Of most records nothing is said. */
const copyOf = (result: unknown): unknown => (result === undefined ? undefined : structuredClone(result));

export class CheckpointedState<S, R, T extends StreamRecord = StreamRecord> implements KeyedState<R, T> {
  private store: StateStore | undefined;
  private readonly opening: Promise<void>;
  /** In the order of use, once there are as many as stay in memory. */
  private readonly hot = new Map<string, S>();
  private dirty = new Set<string>();
  /** How many of these the store does not count. */
  private fresh = 0;
  private added: Contained[] = [];
  private readonly contained = new ContainedRecords();
  private readonly checkpoints: Checkpoints;
  /** Where the records of the present message come from. */
  private place: string | undefined;

  constructor(
    private readonly advance: Advance<S, R, T>,
    private readonly options: CheckpointOptions,
    private readonly around: Surroundings,
  ) {
    this.checkpoints = new Checkpoints(options.interval, around, () => this.write());
    this.opening = this.open();
    this.opening.catch(() => undefined);
  }

  get ready(): Promise<void> | undefined {
    return this.store ? undefined : this.opening;
  }

  /** Asked with each message, so it is not counted anew. */
  get keys(): number {
    return (this.store?.keys ?? 0) + this.fresh;
  }

  get full(): boolean {
    return this.keys >= this.options.most;
  }

  take(key: string, record: T, identity: Identity | undefined = identityOf(record, key)): R | undefined {
    if (identity) {
      this.place = identity.place;
      const known = this.contained.find(identity);
      if (known) return this.ownOf(known.result) as R | undefined;
    }
    const { state, result } = this.advance(this.stateOf(key), record);
    this.use(key, state);
    this.touch(key);
    if (identity) {
      const kept = this.ownOf(result);
      this.contained.add(identity, kept);
      this.added.push(containedOf(identity, kept));
    }
    return result;
  }

  kept(message: Message): Promise<void> | undefined {
    this.forget(message);
    const { added, dirty, options } = this;
    if (dirty.size === 0) return this.checkpoints.retainPresent(message);
    return this.checkpoints.retain(message, {
      now: added.length >= options.records || dirty.size >= options.inMemory,
      counts: added.length >= WAITING * options.records,
    });
  }

  async close(): Promise<void> {
    await this.checkpoints.close(this.opening, () => this.dirty.size > 0);
    await this.store?.close();
  }

  /** While there is room the order does not matter, and a key that leaves its place with each record leaves garbage behind. */
  private use(key: string, state: S): void {
    if (this.hot.size >= this.options.inMemory) this.hot.delete(key);
    this.hot.set(key, state);
  }

  private touch(key: string): void {
    if (this.dirty.has(key)) return;
    this.dirty.add(key);
    if (!this.store?.counts(key)) this.fresh++;
  }

  /** What has a way of its own to the disk is not what goes on a wire. */
  private ownOf(result: unknown): unknown {
    return this.options.results ? result : copyOf(result);
  }

  private async open(): Promise<void> {
    this.store = await this.checkpoints.untilOpen(() =>
      StateStore.open(this.options, (list) => this.contained.restore(list)),
    );
  }

  private stateOf(key: string): S | undefined {
    const { store } = this;
    if (!store) throw new Error("the state is not open yet");
    const now = Date.now();
    if (this.dirty.has(key)) return this.hot.get(key);
    try {
      if (this.hot.has(key) && (store.isFresh(key, now) || this.checkpoints.present)) return this.hot.get(key);
      return store.read(key, now) as S | undefined;
    } catch (error) {
      throw new Retriable(`the state of ${key} can't be read: ${messageOf(error)}`, { cause: error });
    }
  }

  /** What the message's source has committed comes again no more. */
  private forget(message: Message): void {
    const { place } = this;
    this.place = undefined;
    if (place !== undefined) this.contained.forgetCommitted(place, this.around.emissionsOf(message));
  }

  /** Writes what has changed; where that fails it stays to be written. */
  private async write(): Promise<void> {
    const { store, dirty, added } = this;
    if (!store) return;
    [this.dirty, this.added] = [new Set(), []];
    this.fresh = 0;
    const states = new Map([...dirty].map((key) => [key, this.hot.get(key)]));
    try {
      const gone = await store.write(states, added, () => this.contained.list(), Date.now());
      for (const key of gone) if (!this.dirty.has(key)) this.hot.delete(key);
      this.cool();
      this.options.written?.();
    } catch (error) {
      for (const key of dirty) this.dirty.add(key);
      this.added = [...added, ...this.added];
      throw error;
    } finally {
      this.fresh = 0;
      for (const key of this.dirty) if (!store.counts(key)) this.fresh++;
    }
  }

  /** Lets states go that are on disk, those unused for longest first. */
  private cool(): void {
    for (const key of this.hot.keys()) {
      if (this.hot.size <= this.options.inMemory) return;
      if (!this.dirty.has(key)) this.hot.delete(key);
    }
  }
}
