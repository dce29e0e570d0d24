/** Files of text, a record a line: made of pieces, each compressed by itself off the event loop. */
import { type Packing, plainPacking } from "./packing";
import type { FileEncoder, RecordFormat } from "./record-format";

/** Writes the lines of one file. */
export interface LineEncoder {
  /** What stands before the first record; asked for after the first record was encoded. */
  head(): string;
  /**
   * One record, with its line end.
   * @returns undefined when this file can't take it because its columns differ: it belongs to a new file
   * @throws Rejected when no file can take it
   */
  encode(value: unknown): string | undefined;
}

/** A format that has a line for each record. */
export interface LineFormat {
  /** With its dot: `.ndjson`. */
  readonly extension: string;
  begin(): LineEncoder;
}

/** Text is turned into bytes, and compressed, in pieces of this many bytes. */
const PIECE = 1 << 20;

class TextFile implements FileEncoder {
  private lines: string[] = [];
  private lineBytes = 0;
  private readonly parts: Promise<Buffer>[] = [];

  constructor(
    private readonly encoder: LineEncoder,
    private readonly packing: Packing,
  ) {}

  add(value: unknown): number | undefined {
    const line = this.encoder.encode(value);
    if (line === undefined) return undefined;
    const size = Buffer.byteLength(line);
    this.lines.push(line);
    this.lineBytes += size;
    if (this.lineBytes >= PIECE) this.cut();
    return size;
  }

  async content(): Promise<readonly Uint8Array[]> {
    if (this.lines.length > 0) this.cut();
    const head = this.encoder.head();
    return Promise.all(head === "" ? this.parts : [this.pack(head), ...this.parts]);
  }

  drop(): void {
    this.lines = [];
    this.parts.length = 0;
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
    return this.packing.pack(Buffer.from(text));
  }
}

/** The files of a format with lines, compressed or not. */
export function textFile(lines: LineFormat, packing: Packing = plainPacking): RecordFormat {
  return {
    extension: `${lines.extension}${packing.extension}`,
    begin: () => new TextFile(lines.begin(), packing),
  };
}
