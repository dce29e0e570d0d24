/** What a spool is told. */
import type { Told } from "./segments";

export interface SpoolOptions extends Told {
  /** Made when missing; one spool a folder. */
  readonly directory: string;
  /** Bytes that the files may take together. */
  readonly maxBytes: number;
  /** Bytes after which a new file begins, so that the old one can go; an eighth of `maxBytes`, at most 16 MB. */
  readonly segmentBytes?: number;
  /** Bytes that are taken of `maxBytes` elsewhere. */
  beside?(): number;
  /** The folder is in one that is locked already. */
  readonly unlocked?: boolean;
  /** The disk refuses (tried again every `again` ms, 1000 by default) or works again. */
  trouble(error: Error | undefined): void;
  /** There may be room again, or there is something new to read. */
  changed(): void;
  readonly again?: number;
}
