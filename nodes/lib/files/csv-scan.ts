/**
 * Scans CSV (RFC 4180, any one-byte separator) without making a value of a row: cells are places in a buffer. For
 * checks of files of many gigabytes; `csv.ts` reads the fields of a row that is wanted whole. A row with a quote where none
 * may be ends at its first line end.
 */
import { Rejected } from "../errors";

/** The cells of one row, valid until the handler returns. */
export interface Cells {
  readonly bytes: Buffer;
  /** Where each cell begins and ends, without its quotes. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** How each cell is written. */
  readonly kinds: Uint8Array;
}

/** Kinds of cell: without quotes, between quotes, between quotes with doubled quotes inside. */
export const PLAIN = 0;
export const QUOTED = 1;
export const ESCAPED = 2;

/** A cell's text. */
export function cellText({ bytes, starts, ends, kinds }: Cells, cell: number): string {
  const text = bytes.toString("utf8", starts[cell], ends[cell]);
  return kinds[cell] === ESCAPED ? text.replaceAll('""', '"') : text;
}

export interface ScanHandler {
  /** The first row, when it has the names. */
  header(names: readonly string[]): void;
  /** A row with as many cells as there are columns. */
  row(cells: Cells, line: number): void;
  /** A row that is none; `line` is the number of its first line, from 1. */
  broken(line: number, reason: string): void;
}

export interface ScanOptions {
  readonly separator: string;
  /** Number of columns; absent when the first row has their names. */
  readonly columns?: number;
  /** Most bytes of a row: beyond it a quote was probably never closed. Default 1 MB. */
  readonly limit?: number;
}

const LINE_FEED = 0x0a;
const RETURN = 0x0d;
const QUOTE = 0x22;
const BYTE_ORDER_MARK = 0xefbbbf;
const CHUNK = 1024 * 1024;
const MOST_COLUMNS = 10_000;

export class CsvScanner implements Cells {
  readonly bytes: Buffer;
  readonly starts = new Int32Array(MOST_COLUMNS);
  readonly ends = new Int32Array(MOST_COLUMNS);
  readonly kinds = new Uint8Array(MOST_COLUMNS);
  /** 1 for bytes that end a cell without quotes, or must not be in it. */
  readonly #special = new Uint8Array(256);
  readonly #separator: number;
  readonly #limit: number;
  #columns: number;
  #length = 0;
  #line = 1;
  #isStart = true;
  /** What is in the buffer is all that will come. */
  #final = false;
  /** The rest of a line that was given up is skipped. */
  #skipping = false;
  /** Of the quoted cell scanned last. */
  #escaped = false;
  #lineEnds = 0;

