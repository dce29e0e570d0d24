/** Writes a column chunk of values that are in PLAIN encoding already: data pages 2, with a dictionary where it pays. */
import type { ColumnChunk, CompressionCodec, Encoding, OffsetIndex, SchemaElement } from "hyparquet";
import type { Statistics } from "hyparquet/src/types.js";
import { ByteWriter, writePageHeader, writeRleBitPackedHybrid } from "../../../../vendor/parquet";
import { type Dictionary, dictionaryOf } from "./dictionary";
import type { PlainPart } from "./plain";
import { type PlainType, PlainValues } from "./plain-values";

/** A page ends with the value that makes it so large, in bytes before compression. */
export const PAGE = 1 << 20;

export interface Packing {
  readonly codec: CompressionCodec;
  /** undefined: none. */
  readonly compress: ((bytes: Uint8Array) => Uint8Array) | undefined;
}

export interface WrittenChunk {
  readonly chunk: ColumnChunk;
  /** Where there are several pages. */
  readonly offsetIndex?: OffsetIndex;
}

/** Rows of a page, and the values that they have. */
interface Page {
  readonly rows: number;
  readonly from: number;
  readonly to: number;
  /** Of each row, as in `PlainPart`. */
  readonly defined: Uint8Array | undefined;
}

class ChunkWriter {
  private readonly from: number;
  private uncompressed = 0;

  constructor(
    private readonly into: ByteWriter,
    private readonly element: SchemaElement,
    private readonly packing: Packing,
    private readonly values: PlainValues,
  ) {
    this.from = into.offset;
  }

  write(rows: number, defined: Uint8Array | undefined): WrittenChunk {
    const { into, values, element } = this;
    const dictionary = dictionaryOf(values);
    const dictionaryAt = into.offset;
    if (dictionary) this.dictionaryPage(dictionary);
    const dataAt = into.offset;
    const locations: OffsetIndex["page_locations"] = [];
    let row = 0;
    for (const page of pagesOf(values, rows, defined, dictionary ? 4 : undefined)) {
      const offset = into.offset;
      this.dataPage(page, dictionary);
      const place = { offset: BigInt(offset), compressed_page_size: into.offset - offset };
      locations.push({ ...place, first_row_index: BigInt(row) });
      row += page.rows;
    }
    const encoding: Encoding = dictionary ? "RLE_DICTIONARY" : "PLAIN";
    const chunk: ColumnChunk = {
      file_offset: BigInt(this.from),
      meta_data: {
        type: values.type,
        encodings: dictionary ? ["PLAIN", encoding] : [encoding],
        path_in_schema: [element.name],
        codec: this.packing.codec,
        num_values: BigInt(rows),
        total_compressed_size: BigInt(into.offset - this.from),
        total_uncompressed_size: BigInt(this.uncompressed),
        data_page_offset: BigInt(dataAt),
        ...(dictionary && { dictionary_page_offset: BigInt(dictionaryAt) }),
        statistics: this.statistics(rows, dictionary),
        encoding_stats: [
          ...(dictionary ? [{ page_type: "DICTIONARY_PAGE", encoding: "PLAIN", count: 1 } as const] : []),
          { page_type: "DATA_PAGE_V2", encoding, count: locations.length },
        ],
      },
    };
    return { chunk, ...(locations.length > 1 && { offsetIndex: { page_locations: locations } }) };
  }

  private statistics(rows: number, dictionary: Dictionary | undefined): Statistics {
    const { values } = this;
    const isFloat = values.type === "FLOAT" || values.type === "DOUBLE";
    // a dictionary's entries do not tell how many values are no number
    const { min, max, nans } = values.bounds(isFloat ? undefined : dictionary?.entries);
    return {
      ...(min !== undefined && { min_value: min }),
      ...(max !== undefined && { max_value: max }),
      null_count: BigInt(rows - values.count),
      ...(isFloat && { nan_count: BigInt(nans) }),
    };
  }

  private dictionaryPage({ entries }: Dictionary): void {
    const { values } = this;
    const page = new ByteWriter(PAGE >> 4);
    for (const index of entries) page.appendBytes(values.bytes.subarray(values.start(index), values.start(index + 1)));
    this.page(new Uint8Array(), page.getBytes(), (sizes) => ({
      ...sizes,
      type: "DICTIONARY_PAGE",
      dictionary_page_header: { num_values: entries.length, encoding: "PLAIN" },
    }));
  }

