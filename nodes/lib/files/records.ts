/** Rows of a file as records: CSV by its header, or NDJSON. */
import { Rejected, asError, messageOf } from "../errors";
import { csvFields } from "./csv";
import { timeReader, valueReader, type Numbers, type Values } from "./columns";
import type { Row } from "./rows";

export interface RecordOptions {
  readonly format: "csv" | "ndjson";
  readonly encoding: "utf-8" | "euc-kr";
  readonly separator: string;
  /** Column names; empty when the first row has them. */
  readonly columns: readonly string[];
  readonly numbers: Numbers;
  readonly nullWords: readonly string[];
  readonly timeColumns: readonly string[];
  readonly utcOffset: string;
}

/** A row that was read, or the reason why it cannot be. */
export interface FileRecord {
  readonly row: Row;
  readonly payload: unknown;
  /** Event time, ms since the epoch; that of the row before when this one has none. */
  readonly time: number;
  readonly hasTime: boolean;
  readonly error?: Error;
}

/** Reads the rows of one file. */
export interface RecordReader {
  /** Every record has all columns of its file: null stands for what it lacks. */
  readonly isSparse?: true;
  /** Takes the first row of the file for the header, if it is one. Returns whether it was. */
  header(first: Row): boolean;
  /** Undefined for an empty line. */
  read(row: Row): FileRecord | undefined;
}

export function recordReader(options: RecordOptions): RecordReader {
  const decoder = new TextDecoder(options.encoding, { fatal: true, ignoreBOM: false });
  const value = valueReader(options.numbers, options.nullWords);
  const time = timeReader(options.timeColumns, options.utcOffset);
  const hasHeader = options.format === "csv" && options.columns.length === 0;
  let columns = options.columns;
  let lastTime = 0;

  const valuesOf = (text: string): unknown => {
    if (options.format === "ndjson") return jsonOf(text);
    const fields = csvFields(text, options.separator);
    if (fields.length !== columns.length)
      throw new Rejected(`it has ${fields.length} columns where the header has ${columns.length}`);
    const values: Values = {};
    for (const [index, name] of columns.entries()) values[name] = value(name, fields[index] ?? "");
    return values;
  };
  const parse = (row: Row): FileRecord | undefined => {
    if (row.broken !== undefined) throw new Rejected(row.broken);
    const text = decode(decoder, row.bytes, options.encoding);
    if (text.trim() === "") return undefined;
    const payload = valuesOf(text);
    if (!time) return { row, payload, time: lastTime, hasTime: false };
    if (typeof payload !== "object" || payload === null)
      throw new Rejected("it is no object, so it has no time column");
    lastTime = time(payload as Values);
    return { row, payload, time: lastTime, hasTime: true };
  };

  return {
    header(first) {
      if (!hasHeader) return false;
      columns = csvFields(decode(decoder, first.bytes, options.encoding), options.separator).map((name) => name.trim());
      return true;
    },
    read(row) {
      try {
        return parse(row);
      } catch (error) {
        const why = asError(error);
        return { row, payload: row.bytes, time: lastTime, hasTime: false, error: why };
      }
    },
  };
}

/** Rows that are values already, of formats with a schema: `valueOf` makes a new one of a row each time. */
export function valueRecords(
  { timeColumns, utcOffset }: Pick<RecordOptions, "timeColumns" | "utcOffset">,
  valueOf: (row: Row) => unknown,
): RecordReader {
  const time = timeReader(timeColumns, utcOffset);
  let lastTime = 0;
  return {
    isSparse: true,
    header: () => false,
    read(row) {
      const payload = valueOf(row);
      if (!time) return { row, payload, time: lastTime, hasTime: false };
      try {
        lastTime = time(payload as Values);
        return { row, payload, time: lastTime, hasTime: true };
      } catch (error) {
        return { row, payload, time: lastTime, hasTime: false, error: asError(error) };
      }
    },
  };
}

function decode(decoder: TextDecoder, bytes: Buffer, encoding: string): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Rejected(`it is not ${encoding.toUpperCase()} text`);
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new Rejected(`it is not JSON: ${messageOf(error)}`);
  }
}
