/**
 * A row of entries on disk: written at its end, read from its begin, removed once acknowledged. Knows nothing of what
 * the entries are. Entries written in the same moment share one fsync, after which they are durable. What was
 * acknowledged is stored without fsync: it outlives a kill of the process, after a power cut some may come again.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { access, constants, mkdir, open, unlink, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { asError, ConfigError, messageOf } from "../errors";
import { lockFolder, type FolderLock } from "../files/folder-lock";
import { writeAll } from "../files/write-all";
import { frame, framedSizes, MOST } from "./frames";
import type { SpoolOptions } from "./options";
import { PositionFile } from "./position";
import { findSegments, lastEntry, makeSegment, readEntries, type Segment } from "./segments";

export type { SpoolOptions } from "./options";

/** Entries in order; the first has this number. */
export interface Entries {
  readonly first: number;
  readonly contents: readonly Buffer[];
}

interface Waiting {
  readonly contents: readonly Uint8Array[];
  readonly first: number;
  durable(): void;
  failed(error: Error): void;
}

/** How far a file has been read. */
interface Cursor {
  readonly segment: Segment;
  /** The entry at the byte `at`. */
  number: number;
  at: number;
}

export class Spool {
  private waiting: Waiting[] = [];
  private working: Promise<void> | undefined;
  private file: FileHandle | undefined;
  private failing = false;
  private closed = false;
  /** Number of the next entry. */
  private next: number;
  /** Entries before it are durable. */
  private flushed: number;
  /** Entries before it are acknowledged. */
  private mark: number;
  private readonly finished = new Set<number>();
  /** The next entry to read. */
  private reading: number;
  private cursor: Cursor | undefined;
  private used: number;

