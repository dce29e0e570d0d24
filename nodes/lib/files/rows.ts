/** Splits bytes into rows with their offsets and line numbers. No I/O. */

/** One row as it stands in the file. */
export interface Row {
  /** Without its line end; with a byte order mark if it has one. */
  readonly bytes: Buffer;
  /** Where it begins, in bytes of the (decompressed) file. */
  readonly offset: number;
  /** Where the next row begins. */
  readonly next: number;
  /** Number of its first line, from 1. */
  readonly line: number;
  /** Number of the line after it. */
  readonly nextLine: number;
  /** In a file of blocks: rows of the block at `next` that come before the next row. */
  readonly nextWithin?: number;
  /** Why it is no row; its bytes are then as much as was taken for it. */
  readonly broken?: string;
}

export interface SplitOptions {
  /** Line ends inside double quotes belong to the row (CSV). */
  readonly quoted: boolean;
  /** Most bytes of a row: beyond it a quote was probably never closed, and the row is given up at its first line end. */
  readonly limit: number;
}

const LINE_FEED = 0x0a;
const RETURN = 0x0d;
const QUOTE = 0x22;
const NOTHING = Buffer.alloc(0);
/** How much is kept of a line that is given up, in bytes. */
const KEPT = 1_024;

type Skipped = Pick<Row, "bytes" | "offset" | "line">;

export class RowSplitter {
  #rest: Buffer = NOTHING;
  /** How far the rest has been searched, and whether that place is inside quotes. */
  #searched = 0;
  #inQuotes = false;
  #skipped: Skipped | undefined;

  constructor(
    private readonly options: SplitOptions,
    /** Where the bytes to come begin. */
    private offset = 0,
    private line = 1,
  ) {}

  /** Rows that end in what has come so far. */
  push(piece: Buffer): Row[] {
    const rows: Row[] = [];
    const chunk = this.#skipped ? this.#skipOn(this.#skipped, piece, rows) : piece;
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let start = 0;
    for (;;) {
      const end = this.#lineEnd();
      if (end >= 0) {
        start = this.#take(rows, start, end, undefined);
        continue;
      }
      if (this.#rest.length - start <= this.options.limit) break;
      const first = this.#rest.indexOf(LINE_FEED, start);
      if (first < 0) return this.#skip(rows, start);
      const why = this.#inQuotes ? "its quotes are not closed" : "it is too long";
      start = this.#take(rows, start, first, `${why} within ${this.options.limit} bytes`);
    }
    if (start > 0) {
      this.#rest = this.#rest.subarray(start);
      this.#searched -= start;
    }
    return rows;
  }

  /** The last row, when the file does not end with a line end. */
  end(): Row[] {
    const rows: Row[] = [];
    if (this.#skipped) this.#given(this.#skipped, rows);
    while (this.#rest.length > 0) {
      const first = this.#inQuotes ? this.#rest.indexOf(LINE_FEED) : -1;
      const broken = this.#inQuotes ? "its quotes are not closed" : undefined;
      const end = first < 0 ? this.#rest.length : first;
      const rest = this.#rest.subarray(this.#take(rows, 0, end, broken));
      this.#rest = NOTHING;
      this.#searched = 0;
      this.#inQuotes = false;
      rows.push(...this.push(rest));
    }
    return rows;
  }

  /** A line beyond the limit without an end: its beginning is kept, the rest is skipped, so that memory is bounded. */
  #skip(rows: Row[], start: number): Row[] {
    const bytes = Buffer.from(this.#rest.subarray(start, start + KEPT));
    this.#skipped = { bytes, offset: this.offset, line: this.line };
    this.offset += this.#rest.length - start;
    this.#rest = NOTHING;
    this.#searched = 0;
    this.#inQuotes = false;
    return rows;
  }

  /** Looks for the end of a skipped line; returns what follows it. */
  #skipOn(skipped: Skipped, piece: Buffer, rows: Row[]): Buffer {
    const end = piece.indexOf(LINE_FEED);
    this.offset += end < 0 ? piece.length : end + 1;
    if (end < 0) return NOTHING;
    this.#given(skipped, rows);
    return piece.subarray(end + 1);
  }

  #given(skipped: Skipped, rows: Row[]): void {
    this.#skipped = undefined;
    this.line += 1;
    const broken = `it is longer than ${this.options.limit} bytes; its beginning is kept`;
    rows.push({ ...skipped, next: this.offset, nextLine: this.line, broken });
  }

  /** Position of the next line end outside quotes, or -1. */
  #lineEnd(): number {
    const { quoted } = this.options;
    for (;;) {
      const end = this.#rest.indexOf(LINE_FEED, this.#searched);
      const until = end < 0 ? this.#rest.length : end;
      if (quoted)
        for (
          let at = this.#rest.indexOf(QUOTE, this.#searched);
          at >= 0 && at < until;
          at = this.#rest.indexOf(QUOTE, at + 1)
        )
          this.#inQuotes = !this.#inQuotes;
      this.#searched = end < 0 ? until : end + 1;
      if (end < 0) return -1;
      if (!this.#inQuotes) return end;
    }
  }

  #take(rows: Row[], start: number, end: number, broken: string | undefined): number {
    const after = Math.min(end + 1, this.#rest.length);
    const stop = end > start && this.#rest[end - 1] === RETURN ? end - 1 : end;
    const bytes = this.#rest.subarray(start, stop);
    const { offset, line } = this;
    this.offset += after - start;
    this.line += 1;
    for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) this.line += 1;
    this.#searched = after;
    this.#inQuotes = false;
    const row = { bytes, offset, next: this.offset, line, nextLine: this.line };
    if (broken !== undefined) rows.push({ ...row, broken });
    else rows.push(row);
    return after;
  }
}
