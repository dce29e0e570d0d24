/**
 * States by key on disk, written checkpoint by checkpoint: a checkpoint is there as a whole or not at all. Memory holds
 * where each key's state lies, not the states. Files of which little is still in use are written anew bit by bit.
 *
 * The layout is that of Bitcask (Sheehy, Smith: Bitcask, a log-structured hash table, 2010): a log of values, an index in
 * memory, and merging.
 */
import { mkdir, open, readdir, rename, unlink, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { syncDirectory } from "../durable";
import { ConfigError, messageOf } from "../errors";
import { lockFolder, type FolderLock } from "../files/folder-lock";
import { writeAll } from "../files/write-all";
import { FRAME, frame } from "../spool/frames";
import { readBy, writtenBy, type Contained } from "./contained";
import { Carrying, type Carried, type Place } from "./carrying";
import { contentOf, Segment, segmentNumbers, type Frame, type Head } from "./segment";
import { jsonCodec, type ResultCodec, type StoreOptions } from "./store-options";

const SEGMENT = 16 * 1024 * 1024;

export class StateStore {
  /** In the order in which they were written last. */
  private index = new Map<string, Place>();
  private readonly segments = new Set<Segment>();
  /** Keys that it will have when the checkpoint that is being written is durable, and has not yet. */
  private readonly coming = new Set<string>();
  private current: { readonly segment: Segment; readonly handle: FileHandle } | undefined;
  private number = 0;
  /** Of the file that is written. */
  private results: ResultCodec | undefined;
  private readonly carrying = new Carrying();

  private constructor(
    private readonly options: StoreOptions,
    private readonly lock: FolderLock,
  ) {}

  /**
   * Opens what a folder holds; `contained` gets the records that the states contain.
   *
   * @throws ConfigError when the folder cannot be used
   */
  static async open(options: StoreOptions, contained: (list: readonly Contained[]) => void): Promise<StateStore> {
    let lock: FolderLock | undefined;
    try {
      await mkdir(options.directory, { recursive: true });
      lock = await lockFolder(options.directory);
      const store = new StateStore(options, lock);
      await store.load(contained);
      return store;
    } catch (error) {
      await lock?.release();
      if (error instanceof ConfigError) throw error;
      throw new ConfigError(`the folder ${options.directory} can't be used: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Those of the checkpoint that is being written too. */
  get keys(): number {
    return this.index.size + this.coming.size;
  }

  /** Whether a key is one of `keys`. */
  counts(key: string): boolean {
    return this.index.has(key) || this.coming.has(key);
  }

  has(key: string): boolean {
    return this.index.has(key);
  }

  /** Whether a key has a state whose time is not over. */
  isFresh(key: string, now: number): boolean {
    const place = this.index.get(key);
    return place !== undefined && place.time + this.options.ttl >= now;
  }

  /** Bytes of its files, and of those what is still in use. */
  get bytes(): { readonly all: number; readonly live: number } {
    let [all, live] = [0, 0];
    for (const segment of this.segments) {
      all += segment.end;
      live += segment.live;
    }
    return { all, live };
  }

  /** A key's state as it was written last. @throws Error when it can't be read */
  read(key: string, now: number): unknown {
    const place = this.index.get(key);
    if (!place || !this.isFresh(key, now)) return undefined;
    return (this.options.codec ?? jsonCodec).decode(place.segment.read(place.at, place.size));
  }

  /** All keys, in the order in which they were written last. */
  all(): IterableIterator<string> {
    return this.index.keys();
  }

  /**
   * Writes a checkpoint; durable when it resolves, with the keys that are gone: they were not written for too long, or have no state.
   * One at a time. Where it fails nothing has changed. States may change once it has returned; contained records must not.
   *
   * @param states undefined: the key has no state any more
   * @param all gives all contained records, for the first checkpoint of a file
   */
  async write(
    states: ReadonlyMap<string, unknown>,
    added: readonly Contained[],
    all: () => readonly Contained[],
    now: number,
  ): Promise<readonly string[]> {
    for (const [key, state] of states) if (state !== undefined && !this.index.has(key)) this.coming.add(key);
    try {
      return await this.append(states, added, all, now);
    } finally {
      this.coming.clear();
    }
  }

  private async append(
    states: ReadonlyMap<string, unknown>,
    added: readonly Contained[],
    all: () => readonly Contained[],
    now: number,
  ): Promise<readonly string[]> {
    const { format, directory, segmentBytes = SEGMENT, codec = jsonCodec } = this.options;
    const begins = this.current === undefined || this.current.segment.end > segmentBytes;
    const keys: string[] = [];
    const bytes: Buffer[] = [];
    const removed = this.outdated(states, now);
    for (const [key, state] of states)
      if (state === undefined) removed.push(key);
      else {
        keys.push(key);
        bytes.push(codec.encode(state));
      }
    if (begins) this.results = this.options.results?.();
    const carried = this.carried(states, removed);
    for (const each of carried) {
      keys.push(each.key);
      bytes.push(each.bytes);
    }
    const contained = {
      name: begins ? ("all" as const) : ("added" as const),
      elements: await writtenBy(this.results, begins ? all() : added),
    };
    const head: Head = {
      time: now,
      keys,
      sizes: bytes.map(({ length }) => length),
      ...(carried.length > 0 && { times: carried.map(({ time }) => time) }),
      ...(removed.length > 0 && { removed }),
      ...(begins && { format }),
    };
    const { content, from } = contentOf(head, contained, bytes);
    const to = begins ? await this.begin() : this.current;
    if (!to) throw new Error("the store is closed");
    const { segment, handle } = to;
    try {
      await writeAll(handle, frame([content]), segment.end);
      await handle.sync();
      if (begins) await syncDirectory(directory);
    } catch (error) {
      await handle.close().catch(() => undefined);
      if (begins) await unlink(segment.file).catch(() => undefined);
      // What is torn must be the end of its file.
      else this.current = undefined;
      throw error;
    }
    if (begins) {
      await this.current?.handle.close();
      this.current = to;
      this.segments.add(segment);
    }
    this.enter({ head, at: segment.end + FRAME + from, end: segment.end + FRAME + content.length }, segment);
    await this.drop();
    return removed;
  }

  async close(): Promise<void> {
    await this.current?.handle.close();
    this.current = undefined;
    for (const segment of this.segments) segment.close();
    await this.lock.release();
  }

  private async begin(): Promise<{ segment: Segment; handle: FileHandle }> {
    const segment = new Segment(++this.number, this.options.directory);
    return { segment, handle: await open(segment.file, "w") };
  }

  private async load(contained: (list: readonly Contained[]) => void): Promise<void> {
    const { directory, format, warn } = this.options;
    const numbers = segmentNumbers(await readdir(directory));
    this.number = numbers.at(-1) ?? 0;
    for (const number of numbers) {
      const segment = new Segment(number, directory);
      const frames = segment.frames();
      const results = this.options.results?.();
      for (;;) {
        const { value, done } = await frames.next();
        if (done) {
          if (value !== undefined)
            warn(`${segment.file} is damaged at byte ${value}: states written there after that are lost`);
          break;
        }
        if (value.head.format !== undefined && value.head.format !== format) {
          await this.setAside(segment, value.head.format);
          break;
        }
        contained(readBy(results, value.head.all ?? value.head.added ?? []));
        this.enter(value, segment);
      }
      if (segment.end > 0) this.segments.add(segment);
    }
    const places = [...this.index].sort(([, a], [, b]) => a.time - b.time);
    this.index = new Map(places);
    await this.drop();
  }

  /** States of other settings mean something else. They stay on disk for who needs them. */
  private async setAside(segment: Segment, format: string): Promise<void> {
    const aside = `${segment.file}.other`;
    await rename(segment.file, aside);
    this.options.warn(
      `the state in ${path.basename(aside)} is of other settings (${format}): every key begins anew; go back to those settings and take ".other" off the file's name to have it again`,
    );
  }

  private enter({ head, at, end }: Frame, segment: Segment): void {
    this.coming.clear();
    const { time, keys, sizes, times = [], removed = [] } = head;
    for (const key of removed) this.remove(key);
    const carriedFrom = keys.length - times.length;
    keys.forEach((key, n) => {
      const size = sizes[n] ?? 0;
      const old = this.index.get(key);
      if (old) old.segment.live -= old.size;
      // What is only carried keeps its place in the order.
      if (n < carriedFrom) this.index.delete(key);
      this.index.set(key, { segment, at, size, time: times[n - carriedFrom] ?? time });
      segment.live += size;
      at += size;
    });
    segment.end = end;
  }

  private remove(key: string): void {
    const place = this.index.get(key);
    if (!place) return;
    place.segment.live -= place.size;
    this.index.delete(key);
  }

  /** Keys whose time is over, or that are too many; none of those that are written now. */
  private outdated(states: ReadonlyMap<string, unknown>, now: number): string[] {
    const { ttl, most } = this.options;
    const removed: string[] = [];
    let left = this.keys;
    for (const [key, { time }] of this.index) {
      if (time + ttl >= now && left <= most) break;
      if (states.has(key)) continue;
      removed.push(key);
      left--;
    }
    return removed;
  }

  /** States of the oldest file, to be written again, where less than half of all bytes is in use. */
  private carried(states: ReadonlyMap<string, unknown>, removed: readonly string[]): Carried[] {
    const [oldest] = this.segments;
    const { all, live } = this.bytes;
    const { segmentBytes = SEGMENT } = this.options;
    if (!oldest || oldest === this.current?.segment || all < 2 * live + segmentBytes) return [];
    return this.carrying.next(oldest, this.index, states, new Set(removed));
  }

  /** Removes files of which nothing is in use, from the oldest on: a later one has all contained records. */
  private async drop(): Promise<void> {
    for (const segment of this.segments) {
      if (segment.live > 0 || segment === this.current?.segment || this.segments.size === 1) return;
      segment.close();
      this.segments.delete(segment);
      await unlink(segment.file);
    }
  }
}
