/** How records become the bytes of a file. */

/** Writes the records of one file. */
export interface FileEncoder {
  /** What stands before the first record; asked for after the first record was encoded. */
  head(): string;
  /**
   * One record, with its line end.
   * @returns undefined when this file can't take it because its columns differ: it belongs to a new file
   * @throws Rejected when no file can take it
   */
  encode(value: unknown): string | undefined;
}

/** A file format. */
export interface RecordFormat {
  /** With its dot: `.ndjson`. */
  readonly extension: string;
  /** Begins a file. The format may remember what earlier files held, to keep columns stable. */
  begin(): FileEncoder;
}
