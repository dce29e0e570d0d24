/** Comma-separated values as RFC 4180 has them, with a header line; lines end with a line feed, as Hadoop's readers expect. */
import { Rejected } from "../errors";
import { ndjsonLine } from "./ndjson";
import type { LineFormat } from "./text-file";

const needsQuotes = /[",\r\n]|^\s|\s$/u;

/**
 * One cell. Null and missing are empty; an empty text is `""`, so that the two stay apart; objects and arrays are JSON.
 * @throws Rejected for NaN and infinities, which CSV readers take for text
 */
export function csvCell(value: unknown, column: string): string {
  switch (typeof value) {
    case "undefined":
      return "";
    case "number":
      if (!Number.isFinite(value))
        throw new Rejected(`CSV: "${column}" is ${value}, which no reader takes for a number`);
      return String(value);
    case "boolean":
    case "bigint":
      return String(value);
    case "string":
      return value === "" || needsQuotes.test(value) ? quoted(value) : value;
    case "object":
      if (value === null) return "";
      if (value instanceof Date) return value.toISOString();
      if (Buffer.isBuffer(value)) return value.toString("base64");
      return quoted(ndjsonLine(value));
    default:
      throw new Rejected(`CSV: "${column}" is a ${typeof value}, which can't be written`);
  }
}

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/** A row without its line end. */
const cellsOf = (cells: readonly string[]): string => cells.join(",");

/** A header or a row, with its line end. */
export const csvRow = (cells: readonly string[]): string => `${cellsOf(cells)}\n`;

function recordOf(value: unknown): Record<string, unknown> {
  let read = value;
  if (Buffer.isBuffer(value)) {
    try {
      read = JSON.parse(value.toString("utf8"));
    } catch (cause) {
      throw new Rejected("CSV: the payload is bytes that are not JSON; decode them before the sink", { cause });
    }
  }
  if (typeof read !== "object" || read === null || Array.isArray(read) || ArrayBuffer.isView(read))
    throw new Rejected(
      `CSV: the payload must be an object whose properties are columns; it is ${read === null ? "null" : Array.isArray(read) ? "an array" : `a ${typeof read}`}`,
    );
  return read as Record<string, unknown>;
}

/**
 * @param columns the columns in order, others are left out; empty: those of the records. Then a record that brings a new
 *   column begins a new file, whose header has the columns known so far and the new one.
 */
export function csv(columns: readonly string[] = []): LineFormat {
  let known: string[] = [...columns];
  return {
    extension: ".csv",
    begin() {
      let own: readonly string[] | undefined = columns.length > 0 ? columns : undefined;
      return {
        head: () => csvRow((own ?? known).map((name) => (name === "" || needsQuotes.test(name) ? quoted(name) : name))),
        encode(value) {
          const record = recordOf(value);
          if (columns.length === 0) {
            const fresh = Object.keys(record).filter((name) => !(own ?? known).includes(name));
            if (fresh.length > 0) known = [...new Set([...known, ...fresh])];
            if (fresh.length > 0 && own) return undefined;
            own ??= known;
          }
          const names = own ?? columns;
          return cellsOf(names.map((name) => csvCell(record[name], name)));
        },
      };
    },
  };
}
