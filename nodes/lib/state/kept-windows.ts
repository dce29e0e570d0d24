/**
 * Windows whose records are kept on disk: a record is finished at its source once a durable checkpoint holds it with its
 * identity, and leaves the disk with the last of its windows. After a restart the windows go on from the last checkpoint:
 * what comes again of what it holds is recognised, and windows that had not finished are sent again as they were.
 */
import { setImmediate as turn } from "node:timers/promises";
import { deserialize, serialize } from "node:v8";
import type { Message } from "../delivery/contract";
import type { Fired } from "../stream/window/entry";
import { Windower, type Arrival, type Came, type WindowerOptions, type WindowerState } from "../stream/window/windower";
import { Checkpoints, weightOf, type Surroundings } from "./checkpoints";
import { Chunk } from "./chunk";
import { ContainedRecords, containedOf, identityOf, type Contained } from "./contained";
import { StateStore } from "./store";
import type { StoreOptions } from "./store-options";

/** A record in windows: where it is kept, and its message's topic. */
export interface KeptOrigin {
  readonly chunk: Chunk<Kept>;
  /** Its place in the chunk. */
  readonly at: number;
  readonly topic: unknown;
}

export interface KeptWindowsOptions extends Pick<StoreOptions, "directory" | "format" | "segmentBytes" | "warn"> {
  readonly windows: WindowerOptions;
  /** Longest time from a record to the checkpoint that holds it, ms. */
  readonly interval: number;
  /** Records after which there is one at once. */
  readonly records: number;
}

type Kept = Omit<Arrival<unknown>, "origin"> & Omit<Came, "left"> & Pick<KeptOrigin, "topic">;

/** The key of what windows know beside their records; others are chunks' first numbers, or those with `MARKS`. */
const STATE = "state";
/** After a chunk's number: which of its records are out, and the windows that others have left. */
const MARKS = "-";
/** Records that are kept together, at most. */
const TOGETHER = 500;

export class KeptWindows {
  private windower: Windower<KeptOrigin>;
  private readonly contained = new ContainedRecords();
  private readonly checkpoints: Checkpoints;
  private store: StateStore | undefined;
  private readonly opening: Promise<void>;
  private next = 0;
  /** Takes the records that come, until the next checkpoint. */
  private filling: Chunk<Kept> | undefined;
  /** To be written with the next checkpoint: chunks that are on no disk yet, and those of which records have left. */
  private fresh = new Set<Chunk<Kept>>();
  private marked = new Set<Chunk<Kept>>();
  private added: Contained[] = [];
  /** Records in windows, sent ones included, that have not finished. */
  private records = 0;
  private waitingForRoom: (() => void)[] = [];
  private place: string | undefined;

  constructor(
    private readonly options: KeptWindowsOptions,
    private readonly around: Surroundings,
  ) {
    this.windower = new Windower(options.windows);
    this.checkpoints = new Checkpoints(options.interval, around, () => this.write());
    this.opening = this.open();
    this.opening.catch(() => undefined);
  }

  /** Resolves once what was kept is back; undefined when it is. @throws Retriable when it is closed before */
  get ready(): Promise<void> | undefined {
    return this.store ? undefined : this.opening;
  }

  /** The windows; without records until `ready`. Records go into them by `add`. */
  get windows(): Pick<Windower<KeptOrigin>, "due" | "nextDue" | "eventTime"> {
    return this.windower;
  }

  /** Records that have not finished with all their windows. */
  get unfinished(): number {
    return this.records;
  }

  /**
   * Puts a record into its windows. `known`: a checkpoint holds it already.
   * @param topic of the message that brought it
   * @throws Rejected when it can't be kept on disk
   */
  add(arrival: Omit<Arrival<unknown>, "origin">, topic: unknown, now: number): "held" | "late" | "known" {
    const { windower } = this;
    // Spelled out: spreads took most of the time of this method.
    const { key, time, partition, bytes, record } = arrival;
    const identity = identityOf(record, key);
    if (identity) {
      this.place = identity.place;
      if (this.contained.find(identity)) return "known";
    }
    const { over } = windower;
    if (!this.filling || this.filling.count >= TOGETHER) this.filling = new Chunk(this.next);
    const chunk = this.filling;
    chunk.add({ key, time, partition, bytes, record, topic, now, over });
    const at = chunk.count - 1;
    // Before it is added: a bound may fire at once.
    this.next++;
    this.records++;
    const origin = { chunk, at, topic };
    if (windower.add({ key, time, partition, bytes, record, origin }, now) === "late") {
      chunk.drop(at);
      this.records--;
      return "late";
    }
    this.fresh.add(chunk);
    if (identity) {
      this.contained.add(identity, undefined);
      this.added.push(containedOf(identity, undefined));
    }
    return "held";
  }

