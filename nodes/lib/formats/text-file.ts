/** Files of text, a record a line: made of pieces, each compressed by itself off the event loop. */
import { type Packing, plainPacking } from "./packing";
import { Spare } from "../spare";
import type { UnreadRecords } from "../unread";
import type { FileEncoder, RecordFormat, TakenLines } from "./record-format";

/** Writes the lines of one file. */
export interface LineEncoder {
  /** What stands before the first record; asked for after the first record was encoded. */
  head(): string;
  /**
   * One record, without its line end: text, or bytes that are in the file's form already.
   * @param isLine the value is bytes, of which is known that they are JSON text on one line
   * @returns undefined when this file can't take it because its columns differ: it belongs to a new file
   * @throws Rejected when no file can take it
   */
  encode(value: unknown, isLine: boolean): string | Uint8Array | undefined;
}

/** A format that has a line for each record. */
export interface LineFormat {
  /** With its dot: `.ndjson`. */
  readonly extension: string;
  /** Lines of JSON are lines of it. */
  readonly takesJson?: true;
  begin(): LineEncoder;
}

/** A file is compressed in pieces of about so many bytes. */
const PIECE = 1 << 20;
/** Bytes of a file's first piece to begin with, and by how much it grows when it is full. */
const FIRST = 4096;
const GROWTH = 4;
/** Bytes of pieces that wait to be used again: files are published a few at a time. */
const MOST_SPARE = 10 * PIECE;
/** Most bytes of UTF-8 that a UTF-16 unit takes. */
const WIDEST = 3;
const LINE_FEED = 10;
const NOTHING = Buffer.alloc(0);
/** A line up to this length is copied here: for so little a call into Node.js, with its window, takes longer. */
const SHORT = 256;

/** Pieces of files that are durable, and those that became too small. */
const spare = new Spare<Buffer>(
  (size) => Buffer.allocUnsafeSlow(size),
  (piece) => piece.length,
  FIRST,
  MOST_SPARE,
);

class TextFile implements FileEncoder {
  private piece: Buffer = NOTHING;
  private used = 0;
  private readonly parts: Promise<Buffer>[] = [];
  /** Those of which `parts` are made, as long as these look into them. */
  private readonly pieces: Buffer[] = [];

  constructor(
    private readonly encoder: LineEncoder,
    private readonly packing: Packing,
    private readonly takesJson: boolean,
  ) {}

  add(value: unknown, isLine = false): number | undefined {
    const line = this.encoder.encode(value, isLine);
    if (line === undefined) return undefined;
    const size = typeof line === "string" ? this.write(line) : this.copy(line);
    this.piece[this.used++] = LINE_FEED;
    return size + 1;
  }

  addLines(lines: UnreadRecords, from: number, to: number, most: number): TakenLines {
    let size = 0;
    let at = from;
    for (; this.takesJson && at < to && size < most; at++) {
      const length = lines.sizeOf(at);
      // A tombstone, or memory that is not to be had: `add` says so.
      if (length < 0 || !this.hasRoom(length + 1)) break;
      this.copyFrom(lines.bytes(at), lines.from(at), length);
      this.piece[this.used++] = LINE_FEED;
      size += length + 1;
    }
    return { count: at - from, size };
  }

  private hasRoom(size: number): boolean {
    try {
      this.reserve(size);
      return true;
    } catch {
      return false;
    }
  }

  private copyFrom(bytes: Buffer, from: number, length: number): void {
    const { piece, used } = this;
    if (length > SHORT) bytes.copy(piece, used, from, from + length);
    else for (let at = 0; at < length; at++) piece[used + at] = bytes[from + at]!;
    this.used += length;
  }

  // Lines that waited as text would be objects, which the collector copies again and again.
  private write(line: string): number {
    const most = line.length * WIDEST + 1;
    this.reserve(most <= this.piece.length - this.used ? most : Buffer.byteLength(line) + 1);
    const size = this.piece.write(line, this.used);
    this.used += size;
    return size;
  }

  private copy(line: Uint8Array): number {
    this.reserve(line.length + 1);
    this.piece.set(line, this.used);
    this.used += line.length;
    return line.length;
  }

  async content(): Promise<readonly Uint8Array[]> {
    this.cut();
    const head = this.encoder.head();
    return Promise.all(head === "" ? this.parts : [this.pack(Buffer.from(head)), ...this.parts]);
  }

  published(): void {
    for (const piece of this.pieces) spare.give(piece);
    this.drop();
  }

  drop(): void {
    this.piece = NOTHING;
    this.used = 0;
    this.parts.length = 0;
    this.pieces.length = 0;
  }

  /** Makes room for so many bytes more. */
  private reserve(size: number): void {
    if (this.used + size > PIECE) this.cut();
    const needed = this.used + size;
    if (needed <= this.piece.length) return;
    const grown = this.parts.length > 0 ? PIECE : Math.min(PIECE, Math.max(FIRST, this.piece.length * GROWTH));
    const larger = spare.take(Math.max(needed, grown));
    this.piece.copy(larger, 0, 0, this.used);
    spare.give(this.piece);
    this.piece = larger;
  }

  private cut(): void {
    if (this.used === 0) return;
    const part = this.pack(this.piece.subarray(0, this.used));
    // looked at when the file is published
    part.catch(() => undefined);
    this.parts.push(part);
    if (this.packing === plainPacking) this.pieces.push(this.piece);
    this.piece = NOTHING;
    this.used = 0;
  }

  private async pack(bytes: Buffer): Promise<Buffer> {
    return this.packing.pack(bytes);
  }
}

/** The files of a format with lines, compressed or not. */
export function textFile(lines: LineFormat, packing: Packing = plainPacking): RecordFormat {
  return {
    extension: `${lines.extension}${packing.extension}`,
    begin: () => new TextFile(lines.begin(), packing, lines.takesJson ?? false),
  };
}
