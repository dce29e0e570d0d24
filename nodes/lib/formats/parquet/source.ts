/** Reads a Parquet file row group by row group. Works on the caller's thread. */
import type { Compressors, FileMetaData, RowGroup } from "hyparquet";
import { serialize } from "node:v8";
import * as zlib from "node:zlib";
import { parquetMetadataAsync, parquetReadObjects, parquetSchema } from "../../../../vendor/parquet-read";
import { Damaged } from "../../compression/damaged";
import { decompressRawSnappy } from "../../compression/snappy";
import { unpackZstdHere } from "../../compression/zstd-unpack";
import { messageOf } from "../../errors";
import { type Convert, converter, takeMeanings } from "./read-values";

/** Rows are taken out of a row group in pieces of so many, or fewer when they are large. */
const RANGE_ROWS = 50_000;
const RANGE_BYTES = 8 << 20;
/** Most bytes of a row group as it is stored, of its page unpacked, of the footer: what is in memory at once. */
const MOST_GROUP = 512 << 20;
const MOST_PAGE = 256 << 20;
const MOST_FOOTER = 64 << 20;
/** Bytes of rows that are handed over at once, and the rows of the first portion. */
const PIECE = 256 * 1024;
const FIRST_ROWS = 100;
const MEGABYTE = 1 << 20;

/** Rows, as `v8.deserialize` makes an array of them. */
export interface Piece {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly count: number;
}

export type Slice = (start: number, end: number) => Promise<ArrayBuffer>;

const limit = (length: number): zlib.ZlibOptions => {
  if (length > MOST_PAGE)
    throw new RangeError(`a page of ${Math.ceil(length / MEGABYTE)} MB, where ${MOST_PAGE / MEGABYTE} MB are the most`);
  return { maxOutputLength: Math.max(1, length) };
};
const buffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const compressors: Compressors = {
  SNAPPY: (bytes, length) => decompressRawSnappy(bytes, limit(length).maxOutputLength ?? length),
  GZIP: (bytes, length) => zlib.gunzipSync(bytes, limit(length)),
  ZSTD: (bytes, length) => unpackZstdHere(buffer(bytes), limit(length).maxOutputLength ?? length),
  BROTLI: (bytes, length) => zlib.brotliDecompressSync(bytes, limit(length)),
};
const READABLE = ["UNCOMPRESSED", ...Object.keys(compressors)];

interface Group {
  readonly number: number;
  /** Its first row in the file, and the one behind its last. */
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

export class ParquetSource {
  private rows: unknown[] = [];
  private taken = 0;
  private portion = FIRST_ROWS;
  private readonly groups: Group[] = [];
  private columns: readonly (readonly [string, Convert])[] = [];
  private metadata: FileMetaData | undefined;
  /** What was read of the row group at hand, by place. */
  private readonly slices = new Map<string, Promise<ArrayBuffer>>();
  private slicesOf: Group | undefined;
  private next = 0;

  constructor(
    private readonly bytes: number,
    private readonly slice: Slice,
  ) {}

  /**
   * @param row the first one to be read, from 0
   * @throws Damaged for what is no Parquet file, or one that can't be read
   */
  async open(row: number): Promise<void> {
    this.next = row;
    if (this.bytes < 12) throw new Damaged(`is no Parquet file: ${this.bytes} bytes are too few`);
    const file = {
      byteLength: this.bytes,
      slice: (from: number, to = this.bytes) => this.checked(from, to, MOST_FOOTER),
    };
    let metadata: FileMetaData;
    try {
      metadata = await parquetMetadataAsync(file, { geoparquet: false });
    } catch (error) {
      throw new Damaged(
        `is no Parquet file, or is damaged at its end, in the last of its ${this.bytes} bytes: ${messageOf(error)}`,
        { cause: error },
      );
    }
    this.metadata = metadata;
    let from = 0;
    for (const [number, group] of metadata.row_groups.entries()) {
      const to = from + Number(group.num_rows);
      this.groups.push({ number, from, to, step: stepOf(group, number) });
      from = to;
    }
    const meanings = takeMeanings(metadata.schema);
    this.columns = parquetSchema(metadata).children.map((tree) => [tree.element.name, converter(tree, meanings)]);
  }

