/** One Parquet file, made of row groups that are written as soon as they are full. Works on the caller's thread. */
import type { SchemaElement, SchemaTree } from "hyparquet";
import { gzipSync } from "node:zlib";
import { encodeNestedValues, ParquetWriter, schemaPathResolver, writeColumn } from "../../../../vendor/parquet";
import { compressRawSnappy } from "../../compression/snappy";
import { packZstdHere } from "../packing";
import { type Packing, PAGE, writePlainChunk, type WrittenChunk } from "./chunk";
import { SpareWriter } from "./memory";
import type { ColumnPart, ParquetCodec, Rows } from "./messages";
import type { PlainPart } from "./plain";

/** A row group ends at whichever comes first: rows, or bytes as its values take in memory. */
const GROUP_ROWS = 100_000;
const GROUP_BYTES = 16 << 20;

const packings: Readonly<Record<ParquetCodec, Packing>> = {
  none: { codec: "UNCOMPRESSED", compress: undefined },
  snappy: { codec: "SNAPPY", compress: compressRawSnappy },
  gzip: { codec: "GZIP", compress: (bytes) => gzipSync(bytes) },
  zstd: { codec: "ZSTD", compress: packZstdHere },
};

/** A column of the root, and what has come of it since the last row group. */
interface Column {
  /** From the root to the column. */
  readonly path: SchemaTree[];
  parts: ColumnPart[];
}

export class ParquetFile {
  private readonly bytes = new SpareWriter();
  private readonly writer: ParquetWriter;
  private readonly packing: Packing;
  private readonly columns: readonly Column[];
  private rows = 0;
  private size = 0;

  /** @param used takes memory of columns that have been written */
  constructor(
    schema: SchemaElement[],
    codec: ParquetCodec,
    private readonly used: (buffers: ArrayBuffer[]) => void,
  ) {
    this.packing = packings[codec];
    this.writer = new ParquetWriter({
      writer: this.bytes,
      schema,
      codec: this.packing.codec,
      createdBy: "citystream",
    });
    const root = schemaPathResolver(schema)([])[0];
    this.columns = (root?.children ?? []).map((column) => ({ path: [root!, column], parts: [] }));
  }

  add({ columns, count, size }: Rows): void {
    for (const [at, part] of columns.entries()) this.columns[at]?.parts.push(part);
    this.rows += count;
    this.size += size;
    if (this.size >= GROUP_BYTES || this.rows >= GROUP_ROWS) this.writeGroup();
  }

  /** Writes what is left and the footer. */
  finish(): Uint8Array<ArrayBuffer> {
    this.writeGroup();
    void this.writer.finish();
    return this.bytes.getBytes();
  }

  private writeGroup(): void {
    const { writer, rows } = this;
    if (rows === 0) return;
    const from = this.bytes.offset;
    const plain = this.columns.flatMap(({ parts }) => parts.filter(isPlain)).map(({ bytes }) => bytes.buffer);
    const chunks = this.columns.flatMap((column) => this.writeColumn(column));
    const columns = chunks.map(({ chunk }) => chunk);
    writer.pendingIndexes.push(...chunks);
    writer.num_rows += BigInt(rows);
    writer.row_groups.push({
      columns,
      num_rows: BigInt(rows),
      total_byte_size: columns.reduce((sum, { meta_data }) => sum + (meta_data?.total_uncompressed_size ?? 0n), 0n),
      total_compressed_size: BigInt(this.bytes.offset - from),
    });
    this.rows = this.size = 0;
    this.used(plain);
  }

  private writeColumn(column: Column): WrittenChunk[] {
    const { path } = column;
    const parts = column.parts.splice(0);
    if (arePlain(parts)) return [writePlainChunk(this.bytes, path.at(-1)!.element, this.packing, parts)];
    const values = (parts as (readonly unknown[])[]).flat();
    return leaves(path).map((leaf) => this.writeLeaf(leaf, values));
  }

  /** A column that may be nested. */
  private writeLeaf(path: SchemaTree[], values: unknown[]): WrittenChunk {
    const { codec, compress } = this.packing;
    const schemaPath = path.map(({ element }) => element);
    return writeColumn({
      writer: this.bytes,
      column: {
        columnName: schemaPath
          .slice(1)
          .map(({ name }) => name)
          .join("."),
        element: path.at(-1)!.element,
        schemaPath,
        codec,
        compressors: compress ? { [codec]: compress } : {},
        stats: true,
        pageSize: PAGE,
        columnIndex: false,
        offsetIndex: true,
      },
      pageData: encodeNestedValues(path, values),
    });
  }
}

const isPlain = (part: ColumnPart): part is PlainPart => "bytes" in part;
const arePlain = (parts: readonly ColumnPart[]): parts is readonly PlainPart[] => parts.every(isPlain);

/** The columns that are kept of one that may be nested, each as the way to it. */
function leaves(path: SchemaTree[]): SchemaTree[][] {
  const { children } = path.at(-1)!;
  return children.length === 0 ? [path] : children.flatMap((child) => leaves([...path, child]));
}
