/**
 * Windows whose records are kept on disk: a record is finished at its source once a durable checkpoint holds it with its
 * identity, and leaves the disk with the last of its windows. After a restart the windows go on from the last checkpoint:
 * what comes again of what it holds is recognised, and windows that had not finished are sent again as they were.
 */
import { setImmediate as turn } from "node:timers/promises";
import { deserialize, serialize } from "node:v8";
import type { Message } from "../delivery/contract";
import { messageOf, Rejected } from "../errors";
import type { Fired } from "../stream/window/entry";
import { Windower, type Arrival, type Came, type WindowerOptions, type WindowerState } from "../stream/window/windower";
import { Checkpoints, weightOf, type Surroundings } from "./checkpoints";
import { ContainedRecords, containedOf, identityOf, type Contained } from "./contained";
import { StateStore } from "./store";
import type { StoreOptions } from "./store-options";

/** A record in windows: its number in the order in which records came, and its message's topic. */
export interface Numbered {
  readonly number: number;
  readonly topic: unknown;
}

export interface KeptWindowsOptions extends Pick<StoreOptions, "directory" | "format" | "segmentBytes" | "warn"> {
  readonly windows: WindowerOptions;
  /** Longest time from a record to the checkpoint that holds it, ms. */
  readonly interval: number;
  /** Records after which there is one at once. */
  readonly records: number;
}

export type KeptArrival = Omit<Arrival<unknown>, "origin"> & Pick<Numbered, "topic">;
type Kept = KeptArrival & Omit<Came, "left">;

/** The key of what windows know beside their records; others are records' numbers, or those with `LEFT`. */
const STATE = "state";
/** After a record's number: the starts of windows that it was in. */
const LEFT = "-";
/** Records put back at a stretch. */
const STRETCH = 500;

export class KeptWindows {
  private windower: Windower<Numbered>;
  private readonly contained = new ContainedRecords();
  private readonly checkpoints: Checkpoints;
  private store: StateStore | undefined;
  private readonly opening: Promise<void>;
  private next = 0;
  /** To be written with the next checkpoint; undefined: not in use any more. */
  private changed = new Map<string, unknown>();
  private added: Contained[] = [];
  /** Starts of windows that each record has left, where it is in others. */
  private readonly left = new Map<number, Set<number>>();
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
  get windows(): Pick<Windower<Numbered>, "due" | "nextDue" | "eventTime"> {
    return this.windower;
  }

  /** Records that have not finished with all their windows. */
  get unfinished(): number {
    return this.records;
  }

  /**
   * Puts a record into its windows. `known`: a checkpoint holds it already.
   * @throws Rejected when it can't be kept on disk
   */
  add({ topic, ...arrival }: KeptArrival, now: number): "held" | "late" | "known" {
    const { windower } = this;
    const { key, record } = arrival;
    const identity = identityOf(record, key);
    if (identity) {
      this.place = identity.place;
      if (this.contained.find(identity)) return "known";
    }
    const { over } = windower;
    const number = this.next;
    const bytes = encode({ ...arrival, topic, now, over });
    // Before it is added: a bound may fire at once.
    this.changed.set(String(number), bytes);
    this.records++;
    if (windower.add({ ...arrival, origin: { number, topic } }, now) === "late") {
      this.changed.delete(String(number));
      this.records--;
      return "late";
    }
    this.next++;
    if (identity) {
      this.contained.add(identity, undefined);
      this.added.push(containedOf(identity, undefined));
    }
    return "held";
  }

  /**
   * After the records of a message were added: resolves when a restart would find them, and no more are unfinished than
   * the windows may hold; undefined when there is nothing to wait for.
   */
  kept(message: Message): Promise<void> | undefined {
    const { place, added, changed, options } = this;
    this.place = undefined;
    if (place !== undefined) this.contained.forgetCommitted(place, this.around.emissionsOf(message));
    const isFull = this.records > options.windows.maxRecords;
    if (changed.size + added.length === 0 && !isFull) return this.checkpoints.present?.then(() => this.kept(message));
    const written = this.checkpoints.wait(message, { now: added.length >= options.records, counts: isFull });
    return isFull ? written.then(() => this.room(message)) : written;
  }