  /** The next rows; undefined behind the last one. @throws Damaged with the place */
  async read(): Promise<Piece | undefined> {
    if (this.taken === this.rows.length && !(await this.more())) return undefined;
    const rows = this.rows.slice(this.taken, this.taken + this.portion) as Record<string, unknown>[];
    this.taken += rows.length;
    const packed = serialize(rows.map((row) => this.record(row)));
    this.portion = Math.max(1, Math.floor((PIECE * rows.length) / packed.length));
    return { bytes: Uint8Array.from(packed), count: rows.length };
  }

  private record(row: Record<string, unknown>): Record<string, unknown> {
    const record: Record<string, unknown> = {};
    for (const [name, convert] of this.columns) record[name] = convert(row[name]);
    return record;
  }

  private async more(): Promise<boolean> {
    const group = this.groups.find(({ to }) => this.next < to);
    if (!group || !this.metadata) return false;
    if (this.slicesOf !== group) this.slices.clear();
    this.slicesOf = group;
    const end = Math.min(group.to, this.next + group.step);
    try {
      this.rows = await parquetReadObjects({
        file: { byteLength: this.bytes, slice: (from, to = this.bytes) => this.kept(from, to) },
        metadata: this.metadata,
        rowStart: this.next,
        rowEnd: end,
        compressors,
        utf8: false,
        geoparquet: false,
        parsers: { timestampFromNanoseconds: (nanos) => nanos },
      });
      if (this.rows.length !== end - this.next) throw new RangeError(`it holds ${this.rows.length} rows`);
    } catch (error) {
      const place = `rows ${this.next + 1} to ${end} (row group ${group.number + 1} of ${this.groups.length})`;
      throw new Damaged(`is damaged, at ${place}: ${messageOf(error)}`, { cause: error });
    }
    this.next = end;
    this.taken = 0;
    if (end === group.to) this.slices.clear();
    return true;
  }

  private kept(from: number, to: number): Promise<ArrayBuffer> {
    const place = `${from} ${to}`;
    const known = this.slices.get(place);
    if (known) return known;
    const read = this.checked(from, to, MOST_GROUP);
    // looked at by whoever asked
    read.catch(() => undefined);
    this.slices.set(place, read);
    return read;
  }

  private async checked(from: number, to: number, most: number): Promise<ArrayBuffer> {
    if (!(from >= 0 && to >= from && to <= this.bytes))
      throw new RangeError(`it points to bytes ${from} to ${to} of ${this.bytes}`);
    if (to - from > most) throw new RangeError(`${to - from} bytes at once, where ${most} are the most`);
    return this.slice(from, to);
  }
}

/** Rows that are taken out of a group at once. @throws Damaged for one that can't be read */
function stepOf({ columns, num_rows: count, total_byte_size: total }: RowGroup, number: number): number {
  let stored = 0;
  for (const { meta_data: column, file_path: elsewhere } of columns) {
    if (!column || elsewhere !== undefined)
      throw new Damaged("has columns that are encrypted or in other files, which are not read");
    if (!READABLE.includes(column.codec))
      throw new Damaged(`is compressed with ${column.codec}, which is not read; ${READABLE.join(", ")} are`);
    stored += Number(column.total_compressed_size);
  }
  if (stored > MOST_GROUP)
    throw new Damaged(
      `has ${Math.ceil(stored / MEGABYTE)} MB in row group ${number + 1}, where ${MOST_GROUP / MEGABYTE} MB are the most; write it with smaller row groups`,
    );
  const perRow = Math.max(1, Number(total) / Math.max(1, Number(count)));
  return Math.max(1, Math.min(RANGE_ROWS, Math.floor(RANGE_BYTES / perRow)));
}
