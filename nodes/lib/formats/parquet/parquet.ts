/** Parquet files (format 2, data pages 2), made on a thread of their own by hyparquet-writer. */
import type { RecordFormat } from "../record-format";
import { type RowEncoder, schemaFiles } from "../schema-file";
import type { Target } from "../schema/conform";
import type { RecordType } from "../schema/type";
import type { ParquetCodec } from "./messages";
import { parquetSchema } from "./schema";
import type { ParquetThread, ThreadFile } from "./thread";

/** Rows go to the thread when they take so many bytes: copying them takes the event loop. */
const PIECE = 256 * 1024;

const target: Target = {
  long: BigInt,
  decimal: (unscaled) => unscaled,
  // a view would take all of the buffer that it looks into along
  bytes: (value) => Uint8Array.from(value),
  map: (entries) => entries,
  branch: (_, value) => value,
};

class ParquetRows implements RowEncoder {
  private readonly names: readonly string[];
  private readonly file: ThreadFile;
  private columns: unknown[][];
  private size = 0;
  private finished: Promise<readonly Uint8Array[]> | undefined;

  constructor(type: RecordType, thread: ParquetThread, codec: ParquetCodec) {
    this.names = type.fields.map(({ written }) => written);
    this.columns = this.names.map(() => []);
    this.file = thread.begin(parquetSchema(type), codec);
  }

  add(row: Readonly<Record<string, unknown>>, size: number): void {
    for (const [at, name] of this.names.entries()) this.columns[at]?.push(row[name]);
    this.size += size;
    if (this.size >= PIECE) this.post();
  }

  content(): Promise<readonly Uint8Array[]> {
    if (this.size > 0) this.post();
    this.finished ??= this.file.finish().then((bytes) => [bytes]);
    return this.finished;
  }

  drop(): void {
    this.columns = [];
    this.file.drop();
  }

  private post(): void {
    this.file.rows(this.columns, this.size);
    this.columns = this.names.map(() => []);
    this.size = 0;
  }
}

/**
 * @param schema undefined: learned from the records
 * @throws ConfigError when Parquet can't have the schema
 */
export function parquet(schema: RecordType | undefined, codec: ParquetCodec, thread: ParquetThread): RecordFormat {
  if (schema) parquetSchema(schema);
  const begin = (type: RecordType): RowEncoder => new ParquetRows(type, thread, codec);
  return { extension: ".parquet", begin: schemaFiles("Parquet", { target, mangle: false, begin }, schema) };
}
