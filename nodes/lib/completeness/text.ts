/** A completeness report as text for a terminal. */
import type { CompletenessReport } from "../stream/completeness/report";
import type { Listing } from "../stream/completeness/listing";
import { completenessTable, durationText, timeText } from "../stream/completeness/table";
import { englishWords } from "../stream/completeness/words";

/** Lines of a list that are shown; `--json` has the others. */
const SHOWN = 10;

const counted = (count: number): string => count.toLocaleString("en-US");

function aligned(rows: readonly (readonly string[])[], numbers: ReadonlySet<number>): string {
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  return rows
    .map((row) =>
      row
        .map((cell, at) => (numbers.has(at) ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

function list<T>(title: string, { count, listed }: Listing<T>, cells: (item: T) => string[]): string {
  if (count === 0) return "";
  const shown = listed.slice(0, SHOWN).map(cells);
  const more = count > shown.length ? `, the first ${shown.length} of ${counted(count)}` : "";
  return `\n${title}${more}\n${aligned(shown, new Set())}`;
}

/** @param offset minutes from UTC in which times are shown */
export function reportText(report: CompletenessReport, offset = 0): string {
  const table = completenessTable(report, englishWords, offset).map(({ finding, count, detail, good }) => [
    good ? " " : "!",
    finding,
    counted(count),
    detail,
  ]);
  const time = (ms: number): string => timeText(ms, offset);
  const { interval } = report;
  let text = aligned(table, new Set([2]));
  if (interval) {
    text += list("gaps", interval.gaps, ({ from, to, missing, key }) => [
      time(from),
      time(to),
      durationText(to - from),
      `${counted(missing)} missing`,
      key ?? "",
    ]);
    text += list("duplicates", interval.duplicates, (one) => [
      time(one.time),
      `row ${counted(one.row)}`,
      one.key ?? "",
    ]);
  }
  for (const { topic, partition, holes } of report.offsets)
    text += list(`missing offsets of ${topic}, partition ${partition}`, holes, ({ from, to }) => [
      `${from + 1} to ${to - 1}`,
    ]);
  text += list("unreadable rows", report.unreadable, ({ place, reason }) => [place, reason]);
  const verdict = report.complete ? "complete" : "not complete";
  return `${text}\n${verdict}${report.exact ? "" : ", and some rows came too late to be decided"}\n`;
}
