import { readFileSync, writeFileSync } from "node:fs";
import type { Row } from "../../nodes/lib/forecast/scores";

const COLUMNS = ["PM2.5 1 h", "6 h", "24 h", "PM10 1 h", "6 h", "24 h"];

/** A Markdown table of one kind of error. */
export function table(title: string, kind: "rmse" | "mae", rows: readonly Row[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    line([title, ...COLUMNS]),
    line(["---", ...COLUMNS.map(() => "---:")]),
    ...rows.map(([who, errors]) => line([who, ...errors.map((one) => one[kind].toFixed(2))])),
  ].join("\n");
}

const BEGIN = "<!-- scores: written by npm run train -->";
const END = "<!-- end of scores -->";

/** Puts the tables between the card's marks. */
export function updateCard(file: string, tables: readonly string[]): void {
  const card = readFileSync(file, "utf8");
  const [from, to] = [card.indexOf(BEGIN), card.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${file} lacks the marks "${BEGIN}" and "${END}".`);
  writeFileSync(file, `${card.slice(0, from + BEGIN.length)}\n\n${tables.join("\n\n")}\n\n${card.slice(to)}`);
}