  /**
   * After the records of a message were added: they are not finished before a restart would find them. Resolves when no more
   * are unfinished than the windows may hold, and a message that nothing tracks can be found; undefined when it need not wait.
   */
  kept(message: Message): Promise<void> | undefined {
    const { place, added, options } = this;
    this.place = undefined;
    this.filling?.endMessage();
    if (place !== undefined) this.contained.forgetCommitted(place, this.around.emissionsOf(message));
    const isFull = this.records > options.windows.maxRecords;
    const written =
      this.isChanged || isFull
        ? this.checkpoints.retain(message, { now: added.length >= options.records, counts: isFull })
        : this.checkpoints.retainPresent(message);
    const room = isFull ? this.room(message) : undefined;
    return written && room ? Promise.all([written, room]).then(() => undefined) : (written ?? room);
  }

  /** A window that was sent has finished: its records are needed no more, those that are in others for these only. */
  finish(window: Fired<KeptOrigin>): void {
    const { hop, size } = this.options.windows;
    if (hop < size)
      for (const { origin } of window.members) {
        origin.chunk.leave(origin.at, window.start);
        this.marked.add(origin.chunk);
      }
    this.windower.sent(window, ({ origin }) => {
      this.records--;
      origin.chunk.drop(origin.at);
      this.marked.add(origin.chunk);
    });
    this.checkpoints.want();
    if (this.records <= this.options.windows.maxRecords) for (const go of this.waitingForRoom.splice(0)) go();
  }

  /** Writes what is not written yet, and lets go of the folder. */
  async close(): Promise<void> {
    await this.checkpoints.close(this.opening, () => this.isChanged);
    for (const go of this.waitingForRoom.splice(0)) go();
    await this.store?.close();
  }

  /** Beyond the bound the source waits for windows that were sent and have not finished. */
  private room(message: Message): Promise<void> | undefined {
    if (this.records <= this.options.windows.maxRecords) return undefined;
    const release = this.around.hold(message, { gathers: true, counts: true, ...weightOf(message) });
    return new Promise((resolve) =>
      this.waitingForRoom.push(() => {
        release();
        resolve();
      }),
    );
  }

  private get isChanged(): boolean {
    return this.fresh.size + this.marked.size + this.added.length > 0;
  }

  private async open(): Promise<void> {
    this.store = await this.checkpoints.untilOpen(() => this.restored());
  }

  private async restored(): Promise<StateStore> {
    const { directory, format, segmentBytes, warn } = this.options;
    const more = { ...(segmentBytes !== undefined && { segmentBytes }), codec: BYTES, ttl: Infinity, most: Infinity };
    const store = await StateStore.open({ directory, format, warn, ...more }, (list) => this.contained.restore(list));
    try {
      await this.restore(store);
      return store;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  private async restore(store: StateStore): Promise<void> {
    const now = Date.now();
    const windower = new Windower<KeptOrigin>(this.options.windows);
    if (store.has(STATE)) windower.restore(deserialize(store.read(STATE, now) as Buffer) as WindowerState, now);
    const firsts = [...store.all()].flatMap((key) => (/^\d+$/u.test(key) ? [Number(key)] : [])).sort((a, b) => a - b);
    let records = 0;
    for (const first of firsts) {
      await turn();
      const bytes = store.read(String(first), now) as Buffer;
      const marks = store.read(`${first}${MARKS}`, now) as Buffer | undefined;
      const chunk: Chunk<Kept> = new Chunk<Kept>(first);
      chunk.restore(bytes, marks, ({ over, now: came, topic, ...arrival }, at, left) => {
        const isHeld = windower.putBack({ ...arrival, origin: { chunk, at, topic } }, { now: came, over, left });
        if (isHeld) records++;
        return isHeld;
      });
      this.next = first + chunk.count;
    }
    this.windower = windower;
    this.records = records;
  }

  private async write(): Promise<void> {
    const { store, fresh, marked, added } = this;
    if (!store) return;
    [this.filling, this.fresh, this.marked, this.added] = [undefined, new Set(), new Set(), []];
    const states = new Map<string, Buffer | undefined>();
    for (const chunk of fresh) if (chunk.isNeeded) states.set(String(chunk.first), chunk.bytes());
    for (const chunk of [...fresh, ...marked]) {
      const key = `${chunk.first}${MARKS}`;
      if (chunk.isNeeded) states.set(key, chunk.marks());
      // One that never got to the disk need not be taken from there.
      else for (const each of [String(chunk.first), key]) if (store.has(each)) states.set(each, undefined);
    }
    states.set(STATE, serialize(this.windower.state));
    try {
      await store.write(states, added, () => this.contained.list(), Date.now());
      for (const chunk of fresh) chunk.stored();
    } catch (error) {
      for (const chunk of fresh) this.fresh.add(chunk);
      for (const chunk of marked) this.marked.add(chunk);
      this.added = [...added, ...this.added];
      throw error;
    }
  }
}

/** States are bytes already. */
const BYTES = { encode: (state: unknown) => state as Buffer, decode: (bytes: Buffer): unknown => bytes };
