/** Parquet files (format 2, data pages 2), made on a thread of their own by hyparquet-writer. */
import type { RecordFormat } from "../record-format";
import { type RowEncoder, schemaFiles } from "../schema-file";
import { Conforming, type Target } from "../schema/conform";
import { nullable, type RecordType, type Type } from "../schema/type";
import { LineReader, type Way } from "./line-reader";
import type { ParquetCodec } from "./messages";
import { type PlainColumn, plainColumn } from "./plain";
import { parquetSchema } from "./schema";
import type { ParquetThread, ThreadFile } from "./thread";

/** Rows go to the thread when they take so many bytes: copying them takes the event loop. */
const PIECE = 256 * 1024;

const plainTarget: Target = {
  long: (value) => value,
  decimal: (unscaled) => unscaled,
  bytes: (value) => value,
  map: (entries) => entries,
  branch: (_, value) => value,
};
const target: Target = {
  ...plainTarget,
  long: BigInt,
  // a view would take all of the buffer that it looks into along
  bytes: (value) => Uint8Array.from(value),
};

type Row = readonly unknown[];

/** Values of a column that go to the thread as they are. */
class ObjectColumn {
  private values: unknown[] = [];

  add(value: unknown): void {
    this.values.push(value);
  }

  take(): readonly unknown[] {
    return this.values.splice(0);
  }
}

/** How each field's value is had from a record. */
function readersOf(type: RecordType, loose: boolean): ((record: object) => unknown)[] {
  const [plain, others] = [new Conforming(plainTarget, loose), new Conforming(target, loose)];
  return type.fields.map((field) => {
    const read = (plainColumn(field.type) ? plain : others).field(field);
    return (record) => read(record, "");
  });
}

/** A record's values in the order of its columns, in one array for all records. */
function rowsOf(type: RecordType, loose: boolean): (record: object) => Row {
  const fields = readersOf(type, loose);
  const row: unknown[] = fields.map(() => undefined);
  return (record) => {
    for (let at = 0; at < fields.length; at++) row[at] = fields[at]!(record);
    return row;
  };
}

/** How values of a type are taken from JSON text. */
function wayOf(type: Type): Way {
  const own = nullable(type) ?? type;
  if (own.kind === "string") return "text";
  if (("logical" in own && own.logical) || !plainColumn(type)) return "any";
  if (own.kind === "float") return "double";
  return own.kind === "int" || own.kind === "long" || own.kind === "double" ? own.kind : "any";
}

function lineReader(type: RecordType): LineReader {
  const readers = readersOf(type, false);
  return new LineReader(
    type.fields.map((field, at) => ({ name: field.name, way: wayOf(field.type), read: readers[at]! })),
  );
}

class ParquetRows implements RowEncoder<Row> {
  private readonly file: ThreadFile;
  private readonly columns: readonly (PlainColumn | ObjectColumn)[];
  private lines: LineReader | undefined;
  private count = 0;
  private size = 0;
  private finished: Promise<Uint8Array<ArrayBuffer>> | undefined;

  constructor(
    private readonly type: RecordType,
    thread: ParquetThread,
    codec: ParquetCodec,
  ) {
    this.columns = type.fields.map((field) => new (plainColumn(field.type) ?? ObjectColumn)());
    this.file = thread.begin(parquetSchema(type), codec);
  }

  add(row: Row, size: number): void {
    for (let at = 0; at < row.length; at++) this.columns[at]?.add(row[at]);
    this.added(size);
  }

  addLine(bytes: Buffer, from: number, to: number): number | undefined {
    this.lines ??= lineReader(this.type);
    const size = this.lines.add(bytes, this.columns, from, to);
    if (size !== undefined) this.added(size);
    return size;
  }

  async content(): Promise<readonly Uint8Array[]> {
    if (this.size > 0) this.post();
    this.finished ??= this.file.finish();
    return [await this.finished];
  }

  published(): void {
    void this.finished?.then((bytes) => this.file.giveBack(bytes));
  }

  drop(): void {
    this.file.drop();
  }

  private added(size: number): void {
    this.count++;
    this.size += size;
    if (this.size >= PIECE) this.post();
  }

  private post(): void {
    this.file.rows({ columns: this.columns.map((column) => column.take()), count: this.count, size: this.size });
    this.count = this.size = 0;
  }
}

/**
 * @param schema undefined: learned from the records
 * @throws ConfigError when Parquet can't have the schema
 */
export function parquet(schema: RecordType | undefined, codec: ParquetCodec, thread: ParquetThread): RecordFormat {
  if (schema) parquetSchema(schema);
  const begin = (type: RecordType): ParquetRows => new ParquetRows(type, thread, codec);
  return { extension: ".parquet", begin: schemaFiles("Parquet", { rowsOf, mangle: false, begin }, schema) };
}
