#!/usr/bin/env node
/** The command `citystream-completeness`: whether data files are complete. */
import { readdir, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { ConfigError, messageOf } from "../errors";
import { offsetMinutes } from "../files/columns";
import { CompletenessCheck } from "../stream/completeness/check";
import type { CompletenessReport } from "../stream/completeness/report";
import { completenessPicture } from "../stream/completeness/picture";
import { englishWords } from "../stream/completeness/words";
import { contentOf, READABLE } from "../lake/content";
import { feedFile, type FeedOptions } from "./feed";
import { Progress } from "./progress";
import { reportText } from "./text";

const HELP = `citystream-completeness [options] file-or-folder …

Checks CSV, NDJSON, Avro and Parquet files (.csv, .tsv, .txt, .ndjson, .jsonl, also with .gz, .zst or .snappy, .avro,
.parquet) for missing values, gaps, duplicates and order.
Files are taken as one stream, in the order given; a folder stands for its files by name.

  --interval <s>      expected distance of two rows in seconds (3); 0: any
  --tolerance <s>     a gap begins above interval + tolerance (half of the interval)
  --time <column>     column, or path in a record, with the time (the first named date, time, timestamp, datetime or ts)
  --utc-offset <±hh:mm>  of times that do not say theirs (+00:00)
  --key <column>      each key, such as a sensor, keeps an interval of its own
  --columns <names>   column names of CSV without a header, separated by commas
  --separator <c>     one character, \\t for tab (, or tab in .tsv)
  --null <words>      what stands for a missing value beside an empty cell, separated by commas (NA,NaN,null,NULL)
  --listed <n>        most gaps, duplicates, … that are listed; all are counted (1000)
  --remembered <n>    irregularities that are remembered to decide about late rows (100000; with a key 1000 each)
  --json [file]       the result as JSON, to standard output or to a file
  --svg <file>        a picture of it
  --findings-exit <n> exit code when something is missing, twice or unreadable (0)
  --quiet             no progress
  --help

Exit code 2: wrong options, or a file that can't be read, or not to its end.
`;

const OPTIONS = {
  interval: { type: "string", default: "3" },
  tolerance: { type: "string" },
  time: { type: "string", default: "" },
  "utc-offset": { type: "string", default: "+00:00" },
  key: { type: "string", default: "" },
  columns: { type: "string", default: "" },
  separator: { type: "string", default: "," },
  null: { type: "string", default: "NA,NaN,null,NULL" },
  listed: { type: "string", default: "1000" },
  remembered: { type: "string" },
  json: { type: "string" },
  svg: { type: "string" },
  "findings-exit": { type: "string", default: "0" },
  quiet: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

/** Where a command writes. */
export interface Streams {
  readonly out: NodeJS.WritableStream;
  readonly err: NodeJS.WritableStream & { isTTY?: boolean };
}

/**
 * Runs the command.
 *
 * @returns its exit code
 */
export async function main(args: readonly string[], { out, err }: Streams): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      // `--json` alone means standard output
      args: args.map((arg, at) => (arg === "--json" && (args[at + 1] ?? "--").startsWith("--") ? "--json=-" : arg)),
      options: OPTIONS,
      allowPositionals: true,
    });
    if (values.help || positionals.length === 0) {
      (values.help ? out : err).write(HELP);
      return values.help ? 0 : 2;
    }
    const listed = numberOf("--listed", values.listed, 0);
    const check = new CompletenessCheck({
      interval: numberOf("--interval", values.interval, 0) * 1_000,
      ...(values.tolerance === undefined ? {} : { tolerance: numberOf("--tolerance", values.tolerance, 0) * 1_000 }),
      ...(values.remembered === undefined ? {} : { remembered: numberOf("--remembered", values.remembered, 4) }),
      keyed: values.key !== "",
      listed,
    });
    const findingsExit = numberOf("--findings-exit", values["findings-exit"], 0);
    const feed = feedOptions(values);
    const files = await filesOf(positionals);
    const progress = values.quiet ? undefined : new Progress(err, files, check);
    const damages: string[] = [];
    for (const { file } of files) {
      const damage = await feedFile(check, file, feed, (bytes) => progress?.read(bytes));
      if (damage !== undefined) damages.push(damage);
    }
    progress?.end();
    const report = check.report();
    await tell(report, values, offsetMinutes(feed.utcOffset), out);
    for (const damage of damages) err.write(`citystream-completeness: ${damage}\n`);
    if (damages.length > 0) return 2;
    return report.complete ? 0 : findingsExit;
  } catch (error) {
    err.write(`citystream-completeness: ${messageOf(error)}\n`);
    return 2;
  }
}

async function tell(
  report: CompletenessReport,
  { json, svg }: { json?: string | undefined; svg?: string | undefined },
  offset: number,
  out: NodeJS.WritableStream,
): Promise<void> {
  if (svg !== undefined) await writeFile(svg, completenessPicture(report, englishWords, offset));
  const text = json === undefined ? "" : `${JSON.stringify(report, null, 2)}\n`;
  if (json === "-") out.write(text);
  else {
    if (json !== undefined) await writeFile(json, text);
    out.write(reportText(report, offset));
  }
}

function feedOptions(values: {
  [Name in "columns" | "null" | "separator" | "time" | "key" | "utc-offset"]: string;
}): FeedOptions {
  const list = (text: string): string[] =>
    text
      .split(",")
      .map((one) => one.trim())
      .filter((one) => one !== "");
  const separator = values.separator === "\\t" ? "\t" : values.separator;
  if (!/^[\0-\x7f]$/u.test(separator) || separator === '"')
    throw new ConfigError(`--separator: "${separator}" is not one ASCII character other than a quote`);
  offsetMinutes(values["utc-offset"]);
  return {
    separator,
    columns: list(values.columns),
    nullWords: list(values.null),
    time: values.time,
    key: values.key,
    utcOffset: values["utc-offset"],
  };
}

function numberOf(name: string, text: string, least: number): number {
  const number = Number(text);
  if (text.trim() === "" || !Number.isFinite(number) || number < least)
    throw new ConfigError(`${name}: "${text}" is not a number from ${least} on`);
  return number;
}

async function filesOf(given: readonly string[]): Promise<{ file: string; size: number }[]> {
  const files: { file: string; size: number }[] = [];
  for (const one of given) {
    const stats = await stat(one);
    if (!stats.isDirectory()) {
      files.push({ file: one, size: stats.size });
      continue;
    }
    const names = (await readdir(one)).filter((name) => !/^[._]/u.test(name) && contentOf(name)).sort();
    if (names.length === 0) throw new ConfigError(`${one} holds no file that can be read by its name (${READABLE})`);
    for (const name of names) files.push({ file: path.join(one, name), size: (await stat(path.join(one, name))).size });
  }
  return files;
}

if (require.main === module) {
  void main(process.argv.slice(2), { out: process.stdout, err: process.stderr }).then((code) => {
    process.exitCode = code;
  });
}
