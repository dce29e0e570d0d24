/** Opens a data file of a lake: its rows from some place on, and what makes records of them. */
import { asError } from "../errors";
import { recordReader, type RecordReader } from "../files/records";
import type { Row } from "../files/rows";
import { type Content, separatorOf } from "./content";
import { FileError } from "./file-error";
import type { DataFile } from "./find";
import { readRows } from "./read-rows";
import type { Place, ReaderOptions } from "./reading";
import type { Store } from "./store";

export interface OpenRows {
  readonly reader: RecordReader;
  /** In lists as they come. Throws FileError when the file can't be read from some place on. */
  readonly rows: AsyncIterable<Row[]>;
}

export class RowSource {
  constructor(
    private readonly store: Store,
    private readonly options: Pick<ReaderOptions, "records" | "rowLimit">,
  ) {}

  open(file: DataFile, content: Content, start: Place): OpenRows {
    const { records, rowLimit } = this.options;
    const { store } = this;
    const separator = separatorOf(file.name, records.separator);
    const reader = recordReader({ ...records, separator, format: content.format });
    const how = { quoted: content.format === "csv", packing: content.packing, limit: rowLimit };
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

  /** Lets go of what reading has needed. */
  async close(): Promise<void> {
    await Promise.resolve();
  }
}
