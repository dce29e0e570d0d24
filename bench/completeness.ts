/**
 * The completeness check beside pandas and DuckDB: the same questions to the same file, one after the other, with what
 * was planted in the file as the judge. A contender without its Python package is left out and named.
 *
 *     npm run build && PYTHON=<python with pandas and duckdb> node dist/bench/completeness.js <file.csv> [rows] [seed]
 *
 * The file is made when it is not there (bench/completeness-data.ts). 122408524 rows are 4.8 GB.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import type { CompletenessReport } from "../nodes/lib/stream/completeness/report";
import { plant, type Planted } from "./completeness-data";

interface Found {
  rows: number;
  missing: Record<string, number>;
  gaps: number;
  missingReadings: number;
  duplicates: number;
}
interface Run {
  found: Found;
  seconds: number;
  cpu: number;
  megabytes: number;
}

const [file, rows = "10000000", seed = "1"] = process.argv.slice(2);
if (file === undefined) throw new Error("which file?");
const planted: Planted = existsSync(`${file}.planted.json`)
  ? (JSON.parse(readFileSync(`${file}.planted.json`, "utf8")) as Planted)
  : plant(file, Number(rows), Number(seed));

/** The command in a process of its own, and what that process took. */
const MEASURED = `
const begun = performance.now();
const { PassThrough } = require("node:stream");
const out = new PassThrough();
require(process.argv[1]).main(process.argv.slice(2), { out, err: process.stderr }).then(() => {
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
  const cost = { seconds: (performance.now() - begun) / 1e3, cpu: (userCPUTime + systemCPUTime) / 1e6, megabytes: maxRSS / 1024 };
  console.log(JSON.stringify({ report: JSON.parse(out.read()), ...cost }));
});`;

function ours(): Run {
  const cli = path.join(__dirname, "../nodes/lib/completeness/cli.js");
  const args = ["-e", MEASURED, cli, file as string, "--quiet", "--json", "-", "--listed", "1000000"];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8", maxBuffer: 2 ** 30 });
  if (status !== 0) throw new Error(stderr);
  const { report, ...cost } = JSON.parse(stdout) as Omit<Run, "found"> & { report: CompletenessReport };
  const { interval, columns, exact } = report;
  assert.ok(exact && interval);
  assert.deepEqual(interval.gaps.listed, planted.gaps, "the gaps are those that were planted");
  assert.deepEqual(interval.duplicates.listed, planted.duplicates, "the duplicates are those that were planted");
  assert.equal(interval.outOfOrder, planted.outOfOrder);
  const found = {
    rows: report.rows,
    missing: Object.fromEntries(columns.map(({ name, missing }) => [name, missing])),
    gaps: interval.gaps.count,
    missingReadings: interval.missing,
    duplicates: interval.duplicates.count,
  };
  return { found, ...cost };
}

function contender(tool: string): Run | string {
  const script = path.join(__dirname, "../../bench/completeness-contenders.py");
  const { stdout, stderr, status } = spawnSync(process.env["PYTHON"] ?? "python3", [script, tool, file as string], {
    encoding: "utf8",
  });
  return status === 0 ? (JSON.parse(stdout) as Run) : (stderr.trimEnd().split("\n").at(-1) ?? "failed");
}

const expected: Found = {
  rows: planted.rows,
  missing: planted.missing,
  gaps: planted.gaps.length,
  missingReadings: planted.missingReadings,
  duplicates: planted.duplicates.length,
};
console.log(`${planted.rows} rows, ${(statSync(file).size / 1e9).toFixed(2)} GB, planted: ${JSON.stringify(expected)}`);
for (const tool of (process.env["TOOLS"] ?? "citystream,duckdb,pandas").split(",")) {
  const run = tool === "citystream" ? ours() : contender(tool);
  if (typeof run === "string") {
    console.log(`${tool.padEnd(12)} ${run}`);
    continue;
  }
  const { found, seconds, cpu, megabytes } = run;
  const same = Object.entries(expected).every(([name, value]) =>
    Object.is(JSON.stringify(found[name as keyof Found]), JSON.stringify(value)),
  );
  const cost = `${seconds.toFixed(1)} s  ${cpu.toFixed(1)} CPU s  ${Math.round(megabytes)} MB`;
  console.log(`${tool.padEnd(12)} ${cost}  ${same ? "all found, none invented" : `found ${JSON.stringify(found)}`}`);
}