  /** A window that was sent has finished: its records are needed no more, those that are in others for these only. */
  finish(window: Fired<Numbered>): void {
    const { hop, size } = this.options.windows;
    const out = new Set<number>();
    this.windower.sent(window, ({ origin }) => out.add(origin.number));
    for (const number of out) this.forget(number);
    if (hop < size)
      for (const { origin } of window.members) {
        if (out.has(origin.number)) continue;
        const left = this.left.get(origin.number) ?? new Set();
        this.left.set(origin.number, left.add(window.start));
        this.changed.set(`${origin.number}${LEFT}`, serialize([...left]));
      }
    this.checkpoints.want();
    if (this.records <= this.options.windows.maxRecords) for (const go of this.waitingForRoom.splice(0)) go();
  }

  /** Writes what is not written yet, and lets go of the folder. */
  async close(): Promise<void> {
    await this.checkpoints.close(this.opening, () => this.changed.size + this.added.length > 0);
    for (const go of this.waitingForRoom.splice(0)) go();
    await this.store?.close();
  }

  /** Beyond the bound the source waits for windows that were sent and have not finished. */
  private room(message: Message): Promise<void> | undefined {
    if (this.records <= this.options.windows.maxRecords) return undefined;
    const release = this.around.hold(message, { ...weightOf(message), gathers: true, counts: true });
    return new Promise((resolve) =>
      this.waitingForRoom.push(() => {
        release();
        resolve();
      }),
    );
  }

  private forget(number: number): void {
    this.records--;
    // One that is on disk must be taken from there; one that never got there need not.
    for (const key of [String(number), ...(this.left.delete(number) ? [`${number}${LEFT}`] : [])])
      if (this.store?.has(key) || this.checkpoints.present) this.changed.set(key, undefined);
      else this.changed.delete(key);
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
    const windower = new Windower<Numbered>(this.options.windows);
    if (store.has(STATE)) windower.restore(decode(store.read(STATE, now)) as WindowerState, now);
    const numbers = [...store.all()].flatMap((key) => (/^\d+$/u.test(key) ? [Number(key)] : [])).sort((a, b) => a - b);
    let records = 0;
    this.left.clear();
    for (const [at, number] of numbers.entries()) {
      if (at % STRETCH === STRETCH - 1) await turn();
      const { over, now: came, topic, ...arrival } = decode(store.read(String(number), now)) as Kept;
      const starts = store.read(`${number}${LEFT}`, now);
      const left = starts === undefined ? undefined : new Set(decode(starts) as number[]);
      if (left) this.left.set(number, left);
      if (windower.putBack({ ...arrival, origin: { number, topic } }, { now: came, over, left })) records++;
    }
    this.windower = windower;
    this.records = records;
    this.next = (numbers.at(-1) ?? -1) + 1;
  }

  private async write(): Promise<void> {
    const { store, changed, added } = this;
    if (!store) return;
    [this.changed, this.added] = [new Map(), []];
    changed.set(STATE, serialize(this.windower.state));
    try {
      await store.write(changed, added, () => this.contained.list(), Date.now());
    } catch (error) {
      this.changed = new Map([...changed, ...this.changed]);
      this.added = [...added, ...this.added];
      throw error;
    }
  }
}

/** States are bytes already: they are made when a record comes, since nodes may change it later. */
const BYTES = { encode: (state: unknown) => state as Buffer, decode: (bytes: Buffer): unknown => bytes };

const decode = (bytes: unknown): unknown => deserialize(bytes as Buffer);

function encode(kept: Kept): Buffer {
  try {
    return serialize(kept);
  } catch (error) {
    throw new Rejected(
      `the record can't be kept on disk: ${messageOf(error)}; take out what is no data before the window`,
      {
        cause: error,
      },
    );
  }
}
