/** A file that grows in memory until it is published, with those who wait for it. */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { FileEncoder } from "../formats/record-format";
import type { FileState } from "./rotation";
import type { Ticket } from "../ticket";

const compress = promisify(gzip);

/** Text is turned into bytes, and compressed off the event loop, in pieces of this many bytes. */
const PIECE = 1 << 20;

interface Waiter {
  readonly ticket: Ticket;
  readonly indexes: number[];
}

/**
 * Bytes stay here until the store has them, so that publishing can be tried again as often as it takes. Gzip files are
 * made of one member a piece, which every reader takes for one stream (RFC 1952, 2.2).
 */
export class OpenFile implements FileState {
  records = 0;
  bytes = 0;
  touched: number;
  /** Kafka offsets in it, in the order of arrival, and which piece of a split record each one is. */
  readonly offsets: number[] = [];
  readonly pieces: number[] = [];
  private readonly waiters: Waiter[] = [];
  private lines: string[] = [];
  private lineBytes = 0;
  private readonly parts: Promise<Buffer>[] = [];

  constructor(
    private readonly encoder: FileEncoder,
    private readonly gzipped: boolean,
    readonly opened: number,
    readonly sequence: number,
  ) {
    this.touched = opened;
  }

  /**
   * Takes a record in.
   * @returns its size in bytes; undefined when it belongs to a file with other columns
   * @throws Rejected
   */
  add(value: unknown, now: number): number | undefined {
    const line = this.encoder.encode(value);
    if (line === undefined) return undefined;
    const size = Buffer.byteLength(line);
    this.lines.push(line);
    this.lineBytes += size;
    this.records++;
    this.bytes += size;
    this.touched = now;
    if (this.lineBytes >= PIECE) this.cut();
    return size;
  }

  wait(ticket: Ticket, index: number): void {
    const latest = this.waiters.at(-1);
    if (latest?.ticket === ticket) latest.indexes.push(index);
    else this.waiters.push({ ticket, indexes: [index] });
  }

  /** All bytes, header first. May be asked for again. */
  async content(): Promise<Buffer[]> {
    if (this.lines.length > 0) this.cut();
    const head = this.encoder.head();
    return Promise.all(head === "" ? this.parts : [this.pack(head), ...this.parts]);
  }

  /** Everything in it is durable under this path. */
  stored(path: string): void {
    for (const { ticket, indexes } of this.waiters) ticket.leave(indexes.length, path);
  }

  /** It will not be published. */
  failed(error: Error): void {
    for (const { ticket, indexes } of this.waiters) for (const index of indexes) ticket.fail(index, error);
  }

  private cut(): void {
    const part = this.pack(this.lines.join(""));
    // looked at when the file is published
    part.catch(() => undefined);
    this.parts.push(part);
    this.lines = [];
    this.lineBytes = 0;
  }

  private async pack(text: string): Promise<Buffer> {
    const bytes = Buffer.from(text);
    return this.gzipped ? compress(bytes) : bytes;
  }
}
