/** Gives the rows of a CSV file to a completeness check. */
import { ConfigError } from "../errors";
import { CsvScanner, PLAIN, cellText, type Cells } from "../files/csv-scan";
import { timeCell } from "../files/time-cell";
import { LOCATION, usualTime } from "./record-feed";
import type { CompletenessCheck } from "../stream/completeness/check";

export interface CsvFeedOptions {
  /** For people, in front of line numbers. */
  readonly place: string;
  readonly separator: string;
  /** Column names; empty when the first row has them. */
  readonly columns: readonly string[];
  /** Column with the time; empty: the first whose name is a usual one for it, if any. */
  readonly time: string;
  readonly utcOffset: string;
  /** Column with the key; empty: none. */
  readonly key: string;
  /** What stands for a missing value, beside an empty cell without quotes. */
  readonly nullWords: readonly string[];
}

/** @throws ConfigError when a column that was named is not there; Rejected when the header can't be read */
export function csvFeed(check: CompletenessCheck, options: CsvFeedOptions): CsvScanner {
  const timeOf = timeCell(options.utcOffset);
  const nulls = options.nullWords.filter((word) => word !== "").map((word) => Buffer.from(word));
  /** First bytes of the words for null. */
  const suspicious = new Uint8Array(256);
  for (const word of nulls) suspicious[word[0] ?? 0] = 1;
  let columns: readonly number[] = [];
  let count = 0;
  let time = -1;
  let key = -1;
  /** Where the columns of LOCATION are, when all of them are there. */
  let location: readonly number[] = [];

  const start = (names: readonly string[]): void => {
    const indexOf = (name: string, setting: string): number => {
      const found = names.indexOf(name);
      if (found < 0)
        throw new ConfigError(`${setting}: ${options.place} has no column "${name}", but ${names.join(", ")}`);
      return found;
    };
    const named = options.time || usualTime(names);
    time = named === undefined ? -1 : indexOf(named, "Time");
    key = options.key === "" ? -1 : indexOf(options.key, "Key");
    location = LOCATION.map((name) => names.indexOf(name));
    if (location.includes(-1)) location = [];
    columns = names.map((name, cell) =>
      cell === time || cell === key || location.includes(cell) ? -1 : check.column(name),
    );
    count = names.length;
  };

  const isNull = ({ bytes, starts, ends }: Cells, cell: number): boolean => {
    const [from, to] = [starts[cell] as number, ends[cell] as number];
    return nulls.some((word) => word.length === to - from && word.compare(bytes, from, to) === 0);
  };

  const locate = (cells: Cells): void => {
    const [topic = "", partition = "", offset = ""] = location.map((cell) => cellText(cells, cell));
    if (/^\d+$/u.test(partition) && /^\d+$/u.test(offset)) check.offset(topic, Number(partition), Number(offset));
  };

  if (options.columns.length > 0) start(options.columns);
  return new CsvScanner(
    { separator: options.separator, ...(options.columns.length > 0 ? { columns: options.columns.length } : {}) },
    {
      header: start,
      row(cells) {
        const { bytes, starts, ends, kinds } = cells;
        check.row(time < 0 ? undefined : timeOf(cells, time), key < 0 ? "" : cellText(cells, key));
        if (location.length > 0) locate(cells);
        for (let cell = 0; cell < count; cell++) {
          if (kinds[cell] !== PLAIN) continue;
          const from = starts[cell] as number;
          if (from === ends[cell] || (suspicious[bytes[from] as number] === 1 && isNull(cells, cell))) {
            const column = columns[cell] as number;
            if (column >= 0) check.missing(column);
          }
        }
      },
      broken: (line, reason) => check.unreadable(`${options.place} line ${line}`, reason),
    },
  );
}