  private constructor(
    private readonly options: SpoolOptions,
    private readonly lock: FolderLock | undefined,
    private readonly position: PositionFile,
    private readonly segments: Segment[],
  ) {
    const last = segments.at(-1);
    this.mark = Math.max(position.stored, segments[0]?.first ?? 0);
    this.next = Math.max(position.stored, last ? last.first + last.count : 0);
    this.flushed = this.next;
    this.reading = this.mark;
    this.used = segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** @throws ConfigError when the folder cannot be used */
  static async open(options: SpoolOptions): Promise<Spool> {
    let lock: FolderLock | undefined;
    let position: PositionFile | undefined;
    try {
      await mkdir(options.directory, { recursive: true });
      await access(options.directory, constants.W_OK);
      if (!options.unlocked) lock = await lockFolder(options.directory);
      position = await PositionFile.open(path.join(options.directory, "acknowledged"));
      return new Spool(options, lock, position, await findSegments(options.directory, position.stored, options));
    } catch (error) {
      await position?.close();
      await lock?.release();
      throw new ConfigError(`Spool: the folder ${options.directory} can't be used: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** Entries that are not acknowledged. */
  get count(): number {
    return this.next - this.mark - this.finished.size;
  }

  /** Bytes that its files take, what waits to be written included. */
  get bytes(): number {
    return this.used;
  }

  /** Whether entries of so many bytes fit now. */
  fits(contents: readonly Uint8Array[]): boolean {
    if (contents.some(({ length }) => length > MOST)) return false;
    const { maxBytes, beside } = this.options;
    return !this.failing && !this.closed && this.used + (beside?.() ?? 0) + framedSizes(contents) <= maxBytes;
  }

  /**
   * Appends entries that fit; `durable` resolves when they outlive a power cut. It waits while the disk refuses, and
   * rejects only when the spool is closed meanwhile.
   */
  append(contents: readonly Uint8Array[]): { readonly first: number; readonly durable: Promise<void> } {
    const first = this.next;
    const bytes = framedSizes(contents);
    this.next += contents.length;
    this.used += bytes;
    const durable = new Promise<void>((resolve, failed) => {
      this.waiting.push({ contents, first, durable: resolve, failed });
    });
    this.working ??= this.work();
    return { first, durable };
  }

  /** Entries that were neither read nor skipped, durable or not. */
  get unread(): number {
    return this.next - this.reading;
  }

  /** Whether `read` would find something. */
  get readable(): boolean {
    return this.reading < this.flushed;
  }

  /** The number that the next entry gets. */
  get end(): number {
    return this.next;
  }

  /** Numbers below `to` are not given any more. For a start: after a power cut, what was acknowledged may be forgotten. */
  reserve(to: number): void {
    if (to <= this.next) return;
    const { next } = this;
    if (this.reading === next) this.reading = to;
    this.next = this.flushed = to;
    for (let number = next; number < to; number++) this.acknowledge(number);
  }

  /** The last durable entry; undefined when there is none. */
  async last(): Promise<Buffer | undefined> {
    const segment = this.segments.at(-1);
    return segment && lastEntry(segment);
  }

  /** The next durable entries, about a megabyte of them, or at most `most`; undefined when there are none. Call it once at a time. */
  async read(most = Infinity): Promise<Entries | undefined> {
    while (this.readable) {
      const segment = this.segments.find(({ first, count }) => this.reading < first + count);
      if (!segment) {
        // Numbers that were reserved.
        this.reading = this.flushed;
        return undefined;
      }
      if (this.reading < segment.first) this.giveUp(segment.first);
      if (this.cursor?.segment !== segment) this.cursor = { segment, number: segment.first, at: 0 };
      const { cursor } = this;
      const known = segment.first + segment.count;
      const { contents, end, damaged } = await readEntries(segment.path, cursor.at, segment.bytes, most);
      if (damaged || contents.length === 0) {
        this.options.lost(
          `${segment.path} is damaged at byte ${cursor.at}: ${known - cursor.number} of its records are lost`,
        );
        this.giveUp(known);
        continue;
      }
      const { number } = cursor;
      cursor.number += contents.length;
      cursor.at = end;
      const first = Math.max(this.reading, number);
      if (cursor.number <= first) continue;
      this.reading = cursor.number;
      return { first, contents: contents.slice(first - number) };
    }
    return undefined;
  }

  /** Entries before `to` need not be read: whoever appended them still has them. */
  skip(to: number): void {
    this.reading = Math.max(this.reading, to);
  }

  /** The entry of this number is done with. */
  acknowledge(number: number): void {
    if (number < this.mark) return;
    this.finished.add(number);
    if (number !== this.mark) return;
    while (this.finished.delete(this.mark)) this.mark++;
    this.position.store(this.mark);
    this.remove();
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    this.closed = true;
    await this.working;
    await this.closeFile();
    await this.position.close();
    await this.lock?.release();
  }

  /** What can't be read any more counts as acknowledged. */
  private giveUp(to: number): void {
    for (let lost = this.reading; lost < to; lost++) this.acknowledge(lost);
    this.skip(to);
  }

  private async work(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      for (;;) {
        try {
          await this.write(batch);
          break;
        } catch (error) {
          this.failing = true;
          await this.takeBack();
          this.options.trouble(asError(error));
          if (this.closed) {
            for (const { failed } of [...batch, ...this.waiting.splice(0)]) failed(asError(error));
            return;
          }
          await sleep(this.options.again ?? 1000);
        }
      }
      if (this.failing) {
        this.failing = false;
        this.options.trouble(undefined);
      }
      for (const { durable } of batch) durable();
      this.options.changed();
    }
    this.working = undefined;
    this.remove();
  }

  private async write(batch: readonly Waiting[]): Promise<void> {
    const first = batch[0]?.first ?? this.next;
    const last = this.segments.at(-1);
    const limit = this.options.segmentBytes ?? Math.min(16 << 20, Math.ceil(this.options.maxBytes / 8));
    let segment = last;
    let { file } = this;
    if (!segment || segment.sealed || segment.bytes >= limit || !file) {
      if (segment) segment.sealed = true;
      await this.closeFile();
      segment = await makeSegment(this.options.directory, first);
      this.file = file = await open(segment.path, "r+");
      this.segments.push(segment);
    }
    const bytes = frame(batch.flatMap(({ contents }) => contents));
    await writeAll(file, bytes, segment.bytes);
    await file.datasync();
    segment.bytes += bytes.length;
    for (const { contents } of batch) segment.count += contents.length;
    this.flushed = segment.first + segment.count;
  }

  /** Cuts off what a failed write has left, and begins a new file next. */
  private async takeBack(): Promise<void> {
    const segment = this.segments.at(-1);
    if (!segment || !this.file) return;
    await this.file.truncate(segment.bytes).catch(() => undefined);
    await this.closeFile();
    segment.sealed = true;
    if (segment.count > 0) return;
    this.segments.pop();
    await unlink(segment.path).catch(() => undefined);
  }

  private async closeFile(): Promise<void> {
    const { file } = this;
    this.file = undefined;
    await file?.close().catch(() => undefined);
  }

  /** Removes files of which everything is acknowledged; the last one too when nothing waits. */
  private remove(): void {
    for (;;) {
      const [segment] = this.segments;
      if (!segment || segment.count === 0 || segment.first + segment.count > this.mark) return;
      if (!segment.sealed && (this.next !== this.mark || this.working)) return;
      this.segments.shift();
      this.used -= segment.bytes;
      if (!segment.sealed) void this.closeFile();
      if (this.cursor?.segment === segment) this.cursor = undefined;
      // a file that stays behind is removed at the next start
      unlink(segment.path).catch(() => undefined);
      this.options.changed();
    }
  }
}
