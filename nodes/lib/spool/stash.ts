/**
 * Entries put aside on disk and fetched again by their place, in any order: memory's overflow, not a store. Nothing of it
 * is durable, and what a process has left behind is removed when the next one opens the folder. An entry stays in
 * memory until it is written, also when the disk refuses.
 */
import { mkdir, open, readdir, unlink, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { asError, ConfigError, messageOf } from "../errors";
import { lockFolder, type FolderLock } from "../files/folder-lock";
import { writeAll } from "../files/write-all";
import { frame, framedSize, parse } from "./frames";

export interface StashOptions {
  /** Made when missing; one stash a folder. */
  readonly directory: string;
  /** Bytes that the files may take together. */
  readonly maxBytes: number;
  /** Bytes after which a new file begins, so that the old one can go; an eighth of `maxBytes`, at most 16 MB. */
  readonly segmentBytes?: number;
  /** The disk refuses (tried again every `again` ms, 1000 by default) or works again. */
  trouble(error: Error | undefined): void;
  readonly again?: number;
}

interface Segment {
  readonly path: string;
  readonly handle: FileHandle;
  /** Where the next entry goes. */
  end: number;
  /** Entries that are not freed, and reads under way. */
  users: number;
  sealed: boolean;
}

/** Where an entry is. */
export interface Ticket {
  /** Until it is written. */
  content: Uint8Array | undefined;
  readonly size: number;
  segment: Segment | undefined;
  at: number;
  freed: boolean;
}

const ENDING = ".stash";

export class Stash {
  private readonly segments = new Set<Segment>();
  private current: Segment | undefined;
  private waiting: Ticket[] = [];
  private working: Promise<void> | undefined;
  private retry: NodeJS.Timeout | undefined;
  private wake: (() => void) | undefined;
  private number = 0;
  private failing = false;
  private closed = false;
  /** Bytes of the files, and of what is to be written. */
  private used = 0;

  private constructor(
    private readonly options: StashOptions,
    private readonly lock: FolderLock,
  ) {}

  /** @throws ConfigError when the folder cannot be used */
  static async open(options: StashOptions): Promise<Stash> {
    let lock: FolderLock | undefined;
    try {
      await mkdir(options.directory, { recursive: true });
      lock = await lockFolder(options.directory);
      for (const name of await readdir(options.directory))
        if (name.endsWith(ENDING)) await unlink(path.join(options.directory, name));
      return new Stash(options, lock);
    } catch (error) {
      await lock?.release();
      throw new ConfigError(`the folder ${options.directory} can't be used: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Bytes that its files take, what waits to be written included. A file goes when its last entry is freed. */
  get bytes(): number {
    return this.used;
  }

  /** Whether an entry of so many bytes fits now. */
  fits(bytes: number): boolean {
    return !this.failing && !this.closed && this.used + bytes + 8 <= this.options.maxBytes;
  }

  put(content: Uint8Array): Ticket {
    const ticket: Ticket = { content, size: framedSize(content), segment: undefined, at: 0, freed: false };
    this.used += ticket.size;
    this.waiting.push(ticket);
    this.working ??= this.work();
    return ticket;
  }

  /** @throws Error when it can't be read, or is damaged */
  async get(ticket: Ticket): Promise<Buffer> {
    if (ticket.content) return Buffer.from(ticket.content);
    const { segment, at, size } = ticket;
    if (!segment || ticket.freed) throw new Error("the entry was freed");
    segment.users++;
    try {
      const bytes = Buffer.allocUnsafe(size);
      for (let read = 0; read < size;) {
        const { bytesRead } = await segment.handle.read(bytes, read, size - read, at + read);
        if (bytesRead === 0) break;
        read += bytesRead;
      }
      const [content] = parse(bytes).contents;
      if (!content) throw new Error(`${segment.path} is damaged at byte ${at}`);
      return content;
    } finally {
      this.leave(segment);
    }
  }

  /** The entry is needed no more. Twice is once. */
  free(ticket: Ticket): void {
    if (ticket.freed) return;
    ticket.freed = true;
    ticket.content = undefined;
    if (ticket.segment) this.leave(ticket.segment);
    else this.used -= ticket.size;
  }

  /** Removes everything. */
  async close(): Promise<void> {
    this.closed = true;
    this.waiting = [];
    this.wake?.();
    await this.working;
    for (const segment of this.segments) await this.remove(segment);
    await this.lock.release();
  }

  private async work(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting.filter(({ freed }) => !freed);
      this.waiting = [];
      if (batch.length > 0) await this.writeUntilDone(batch);
    }
    this.working = undefined;
    if (this.current) this.tidy(this.current);
  }

  private async writeUntilDone(batch: readonly Ticket[]): Promise<void> {
    while (!this.closed)
      try {
        await this.write(batch.filter(({ freed }) => !freed));
        if (this.failing) this.options.trouble(undefined);
        this.failing = false;
        return;
      } catch (error) {
        this.failing = true;
        this.options.trouble(asError(error));
        await new Promise<void>((resolve) => {
          this.wake = resolve;
          this.retry = setTimeout(resolve, this.options.again ?? 1000);
        });
        clearTimeout(this.retry);
      }
  }

  private async write(batch: readonly Ticket[]): Promise<void> {
    const segment = await this.segmentToWrite();
    const bytes = frame(batch.map(({ content }) => content as Uint8Array));
    const start = segment.end;
    await writeAll(segment.handle, bytes, start);
    let at = start;
    for (const ticket of batch) {
      ticket.at = at;
      at += ticket.size;
      // Its bytes are in the file now, whether anybody still wants them or not.
      if (ticket.freed) this.used += ticket.size;
      else {
        ticket.segment = segment;
        ticket.content = undefined;
        segment.users++;
      }
    }
    segment.end = at;
    this.tidy(segment);
  }

  private async segmentToWrite(): Promise<Segment> {
    const { options, current } = this;
    const limit = options.segmentBytes ?? Math.min(16 << 20, Math.ceil(options.maxBytes / 8));
    if (current && current.end < limit) return current;
    if (current) {
      current.sealed = true;
      this.tidy(current);
    }
    const file = path.join(options.directory, `${String(this.number++).padStart(8, "0")}${ENDING}`);
    const made: Segment = { path: file, handle: await open(file, "w+"), end: 0, users: 0, sealed: false };
    this.segments.add(made);
    this.current = made;
    return made;
  }

  private leave(segment: Segment): void {
    segment.users--;
    this.tidy(segment);
  }

  /** Removes a file that nobody needs any more; the current one too, so that an idle stash takes no disk. */
  private tidy(segment: Segment): void {
    if (segment.users > 0 || segment.end === 0 || !this.segments.has(segment)) return;
    if (!segment.sealed && this.working) return;
    if (this.current === segment) this.current = undefined;
    void this.remove(segment);
  }

  /** A file that stays behind is removed at the next start. */
  private async remove(segment: Segment): Promise<void> {
    this.segments.delete(segment);
    this.used -= segment.end;
    await segment.handle.close().catch(() => undefined);
    await unlink(segment.path).catch(() => undefined);
  }
}
