/** Opens a data file of a lake: its rows from some place on, and what makes records of them. */
import type { PackingName } from "../compression/unpacked";
import { asError } from "../errors";
import { recordReader, type RecordReader, valueRecords } from "../files/records";
import type { Row } from "../files/rows";
import { AvroRows, valueOf } from "./avro-rows";
import { type Content, separatorOf } from "./content";
import { ParquetReading } from "../formats/parquet/reading";
import { FileError } from "./file-error";
import type { DataFile } from "./find";
import { parquetRecord, parquetRows, type ParquetRow } from "./parquet-rows";
import { readRows } from "./read-rows";
import type { Place, ReaderOptions } from "./reading";
import type { ReadableStore } from "./store";

type OpenedFile = Pick<DataFile, "path" | "bytes">;

export interface OpenRows {
  readonly reader: RecordReader;
  /** In lists as they come. Throws FileError when the file can't be read from some place on. */
  readonly rows: AsyncIterable<Row[]>;
}

/** One file is read at a time. */
export class RowSource {
  readonly #parquetThread = new ParquetReading();

  constructor(
    private readonly store: ReadableStore,
    private readonly options: Pick<ReaderOptions, "records" | "rowLimit">,
  ) {}

  open(file: OpenedFile, { format, packing }: Content, start: Place): OpenRows {
    if (format === "avro") return this.#avro(file, start);
    if (format === "parquet") return this.#parquet(file, start);
    return this.#text(file, format, packing, start);
  }

  /** Lets go of what reading has needed. */
  async close(): Promise<void> {
    await this.#parquetThread.end();
  }

  #avro(file: OpenedFile, start: Place): OpenRows {
    const avro = new AvroRows(this.store, file.path);
    const reader = valueRecords(this.options.records, (row) => valueOf(row, (one) => avro.decode(one)));
    return { reader, rows: avro.read(start) };
  }

  #parquet(file: OpenedFile, start: Place): OpenRows {
    const reader = valueRecords(this.options.records, (row) => valueOf(row as ParquetRow, parquetRecord));
    return { reader, rows: parquetRows(this.store, file, this.#parquetThread, start) };
  }

  #text(file: OpenedFile, format: "csv" | "ndjson", packing: PackingName, start: Place): OpenRows {
    const { records, rowLimit } = this.options;
    const { store } = this;
    const separator = separatorOf(file.path, records.separator);
    const reader = recordReader({ ...records, separator, format });
    const how = { quoted: format === "csv", packing, limit: rowLimit };
    const isHeader = (row: Row): boolean => {
      try {
        return reader.header(row);
      } catch (error) {
        throw new FileError(`the header of ${file.path} can't be read: ${asError(error).message}`, { cause: error });
      }
    };
    const rows = async function* (): AsyncGenerator<Row[], void> {
      if (start.offset > 0)
        for await (const [first] of readRows(store, file.path, { ...how, offset: 0, line: 1 })) {
          if (first) isHeader(first);
          break;
        }
      let isFirst = start.offset === 0;
      for await (const list of readRows(store, file.path, { ...how, offset: start.offset, line: start.line })) {
        const [first] = list;
        if (isFirst && first && isHeader(first)) list.shift();
        isFirst = false;
        yield list;
      }
    };
    return { reader, rows: rows() };
  }
}
