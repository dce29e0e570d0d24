/** How records become the bytes of a file. */
import type { UnreadRecords } from "../unread";

/** What was taken of some lines. */
export interface TakenLines {
  readonly count: number;
  /** Their sizes as `add` has them. */
  readonly size: number;
}

/** Writes the records of one file. What it has of them stays in memory until the file is published. */
export interface FileEncoder {
  /**
   * Takes a record in.
   * @param isLine the value is bytes, of which is known that they are JSON text on one line
   * @returns its size before compression, in bytes (of formats that are packed later an estimate); undefined when this
   *   file can't take it because its columns differ: it belongs to a new file
   * @throws Rejected when no file can take it
   */
  add(value: unknown, isLine?: boolean): number | undefined;
  /**
   * Takes lines of JSON in as they came, from…to−1 of them, in their order, until they are `most` bytes. Ends before one
   * that is for `add`: that has to be parsed, or can't be taken. Throws nothing.
   */
  addLines?(lines: UnreadRecords, from: number, to: number, most: number): TakenLines;
  /**
   * The whole file: head, records, tail. Nothing is added after it was asked for.
   * @throws Retriable when what was gathered is lost: its records must come again
   */
  content(): Promise<readonly Uint8Array[]>;
  /** The file is durable, and what `content` gave is read by nobody any more. */
  published?(): void;
  /** The file will not be published. What `content` gave may still be on its way somewhere. */
  drop(): void;
}

/** A file format, for the files of one place. */
export interface RecordFormat {
  /** With its dot, and that of the compression: `.ndjson.gz`. */
  readonly extension: string;
  /** Begins a file. The format may remember what earlier files held, to keep columns stable. */
  begin(): FileEncoder;
}
