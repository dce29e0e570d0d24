/** One Parquet file, made of row groups that are written as soon as they are full. Works on the caller's thread. */
import type { SchemaElement } from "hyparquet";
import { gzipSync } from "node:zlib";
import { ByteWriter, ParquetWriter } from "../../../../vendor/parquet";
import { compressRawSnappy } from "../../compression/snappy";
import { packZstdHere } from "../packing";
import type { ParquetCodec } from "./messages";

/** A row group ends at whichever comes first: rows, or bytes as its values take in memory. */
const GROUP_ROWS = 100_000;
const GROUP_BYTES = 16 << 20;

const codecs = { none: "UNCOMPRESSED", snappy: "SNAPPY", gzip: "GZIP", zstd: "ZSTD" } as const;
const compressors = {
  SNAPPY: compressRawSnappy,
  GZIP: (bytes: Uint8Array) => gzipSync(bytes),
  ZSTD: packZstdHere,
};

export class ParquetFile {
  private readonly bytes = new ByteWriter();
  private readonly writer: ParquetWriter;
  private readonly names: readonly string[];
  private columns: unknown[][];
  private size = 0;

  constructor(schema: SchemaElement[], codec: ParquetCodec) {
    this.writer = new ParquetWriter({
      writer: this.bytes,
      schema,
      codec: codecs[codec],
      compressors,
      createdBy: "citystream",
    });
    this.names = topLevel(schema);
    this.columns = this.names.map(() => []);
  }

  /**
   * @param columns values by column, in the schema's order
   * @param size of them in memory, in bytes, roughly
   */
  add(columns: readonly unknown[][], size: number): void {
    for (const [at, values] of columns.entries()) for (const value of values) this.columns[at]?.push(value);
    this.size += size;
    if (this.size >= GROUP_BYTES || (this.columns[0]?.length ?? 0) >= GROUP_ROWS) this.writeGroup();
  }

  /** Writes what is left and the footer. */
  finish(): Uint8Array<ArrayBuffer> {
    this.writeGroup();
    void this.writer.finish();
    return this.bytes.getBytes();
  }

  private writeGroup(): void {
    const rows = this.columns[0]?.length ?? 0;
    if (rows === 0) return;
    const columnData = this.names.map((name, at) => ({ name, data: this.columns[at] ?? [] }));
    void this.writer.write({ columnData, rowGroupSize: rows });
    this.columns = this.names.map(() => []);
    this.size = 0;
  }
}

/** Names of the root's children. */
function topLevel(schema: readonly SchemaElement[]): string[] {
  const names: string[] = [];
  let at = 1;
  const skip = (): void => {
    const children = schema[at++]?.num_children ?? 0;
    for (let child = 0; child < children; child++) skip();
  };
  while (at < schema.length) {
    names.push(schema[at]?.name ?? "");
    skip();
  }
  return names;
}
