/** A file that grows in memory until it is published, with those who wait for it. */
import type { FileEncoder, TakenLines } from "../formats/record-format";
import { type Ascending, Ranges } from "../ranges";
import type { FileState } from "./rotation";
import type { Ticket } from "../ticket";
import { FileOffsets } from "./file-offsets";
import type { LakeRecord, LakeRun } from "./place";

const NONE: TakenLines = { count: 0, size: 0 };
const POSITIONS: Ascending = { offset: (at) => at };

interface Waiter {
  readonly ticket: Ticket;
  records: number;
  readonly indexes: Ranges;
}

/** Its encoder keeps the bytes until the store has them, so that publishing can be tried again as often as it takes. */
export class OpenFile implements FileState {
  records = 0;
  bytes = 0;
  touched: number;
  /** By the records' own time, ms since the epoch. */
  earliest = Infinity;
  latest = -Infinity;
  /** Of those of its records that have offsets. */
  readonly offsets = new FileOffsets();
  private readonly waiters: Waiter[] = [];

  constructor(
    private readonly encoder: FileEncoder,
    readonly opened: number,
    readonly sequence: number,
    readonly cut = Infinity,
  ) {
    this.touched = opened;
  }

  /**
   * Takes a record in.
   * @returns its size in bytes; undefined when it belongs to a file with other columns
   * @throws Rejected
   */
  add({ value, isLine, time }: LakeRecord, now: number): number | undefined {
    const size = this.encoder.add(value, isLine);
    if (size === undefined) return undefined;
    this.records++;
    this.bytes += size;
    this.touched = now;
    if (time !== undefined) {
      this.earliest = Math.min(this.earliest, time);
      this.latest = Math.max(this.latest, time);
    }
    return size;
  }

  wait(ticket: Ticket, index: number): void {
    this.waiter(ticket, 1).indexes.add(index);
  }

  private waiter(ticket: Ticket, records: number): Waiter {
    let latest = this.waiters[this.waiters.length - 1];
    if (latest?.ticket !== ticket) this.waiters.push((latest = { ticket, records: 0, indexes: new Ranges() }));
    latest.records += records;
    return latest;
  }

  /**
   * Takes records of a run in, from…to−1 of its message, up to `most` bytes.
   * @returns how many; the next one is for `add`, unless they are all, or the file is due
   */
  addRun({ lines }: LakeRun, from: number, to: number, most: number, piece: number, ticket: Ticket): TakenLines {
    const taken = this.encoder.addLines?.(lines, from, to, most) ?? NONE;
    const { count, size } = taken;
    if (count === 0) return taken;
    this.records += count;
    this.bytes += size;
    this.offsets.addAll(lines, from, from + count, piece);
    this.waiter(ticket, count).indexes.addAll(POSITIONS, from, from + count);
    return taken;
  }

  /** All its bytes. @throws Retriable when they are lost */
  content(): Promise<readonly Uint8Array[]> {
    return this.encoder.content();
  }

  /** Everything in it is durable under this path. */
  stored(path: string): void {
    this.encoder.published?.();
    for (const { ticket, records } of this.waiters) ticket.leave(records, path);
  }

  /** It will not be published. */
  failed(error: Error): void {
    this.encoder.drop();
    for (const { ticket, records, indexes } of this.waiters) {
      for (const index of indexes.numbers()) ticket.fail(index, error);
      // a writer that is given one index twice must not wait for ever
      if (records > indexes.size) ticket.leave(records - indexes.size);
    }
  }
}