  constructor(
    options: ScanOptions,
    private readonly handler: ScanHandler,
  ) {
    this.#separator = options.separator.charCodeAt(0);
    if (options.separator.length !== 1 || this.#separator > 127) throw new RangeError("one separator of one byte");
    for (const byte of [LINE_FEED, QUOTE, this.#separator]) this.#special[byte] = 1;
    this.#limit = options.limit ?? CHUNK;
    this.#columns = options.columns ?? 0;
    this.bytes = Buffer.allocUnsafe(CHUNK + this.#limit + 2);
  }

  /** Where the next bytes may be read into; `filled` says how many came. */
  room(): { readonly buffer: Buffer; readonly offset: number; readonly length: number } {
    return { buffer: this.bytes, offset: this.#length, length: CHUNK };
  }

  /** @throws Rejected when the header can't be read */
  filled(count: number): void {
    this.#length += count;
    this.#take();
  }

  /** @throws Rejected when the header can't be read */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; at += CHUNK) {
      const piece = chunk.subarray(at, at + CHUNK);
      this.bytes.set(piece, this.#length);
      this.filled(piece.length);
    }
  }

  /** The file ends here; the scanner is of no more use. */
  end(): void {
    this.#final = true;
    this.#take();
  }

  #take(): void {
    let at = 0;
    if (this.#isStart) {
      if (this.#length < 3 && !this.#final) return;
      this.#isStart = false;
      if (this.#length >= 3 && this.bytes.readUIntBE(0, 3) === BYTE_ORDER_MARK) at = 3;
    }
    // a cell is scanned without looking for the end of the buffer; this line end does not count, except at the very end
    this.bytes[this.#length] = LINE_FEED;
    if (this.#skipping) at = this.#skip(at);
    at = this.#rows(at);
    while (at < this.#length && (this.#final || this.#length - at > this.#limit)) at = this.#rows(this.#giveUp(at));
    this.bytes.copyWithin(0, at, this.#length);
    this.#length -= at;
  }

  /** Scans rows; returns where the first one begins that has not come whole. */
  #rows(from: number): number {
    let begin = from;
    while (begin < this.#length) {
      const next = this.#row(begin);
      if (next < 0) return begin;
      begin = next;
    }
    return begin;
  }

  /** Where the row after this one begins, or -1 when this one has not come whole. */
  #row(begin: number): number {
    const { bytes, starts, ends, kinds } = this;
    const special = this.#special;
    const separator = this.#separator;
    let cell = 0;
    let lines = 1;
    let at = begin;
    for (;;) {
      const start = at;
      let byte = bytes[at] as number;
      if (byte === QUOTE) {
        at = this.#closing(at + 1);
        if (at < 0) return -1;
        starts[cell] = start + 1;
        ends[cell] = at;
        kinds[cell] = this.#escaped ? ESCAPED : QUOTED;
        lines += this.#lineEnds;
        byte = bytes[++at] as number;
        if (byte === RETURN && bytes[at + 1] === LINE_FEED) byte = bytes[++at] as number;
        if (byte !== separator && byte !== LINE_FEED)
          return this.#broken(begin, `something follows the closing quote of column ${cell + 1}`);
      } else {
        while (special[byte] === 0) byte = bytes[++at] as number;
        if (byte === QUOTE)
          return this.#broken(begin, `column ${cell + 1} has a quote inside, but does not begin with one`);
        starts[cell] = start;
        ends[cell] = at;
        kinds[cell] = PLAIN;
      }
      cell++;
      at++;
      if (byte === LINE_FEED) break;
    }
    if (at > this.#length && !this.#final) return -1;
    this.#whole(cell, begin);
    this.#line += lines;
    return at;
  }

  #whole(count: number, begin: number): void {
    const { bytes, starts, ends, kinds } = this;
    const last = count - 1;
    const end = ends[last] as number;
    if (kinds[last] === PLAIN && bytes[end - 1] === RETURN && end > (starts[last] as number)) ends[last] = end - 1;
    if (count === this.#columns) {
      if (count === 1 && kinds[0] === PLAIN && ends[0] === begin) return;
      this.handler.row(this, this.#line);
      return;
    }
    if (count === 1 && kinds[0] === PLAIN && ends[0] === begin) return;
    if (this.#columns > 0)
      this.handler.broken(this.#line, `it has ${count} columns where ${this.#columns} are expected`);
    else if (count > MOST_COLUMNS) throw new Rejected(`the header has more than ${MOST_COLUMNS} columns`);
    else {
      this.#columns = count;
      this.handler.header(Array.from({ length: count }, (_, cell) => cellText(this, cell).trim()));
    }
  }

  /** Where the quoted cell ends whose content begins here, or -1 when that has not come. */
  #closing(from: number): number {
    this.#escaped = false;
    let at = from;
    for (;;) {
      at = this.bytes.indexOf(QUOTE, at);
      if (at < 0 || at >= this.#length) return -1;
      if (this.bytes[at + 1] !== QUOTE || at + 1 >= this.#length) break;
      this.#escaped = true;
      at += 2;
    }
    this.#lineEnds = 0;
    for (
      let end = this.bytes.indexOf(LINE_FEED, from);
      end >= 0 && end < at;
      end = this.bytes.indexOf(LINE_FEED, end + 1)
    )
      this.#lineEnds++;
    return at;
  }

  /** A row that is none, up to its first line end. */
  #broken(begin: number, reason: string): number {
    const end = this.bytes.indexOf(LINE_FEED, begin);
    if (end >= this.#length && !this.#final) return -1;
    if (this.#columns === 0) throw new Rejected(`the header can't be read: ${reason}`);
    this.handler.broken(this.#line, reason);
    this.#line++;
    return end + 1;
  }

  /** What begins here has not ended within the limit, or within the file. */
  #giveUp(begin: number): number {
    const end = this.bytes.indexOf(LINE_FEED, begin);
    const within = this.#final ? "the file" : `${this.#limit} bytes`;
    if (end < this.#length || this.#final) return this.#broken(begin, `its quotes are not closed within ${within}`);
    if (this.#columns === 0) throw new Rejected(`the header is longer than ${within}`);
    this.handler.broken(this.#line, `it is longer than ${within}`);
    this.#skipping = true;
    return this.#length;
  }

  #skip(from: number): number {
    const end = this.bytes.indexOf(LINE_FEED, from);
    if (end >= this.#length && !this.#final) return this.#length;
    this.#skipping = false;
    this.#line++;
    return end + 1;
  }
}
