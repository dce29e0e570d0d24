/** A file that grows in memory until it is published, with those who wait for it. */
import type { FileEncoder } from "../formats/record-format";
import type { FileState } from "./rotation";
import type { Ticket } from "../ticket";
import { FileOffsets } from "./file-offsets";
import type { LakeRecord } from "./place";

interface Waiter {
  readonly ticket: Ticket;
  readonly indexes: number[];
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
    let latest = this.waiters[this.waiters.length - 1];
    if (latest?.ticket !== ticket) this.waiters.push((latest = { ticket, indexes: [] }));
    latest.indexes.push(index);
  }

  /** All its bytes. @throws Retriable when they are lost */
  content(): Promise<readonly Uint8Array[]> {
    return this.encoder.content();
  }

  /** Everything in it is durable under this path. */
  stored(path: string): void {
    for (const { ticket, indexes } of this.waiters) ticket.leave(indexes.length, path);
  }

  /** It will not be published. */
  failed(error: Error): void {
    this.encoder.drop();
    for (const { ticket, indexes } of this.waiters) for (const index of indexes) ticket.fail(index, error);
  }
}
