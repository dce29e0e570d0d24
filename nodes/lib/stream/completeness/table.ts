/** A completeness report as the rows of a table, for people. */
import type { CompletenessReport } from "./report";
import type { Wording } from "./words";

export interface TableRow {
  readonly finding: string;
  readonly count: number;
  readonly detail: string;
  /** False when it speaks against completeness. */
  readonly good: boolean;
}

/** `2012-01-01 00:00:03` at an offset from UTC in minutes; with milliseconds where there are any. */
export function timeText(time: number, offset = 0): string {
  const date = new Date(time + offset * 60_000);
  if (Number.isNaN(date.getTime())) return String(time);
  return date
    .toISOString()
    .replace("T", " ")
    .replace(/(?:\.000)?Z$/u, "");
}

/** `2 d 3 h`, `1 m 12 s`, `0.5 s`: the two largest units of a duration in ms. */
export function durationText(ms: number): string {
  if (ms < 60_000) return `${ms / 1_000} s`;
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1_000],
  ] as const;
  const first = units.findIndex(([, size]) => ms >= size);
  let rest = ms;
  return units
    .slice(first, first + 2)
    .flatMap(([unit, size]) => {
      const count = Math.floor(rest / size);
      rest -= count * size;
      return count > 0 ? [`${count} ${unit}`] : [];
    })
    .join(" ");
}

const percent = (part: number, whole: number): string => {
  const share = whole === 0 ? 0 : (part / whole) * 100;
  return share === 0 || share >= 0.01 ? String(Math.round(share * 100) / 100) : "< 0.01";
};

/**
 * @param word words of the reader's language
 * @param offset minutes from UTC in which times are shown
 */
export function completenessTable(report: CompletenessReport, word: Wording, offset = 0): TableRow[] {
  const { interval, rows } = report;
  const bad = (finding: string, count: number, detail = ""): TableRow => ({
    finding,
    count,
    detail,
    good: count === 0,
  });
  const told = (finding: string, count: number, detail = ""): TableRow => ({ finding, count, detail, good: true });
  const table: TableRow[] = [
    told(
      word("rows"),
      rows,
      interval?.first === undefined || interval.last === undefined
        ? ""
        : word("period", { from: timeText(interval.first, offset), to: timeText(interval.last, offset) }),
    ),
    bad(word("unreadable"), report.unreadable.count, report.unreadable.listed[0]?.reason),
  ];
  if (interval) table.push(bad(word("withoutTime"), report.withoutTime));
  for (const { name, missing } of report.columns)
    table.push(
      bad(
        word("missing", { column: name }),
        missing,
        missing > 0 ? word("share", { percent: percent(missing, rows) }) : "",
      ),
    );
  if (interval) {
    const { expected, missing, longest, gaps, duplicates } = interval;
    if (expected > 0) {
      const due = interval.rows - duplicates.count + missing;
      const every = word("everySeconds", { seconds: expected / 1_000, missing, percent: percent(missing, due) });
      const from = longest && {
        duration: durationText(longest.to - longest.from),
        from: timeText(longest.from, offset),
      };
      table.push(bad(word("gaps"), gaps.count, from ? `${every}; ${word("longest", from)}` : every));
    }
    table.push(bad(word("duplicates"), duplicates.count));
    const furthest = interval.furthest > 0 ? word("furthest", { duration: durationText(interval.furthest) }) : "";
    table.push(told(word("outOfOrder"), interval.outOfOrder, furthest));
    if (expected > 0) table.push(told(word("tooClose"), interval.tooClose));
    if (interval.undecided > 0) table.push(told(word("undecided"), interval.undecided, word("undecidedWhy")));
    if (interval.notFollowed > 0) table.push(told(word("notFollowed"), interval.notFollowed, word("undecidedWhy")));
  }
  for (const { topic, partition, first = 0, last = 0, missing, duplicates, undecided } of report.offsets) {
    table.push(bad(word("holes", { topic, partition }), missing, word("offsets", { first, last })));
    table.push(bad(word("repeated", { topic, partition }), duplicates));
    if (undecided > 0) table.push(told(word("undecided"), undecided, word("undecidedWhy")));
  }
  return table;
}
