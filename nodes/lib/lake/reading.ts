/** What reading a lake is asked for, and what it hands over. */
import type { SpanLimit } from "../delivery/low-water-mark";
import type { FileRecord, RecordOptions, RecordReader } from "../files/records";
import type { LakeFormat } from "./content";
import type { OffsetRange } from "./file-name";

/** A place between two rows of a file. */
export interface Place {
  /** Of text in bytes of the (decompressed) file, of Avro where a block begins, of Parquet in rows. */
  readonly offset: number;
  /** Number of the next line, or row. */
  readonly line: number;
  /** Of Avro: rows of the block that come before. */
  readonly within?: number;
}

/** How far a file is finished: where reading goes on. */
export interface LakePosition extends Place {
  /** Size and time of change when it was read, to notice that it has become another. */
  readonly bytes: number;
  readonly modified: number;
  /** That is its end. */
  readonly end?: true;
}

export interface ReaderOptions {
  readonly records: Omit<RecordOptions, "format">;
  /** Of all files; absent: as each file's name says. */
  readonly format?: LakeFormat;
  /** Most bytes of a row. */
  readonly rowLimit: number;
  /** Most records of one delivery. */
  readonly batch: number;
  readonly span: SpanLimit;
  /** Where positions are kept; absent: nowhere, each reading begins anew. */
  readonly positionFile?: string;
}

/** A record, where it stands, and what it takes to read it again. */
export interface LakeItem extends FileRecord {
  readonly path: string;
  /** What the file's name says about its offsets in Kafka. */
  readonly range: OffsetRange | undefined;
  readonly reader: RecordReader;
}

/** One message's worth of records of one file; a row that can't be read is always alone. */
export interface LakeDelivery {
  readonly items: readonly LakeItem[];
  readonly bytes: number;
  finished(): void;
  held(held: boolean): void;
}

export interface ReaderListener {
  deliver(delivery: LakeDelivery): void;
  /** The span is full: who holds records should let them go. */
  pressure(): void;
  /** Something stands in the way; it is tried again. */
  trouble(error: Error): void;
  warn(text: string): void;
}

/** What one reading of a path has read; files that were read before are not among it. */
export interface Reading {
  readonly path: string;
  readonly files: number;
  readonly records: number;
  readonly unreadable: number;
  /** Files whose names tell no format that can be read. */
  readonly leftOut: number;
  /** Resolves when all of it is finished; rejects with the signal's reason when the reader is closed before. */
  readonly finished: () => Promise<void>;
}
