/**
 * Files of formats that state a schema. It is given by the user, or learned from the first records of each file; a
 * later record that does not fit begins a new file, whose schema has what was known and what is new.
 */
import { Rejected } from "../errors";
import type { UnreadRecords } from "../unread";
import type { FileEncoder, TakenLines } from "./record-format";
import { type Known, learnRecord, nothing, typeOfKnown } from "./schema/learn";
import type { RecordType } from "./schema/type";

/** Takes the rows of one file. */
export interface RowEncoder<Row> {
  /** @param size as in memory, in bytes, roughly */
  add(row: Row, size: number): void;
  /**
   * Takes a line of JSON in as it came, where that is quicker than parsing it.
   * @param bytes in which the line stands, from…to−1
   * @returns its size as `add` has it; undefined when it was not taken, and is to be parsed
   */
  addLine?(bytes: Buffer, from: number, to: number): number | undefined;
  content(): Promise<readonly Uint8Array[]>;
  /** As `FileEncoder` has it. */
  published?(): void;
  drop(): void;
}

export interface RowFormat<Row> {
  /**
   * What brings records into the form of the encoder. A row is added before the next one is made.
   * @param loose whether text takes any value, as inferred schemas want it
   */
  rowsOf(type: RecordType, loose: boolean): RowsOf<Row>;
  /** Whether names must be such as Avro allows. */
  readonly mangle: boolean;
  begin(type: RecordType): RowEncoder<Row>;
}

/** @throws Rejected with the path of what does not fit */
export type RowsOf<Row> = (record: object) => Row;

/** Bytes of records from which a file's schema is learned. */
const LEARNED_FROM = 1 << 20;

/** Bytes that a value takes, by a rough guess which is quicker than writing it. */
export function weigh(value: unknown): number {
  switch (typeof value) {
    case "string":
      return value.length + 4;
    case "object": {
      if (value === null) return 1;
      if (ArrayBuffer.isView(value)) return value.byteLength + 4;
      let size = 4;
      if (Array.isArray(value)) for (const one of value) size += weigh(one);
      else for (const name in value) size += weigh((value as Record<string, unknown>)[name]);
      return size;
    }
    default:
      return 8;
  }
}

function recordOf(value: unknown, format: string): Record<string, unknown> {
  let read = value;
  if (Buffer.isBuffer(value)) {
    try {
      read = JSON.parse(value.toString("utf8"));
    } catch (cause) {
      throw new Rejected(`${format}: the payload is bytes that are not JSON; decode them before the sink`, { cause });
    }
  }
  if (typeof read !== "object" || read === null || Array.isArray(read) || ArrayBuffer.isView(read))
    throw new Rejected(
      `${format}: the payload must be an object whose properties are columns; it is ${read === null ? "null" : Array.isArray(read) ? "an array" : `a ${typeof read}`}`,
    );
  return read as Record<string, unknown>;
}

const named = <T>(format: string, action: () => T): T => {
  try {
    return action();
  } catch (error) {
    throw error instanceof Rejected ? new Rejected(`${format}: ${error.message}`, { cause: error }) : error;
  }
};

/** Records go to the file as they come. */
class GivenSchemaFile<Row> implements FileEncoder {
  constructor(
    private readonly name: string,
    private readonly rowOf: RowsOf<Row>,
    private readonly rows: RowEncoder<Row>,
  ) {}

  add(value: unknown, isLine?: boolean): number {
    if (isLine && Buffer.isBuffer(value)) {
      const taken = this.rows.addLine?.(value, 0, value.length);
      if (taken !== undefined) return taken;
    }
    const record = recordOf(value, this.name);
    const row = named(this.name, () => this.rowOf(record));
    const size = weigh(record);
    this.rows.add(row, size);
    return size;
  }

  addLines(lines: UnreadRecords, from: number, to: number, most: number): TakenLines {
    let size = 0;
    let at = from;
    for (; at < to && size < most; at++) {
      const length = lines.sizeOf(at);
      if (length < 0) break;
      const start = lines.from(at);
      const taken = this.addLine(lines.bytes(at), start, start + length);
      if (taken === undefined) break;
      size += taken;
    }
    return { count: at - from, size };
  }

  private addLine(bytes: Buffer, from: number, to: number): number | undefined {
    try {
      return this.rows.addLine?.(bytes, from, to);
    } catch {
      return undefined;
    }
  }

  content(): Promise<readonly Uint8Array[]> {
    return this.rows.content();
  }

  published(): void {
    this.rows.published?.();
  }

  drop(): void {
    this.rows.drop();
  }
}

/** Records wait until the file's schema is settled: at its publication, or after the first megabyte. */
class LearnedSchemaFile<Row> implements FileEncoder {
  private waiting: { readonly record: Record<string, unknown>; readonly size: number }[] = [];
  private waitingBytes = 0;
  private settled: { readonly rowOf: RowsOf<Row>; readonly rows: RowEncoder<Row> } | undefined;

  /** @param learned what the files of the place have taught so far, kept for the next ones */
  constructor(
    private readonly name: string,
    private readonly format: RowFormat<Row>,
    private readonly learned: { known: Known },
    private own: Known = learned.known,
  ) {}

  add(value: unknown): number | undefined {
    const record = recordOf(value, this.name);
    const known = named(this.name, () => learnRecord(this.learned.known, record));
    if (known.kind === "record" && known.fields.size === 0)
      throw new Rejected(`${this.name}: the payload has no properties that could be columns`);
    const isNew = known !== this.learned.known;
    this.learned.known = known;
    const size = weigh(record);
    if (this.settled) {
      if (isNew) return undefined;
      this.settled.rows.add(this.settled.rowOf(record), size);
      return size;
    }
    this.own = known;
    this.waiting.push({ record, size });
    this.waitingBytes += size;
    if (this.waitingBytes >= LEARNED_FROM) this.settle();
    return size;
  }

  content(): Promise<readonly Uint8Array[]> {
    return (this.settled ?? this.settle()).rows.content();
  }

  published(): void {
    this.settled?.rows.published?.();
  }

  drop(): void {
    this.waiting = [];
    this.settled?.rows.drop();
  }

  private settle(): { rowOf: RowsOf<Row>; rows: RowEncoder<Row> } {
    const type = typeOfKnown(this.own, this.format.mangle);
    const rowOf = this.format.rowsOf(type, true);
    const rows = this.format.begin(type);
    for (const { record, size } of this.waiting) rows.add(rowOf(record), size);
    this.waiting = [];
    this.settled = { rowOf, rows };
    return this.settled;
  }
}

/**
 * Begins files of one place.
 * @param name the format's, for people
 * @param schema undefined: learned from the records
 */
export function schemaFiles<Row>(
  name: string,
  format: RowFormat<Row>,
  schema: RecordType | undefined,
): () => FileEncoder {
  if (schema) {
    const rowOf = format.rowsOf(schema, false);
    return () => new GivenSchemaFile(name, rowOf, format.begin(schema));
  }
  const learned = { known: nothing };
  return () => new LearnedSchemaFile(name, format, learned);
}
