import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { gzipSync } from "node:zlib";
import { plant } from "../../../bench/completeness-data";
import { compressZstd } from "../../../nodes/lib/compression/zstd";
import { avro } from "../../../nodes/lib/formats/avro";
import { parquet } from "../../../nodes/lib/formats/parquet/parquet";
import { ParquetThread } from "../../../nodes/lib/formats/parquet/thread";
import { packHadoopSnappy } from "../../../nodes/lib/formats/packing";
import { main } from "../../../nodes/lib/completeness/cli";
import type { CompletenessReport } from "../../../nodes/lib/stream/completeness/report";
import { ROOT } from "../../../tools/editor/nodes";
import { written } from "../formats/written";

const text = (stream: PassThrough): string => (stream.read() as Buffer | null)?.toString() ?? "";

async function command(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const code = await main(args, { out, err });
  return { code, out: text(out), err: text(err) };
}
const reportOf = async (...args: string[]): Promise<CompletenessReport> => {
  const { code, out, err } = await command(...args, "--json");
  assert.equal(code, 0, err);
  return JSON.parse(out) as CompletenessReport;
};

describe("the command citystream-completeness", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-completeness-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, content: string | Buffer): string => {
    const full = path.join(folder, name);
    writeFileSync(full, content);
    return full;
  };

  it("finds all gaps, missing values, duplicates and late rows that were planted among 200,000 rows, and invents none", async function () {
    this.timeout(60_000);
    const csv = path.join(folder, "planted.csv");
    for (const seed of [1, 2]) {
      const planted = plant(csv, 200_000, seed);
      assert.ok(planted.gaps.length > 30 && planted.duplicates.length > 60 && planted.outOfOrder > 60);
      const { rows, interval, columns, exact, unreadable } = await reportOf(csv, "--listed", "100000");
      assert.deepEqual([rows, unreadable.count, exact], [200_000, 0, true]);
      assert.deepEqual(interval?.gaps.listed, planted.gaps);
      assert.equal(interval.missing, planted.missingReadings);
      assert.deepEqual(interval.duplicates.listed, planted.duplicates);
      assert.equal(interval.outOfOrder, planted.outOfOrder);
      assert.deepEqual(Object.fromEntries(columns.map(({ name, missing }) => [name, missing])), planted.missing);
    }
  });

  it("finds the same in the same rows as CSV, compressed, in several files, as NDJSON, Avro and Parquet", async () => {
    const csv = path.join(folder, "planted.csv");
    plant(csv, 20_000, 3);
    const content = readFileSync(csv, "utf8");
    const [header = "", ...rows] = content.trimEnd().split("\n");
    const names = header.split(",");
    const expected = await reportOf(csv);
    const record = (row: string): object =>
      Object.fromEntries(row.split(",").map((cell, at) => [names[at], at === 0 ? cell : Number(cell || "NaN")]));
    const nulls = (one: object): object =>
      Object.fromEntries(Object.entries(one).map(([name, value]) => [name, Number.isNaN(value) ? null : value]));
    const half = rows.length / 2;
    const others = [
      [file("whole.csv.gz", gzipSync(content))],
      [file("whole.csv.zst", compressZstd(Buffer.from(content)))],
      [file("whole.csv.snappy", packHadoopSnappy(Buffer.from(content)))],
      [
        file("a.csv", `${header}\n${rows.slice(0, half).join("\n")}\n`),
        file("b.csv", `${header}\r\n${rows.slice(half).join("\r\n")}`),
      ],
      [file("whole.ndjson", rows.map((row) => `${JSON.stringify(record(row))}\n`).join(""))],
    ];
    const thread = new ParquetThread();
    for (const format of [avro(undefined, "snappy"), parquet(undefined, "zstd", thread)]) {
      const [one] = await written(format, rows.map(record).map(nulls));
      others.push([one?.file ?? ""]);
    }
    await thread.end();
    for (const files of others) assert.deepEqual(await reportOf(...files), expected, files.join(" "));
  });

  it("counts what stands before the damage of a file, says where that is, and goes on with the next", async () => {
    const rows = Array.from({ length: 50_000 }, (_, at) => `${new Date(at * 3_000).toISOString()}\n`).join("");
    const whole = gzipSync(`date\n${rows}`);
    const damaged = file("a.csv.gz", whole.subarray(0, whole.length / 2));
    const next = file("b.csv", "date\n2026-01-01 00:00:00\n");
    const { code, out, err } = await command(damaged, next, "--json");
    assert.equal(code, 2);
    assert.match(err, /a\.csv\.gz ends in the middle of its gzip data, after byte \d+$/mu);
    const { rows: counted, unreadable, complete } = JSON.parse(out) as CompletenessReport;
    assert.ok(counted > 1_000 && counted < 50_000, `${counted} rows`);
    assert.match(
      unreadable.listed[0]?.reason ?? "",
      /ends in the middle of its gzip data, after byte \d+; what follows/u,
    );
    assert.deepEqual([unreadable.count, unreadable.listed[0]?.place, complete], [1, damaged, false]);
  });

  it("shows a table, and writes JSON and a picture", async () => {
    const csv = file("a.csv", "date,dust\n2012-01-01 00:00:00,1\n2012-01-01 00:00:03,NA\n2012-01-01 00:00:12,3\nx\n");
    const svg = path.join(folder, "a.svg");
    const json = path.join(folder, "a.json");
    const { code, out, err } = await command(csv, "--svg", svg, "--json", json);
    assert.equal(code, 0);
    assert.match(out, /^ {3}rows +3 {2}2012-01-01 00:00:00 to 2012-01-01 00:00:12$/mu);
    assert.match(out, /^! {2}missing: dust +1 {2}33.33 % of the rows$/mu);
    assert.match(out, /^2012-01-01 00:00:03 {2}2012-01-01 00:00:12 {2}9 s {2}2 missing$/mu);
    assert.match(out, /a\.csv line 5 {2}it has 1 columns where 2 are expected$/mu);
    assert.match(out, /^not complete$/mu);
    assert.match(err, /^100 % {2}3 rows/mu);
    assert.match(readFileSync(svg, "utf8"), /^<svg .*<\/svg>\n$/su);
    assert.equal((JSON.parse(readFileSync(json, "utf8")) as CompletenessReport).rows, 3);
  });

  it("knows keys, other names, separators and words, and NDJSON with offsets of Kafka", async () => {
    const semicolons = file("a.txt", "09:00;x;-\n");
    const { columns } = await reportOf(
      semicolons,
      "--columns",
      "t,who,v",
      "--separator",
      ";",
      "--null=-",
      "--time",
      "v",
    );
    assert.deepEqual(columns, [
      { name: "t", missing: 0 },
      { name: "who", missing: 0 },
    ]);
    const line = (sensor: string, second: number, offset: number): string =>
      `${JSON.stringify({
        payload: { sensor, dust: 1 },
        key: null,
        timestamp: second * 1_000,
        headers: {},
        source: { kind: "kafka", topic: "air", partition: 0, offset, group: "g" },
      })}\n`;
    const ndjson = file("b.ndjson", [line("a", 0, 7), line("b", 1, 8), line("a", 9, 10), line("b", 4, 11)].join(""));
    const report = await reportOf(ndjson, "--key", "sensor");
    assert.deepEqual(report.interval?.gaps.listed, [{ from: 0, to: 9_000, missing: 2, key: "a" }]);
    assert.deepEqual(report.offsets[0]?.holes.listed, [{ from: 8, to: 10, missing: 1 }]);
    const columnsOf = (offset: number | null): object => ({
      n: 1,
      _topic: "air",
      _partition: offset && 0,
      _offset: offset,
    });
    const located = [
      file("c.ndjson", [1, 2, null, 5].map((offset) => `${JSON.stringify(columnsOf(offset))}\n`).join("")),
      file("c.csv", "n,_topic,_partition,_offset\n1,air,0,1\n1,air,0,2\n1,,,\n1,air,0,5\n"),
    ];
    for (const one of located) {
      const { offsets, columns: checked } = await reportOf(one);
      assert.deepEqual(offsets[0]?.holes.listed, [{ from: 2, to: 5, missing: 2 }]);
      assert.deepEqual(checked, [{ name: "n", missing: 0 }]);
    }
  });

  it("says by its exit code what was asked for, and what is wrong", async () => {
    const good = file("good.csv", "date,dust\n2012-01-01 00:00:00,1\n2012-01-01 00:00:03,2\n");
    const bad = file("bad.csv", "date,dust\n2012-01-01 00:00:00,1\n2012-01-01 00:00:03,\n");
    assert.equal((await command(good, "--findings-exit", "1")).code, 0);
    assert.equal((await command(bad, "--findings-exit", "1")).code, 1);
    assert.equal((await command(bad)).code, 0);
    const wrong: [string[], RegExp][] = [
      [[path.join(folder, "none.csv")], /ENOENT.*none\.csv/u],
      [[file("a.orc", "x")], /a\.orc is no file that can be read by its name \(\.csv, /u],
      [[good, "--time", "when"], /Time: .*good\.csv has no column "when", but date, dust/u],
      [[good, "--interval", "often"], /--interval: "often" is not a number from 0 on/u],
      [[good, "--separator", "||"], /--separator/u],
      [[good, "--surprise"], /--surprise/u],
      [[file("quote.csv", 'a"b,c\n1,2\n')], /the header can't be read: column 1 has a quote inside/u],
      [[file("torn.csv.gz", gzipSync("date,dust\n1,2\n").subarray(0, 20))], /ends in the middle of its gzip data/u],
      [[], /citystream-completeness \[options\]/u],
    ];
    for (const [args, message] of wrong) {
      const { code, err } = await command(...args);
      assert.match(err, message);
      assert.equal(code, 2);
    }
  });

  it("runs as a program of its own", () => {
    const good = file("good.csv", "date,dust\n2012-01-01 00:00:00,1\n");
    const bin = path.join(ROOT, "dist/nodes/lib/completeness/cli.js");
    assert.match(readFileSync(bin, "utf8"), /^#!\/usr\/bin\/env node\n/u);
    assert.match(execFileSync(process.execPath, [bin, good, "--quiet"], { encoding: "utf8" }), /^complete$/mu);
  });
});
