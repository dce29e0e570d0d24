/** Columns of Parquet files, as other programs read them. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { parquet } from "../../../../nodes/lib/formats/parquet/parquet";
import { ParquetThread } from "../../../../nodes/lib/formats/parquet/thread";
import { parseSchema } from "../../../../nodes/lib/formats/schema/parse";
import { type ReadBack, type Row, readBack } from "../../lake/read-back";
import { temporaryFolder } from "../../lake/stores";
import { until } from "../../../harness";
import { written } from "../written";

const optional = (type: string): unknown => ["null", type];
const schema = parseSchema({
  type: "record",
  name: "R",
  fields: [
    { name: "wide", type: "long" },
    { name: "few", type: optional("long") },
    { name: "small", type: optional("int") },
    { name: "level", type: optional("double") },
    { name: "rough", type: "float" },
    { name: "text", type: optional("string") },
    { name: "none", type: optional("string") },
    { name: "site", type: "string" },
  ],
});
const COUNT = 30_000;
const wide = (n: number): bigint => (n % 2 === 0 ? -(2n ** 63n) + BigInt(n) : 2n ** 63n - 1n - BigInt(n));
/** Long enough that a column of it takes three pages. */
const text = (n: number): string | null => (n % 7 === 0 ? null : n === 1 ? "" : `${n}번 `.repeat(14));
const row = (n: number): Row => ({
  wide: wide(n),
  few: n % 3 === 0 ? null : (n % 5) - 2,
  small: n % 1000 < 500 ? null : -n,
  level: n % 11 === 0 ? null : n / 8 - 100,
  rough: n / 4,
  text: text(n),
  none: null,
  site: `site-${Math.imul(n, 2_654_435_761) >>> 22}`,
});

describe("columns of Parquet files", function () {
  this.timeout(120_000);
  let read: ReadBack;
  let thread: ParquetThread;
  before(async function () {
    read = await readBack(this);
  });
  beforeEach(() => {
    thread = new ParquetThread();
  });
  afterEach(() => thread.end());

  it("hold what was given, in several pages, with and without nulls and dictionaries", async () => {
    const [file] = await written(
      parquet(schema, "snappy", thread),
      Array.from({ length: COUNT }, (_, n) => row(n)),
    );
    for (const reader of ["pyarrow", "duckdb"] as const) {
      const [rows = []] = await read(reader, [file?.file ?? ""]);
      assert.equal(rows.length, COUNT);
      for (const [n, found] of rows.entries())
        assert.deepEqual(found, { ...row(n), wide: { number: String(wide(n)) } }, `row ${n}, ${reader}`);
    }
  });

  it("are in memory that is the thread's again once a file is durable, and right in the files after it", async () => {
    const format = parquet(schema, "snappy", thread);
    const given: Buffer[] = [];
    for (let at = 0; at < 12; at++) {
      const encoder = format.begin();
      for (let n = 0; n < 3000; n++) encoder.add(row(n + 100 * at));
      const [bytes] = await encoder.content();
      const copy = Buffer.from(bytes!);
      encoder.published?.();
      await until("its memory is given back", () => bytes!.length === 0);
      given.push(copy);
    }
    const folder = temporaryFolder();
    const names = given.map((_, at) => path.join(folder, `${at}.parquet`));
    for (const [at, name] of names.entries()) writeFileSync(name, given[at]!);
    for (const [at, rows] of (await read("pyarrow", names)).entries())
      assert.deepEqual(
        rows,
        Array.from({ length: 3000 }, (_, n) => ({
          ...row(n + 100 * at),
          wide: { number: String(wide(n + 100 * at)) },
        })),
        `file ${at}`,
      );
  });

  it("say their least and largest value, how many are null, and have a dictionary where that is less", async () => {
    const [file] = await written(
      parquet(schema, "snappy", thread),
      Array.from({ length: COUNT }, (_, n) => row(n)),
    );
    const [[group] = []] = await read("chunks", [file?.file ?? ""]);
    const nulls = (name: string): number =>
      Array.from({ length: COUNT }, (_, n) => row(n)[name]).filter((one) => one === null).length;
    const wideOnes = Array.from({ length: COUNT }, (_, n) => wide(n)).toSorted((a, b) => (a < b ? -1 : 1));
    const chunk = (name: string, min: unknown, max: unknown, dictionary: boolean): Row => ({
      min,
      max,
      nulls: nulls(name),
      dictionary,
    });
    assert.deepEqual(group, {
      wide: chunk("wide", { number: String(wideOnes[0]) }, { number: String(wideOnes.at(-1)) }, false),
      few: chunk("few", -2, 2, true),
      small: chunk("small", 1 - COUNT, -500, false),
      level: chunk("level", 1 / 8 - 100, (COUNT - 1) / 8 - 100, false),
      rough: chunk("rough", -0, (COUNT - 1) / 4, false),
      // as bytes, and cut after 16 of them: the largest is then the next larger one
      text: { ...chunk("text", "", "9번 9번 9번 :", false) },
      none: chunk("none", null, null, false),
      site: chunk("site", "site-0", "site-999", true),
    });
  });

  it("have numbers that are none, both zeros and infinities", async () => {
    const values = [NaN, 0, -0, Infinity, -Infinity, 1.5, null];
    const many = Array.from({ length: 700 }, (_, n) => ({ x: values[n % 7] }));
    const type = parseSchema({ type: "record", name: "R", fields: [{ name: "x", type: optional("double") }] });
    const [file] = await written(parquet(type, "none", thread), many);
    const [[group] = []] = await read("chunks", [file?.file ?? ""]);
    assert.deepEqual(group, { x: { min: "-inf", max: "inf", nulls: 100, dictionary: true } });
    const [rows = []] = await read("texts", [file?.file ?? ""]);
    const texts = ["nan", "0.0", "-0.0", "inf", "-inf", "1.5", "None"];
    assert.deepEqual(
      rows,
      many.map((_, n) => ({ x: texts[n % 7] })),
    );
  });
});