  private dataPage({ rows, from, to, defined }: Page, dictionary: Dictionary | undefined): void {
    const { values } = this;
    const levels = new ByteWriter();
    if (this.element.repetition_type === "OPTIONAL") writeLevels(levels, rows, defined);
    this.page(
      levels.getBytes(),
      dictionary ? indexesOf(dictionary, from, to) : values.bytes.subarray(values.start(from), values.start(to)),
      (sizes) => ({
        ...sizes,
        type: "DATA_PAGE_V2",
        data_page_header_v2: {
          num_values: rows,
          num_nulls: rows - (to - from),
          num_rows: rows,
          encoding: dictionary ? "RLE_DICTIONARY" : "PLAIN",
          definition_levels_byte_length: levels.offset,
          repetition_levels_byte_length: 0,
          is_compressed: this.packing.compress !== undefined,
        },
      }),
    );
  }

  /** A page: its header, its levels, which are never compressed, and its values, which are. */
  private page(levels: Uint8Array, values: Uint8Array, header: (sizes: Sizes) => Header): void {
    const { into, packing } = this;
    const packed = packing.compress?.(values) ?? values;
    const from = into.offset;
    const uncompressed_page_size = levels.length + values.length;
    writePageHeader(into, header({ uncompressed_page_size, compressed_page_size: levels.length + packed.length }));
    this.uncompressed += into.offset - from + uncompressed_page_size;
    into.appendBytes(levels);
    into.appendBytes(packed);
  }
}

type Header = Parameters<typeof writePageHeader>[1];
type Sizes = Pick<Header, "uncompressed_page_size" | "compressed_page_size">;

/** Levels of 0 and 1 in runs (Encodings.md: RLE). */
function writeLevels(into: ByteWriter, rows: number, defined: Uint8Array | undefined): void {
  if (defined) writeRleBitPackedHybrid(into, defined, 1);
  else {
    into.appendVarInt(rows << 1);
    into.appendUint8(1);
  }
}

function indexesOf({ indexes, bitWidth }: Dictionary, from: number, to: number): Uint8Array {
  const page = new ByteWriter(16 + Math.ceil(((to - from) * bitWidth) / 8));
  page.appendUint8(bitWidth);
  writeRleBitPackedHybrid(page, indexes.subarray(from, to), bitWidth);
  return page.getBytes();
}

/** @param width bytes of a value; undefined: as they are */
function* pagesOf(
  values: PlainValues,
  rows: number,
  defined: Uint8Array | undefined,
  width: number | undefined,
): Generator<Page> {
  const page = (fromRow: number, toRow: number, from: number, to: number): Page => ({
    rows: toRow - fromRow,
    from,
    to,
    defined: defined?.subarray(fromRow, toRow),
  });
  if ((width === undefined ? values.bytes.length : values.count * width) <= PAGE) {
    yield page(0, rows, 0, values.count);
    return;
  }
  let [fromRow, from, size, index] = [0, 0, 0, 0];
  for (let row = 0; row < rows; row++) {
    if (defined?.[row] === 0) continue;
    size += width ?? values.size(index);
    index++;
    if (size < PAGE) continue;
    yield page(fromRow, row + 1, from, index);
    [fromRow, from, size] = [row + 1, index, 0];
  }
  if (fromRow < rows) yield page(fromRow, rows, from, index);
}

function levelsOf(parts: readonly PlainPart[], rows: number): Uint8Array | undefined {
  if (!parts.some(({ defined }) => defined)) return undefined;
  const levels = new Uint8Array(rows).fill(1);
  let at = 0;
  for (const part of parts) {
    if (part.defined) levels.set(part.defined, at);
    at += part.rows;
  }
  return levels;
}

/**
 * Writes a column of the root, which is not nested.
 * @param parts its values, as `PlainColumn` gathers them
 */
export function writePlainChunk(
  into: ByteWriter,
  element: SchemaElement,
  packing: Packing,
  parts: readonly PlainPart[],
): WrittenChunk {
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const values = new PlainValues(element.type as PlainType, parts, rows);
  const written = new ChunkWriter(into, element, packing, values).write(rows, levelsOf(parts, rows));
  values.release();
  return written;
}
