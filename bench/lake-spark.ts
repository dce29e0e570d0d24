/**
 * Apache Spark reads what hdfs sink writes as Avro and Parquet: every type, Korean text, nulls, 64-bit integers, decimals,
 * times, nested values; then 120,000 rows in several blocks or row groups.
 *
 * Needs Java 17, Maven and Python 3.9; fetches Spark (0.5 GB) once.
 *
 *     npm run build && node dist/bench/lake-spark.js
 */
import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { avro, type AvroCodec } from "../nodes/lib/formats/avro";
import type { ParquetCodec } from "../nodes/lib/formats/parquet/messages";
import { parquet } from "../nodes/lib/formats/parquet/parquet";
import { ParquetThread } from "../nodes/lib/formats/parquet/thread";
import type { RecordFormat } from "../nodes/lib/formats/record-format";
import { parseSchema } from "../nodes/lib/formats/schema/parse";
import { expected, records, schema } from "../test/lib/formats/records";
import { writeFiles } from "../test/lib/formats/write-files";
import { ROOT } from "../tools/editor/nodes";
import { temporaryFolder } from "../tools/services/guard";
import { run } from "../tools/services/programs";
import { spark } from "../tools/services/spark";

const MANY = 120_000;

async function main(): Promise<void> {
  const { version, python, env } = await spark();
  const folder = temporaryFolder("lake-spark");
  const thread = new ParquetThread();
  // The Parquet thread alone keeps no process running.
  const awake = setInterval(() => undefined, 60_000);
  const type = parseSchema(schema);
  const formats: readonly [string, RecordFormat][] = [
    ...(["none", "deflate", "snappy", "zstd"] as const).map((codec: AvroCodec) => [`Avro ${codec}`, avro(type, codec)]),
    ...(["none", "snappy", "gzip", "zstd"] as const).map((codec: ParquetCodec) => [
      `Parquet ${codec}`,
      parquet(type, codec, thread),
    ]),
  ] as [string, RecordFormat][];
  const big: readonly [string, RecordFormat][] = [
    ["Avro deflate", avro(undefined, "deflate")],
    ["Parquet snappy", parquet(undefined, "snappy", thread)],
  ];
  const row = (id: number) => ({ id, even: id % 2 === 0 ? true : null, site: `관측소-${id % 9}` });
  const cases: { title: string; file: string; rows: readonly object[] }[] = [];
  const store = async (title: string, format: RecordFormat, from: readonly object[], rows: readonly object[]) => {
    const own = path.join(folder, String(cases.length));
    mkdirSync(own);
    const [written] = await writeFiles(format, from, own);
    cases.push({ title, file: written?.file ?? "", rows });
  };
  try {
    for (const [title, format] of formats) await store(title, format, records, expected);
    const many = Array.from({ length: MANY }, (_, id) => row(id));
    for (const [title, format] of big) await store(`${title}, ${MANY} rows`, format, many, many);
    const files = cases.map(({ file }) => file);
    const answer = await run(python, [path.join(ROOT, "test/fixtures/read-lake.py"), "spark", ...files], {
      env: { ...env, PYTHONIOENCODING: "utf-8" },
    });
    // Before it Spark says a good deal about itself.
    const found = JSON.parse(answer.trimEnd().split("\n").at(-1) ?? "") as object[][];
    let wrong = 0;
    for (const [at, { title, rows }] of cases.entries()) {
      const read = found[at] ?? [];
      const unlike = rows.findIndex((expectedRow, index) => !isDeepStrictEqual(read[index], expectedRow));
      const same = unlike < 0 && read.length === rows.length;
      if (!same) wrong++;
      console.log(`${same ? "same     " : "DIFFERENT"} ${title}: ${read.length} rows read by Spark ${version}`);
      if (!same)
        console.log(`    row ${unlike}: ${JSON.stringify(read[unlike])}\n    not: ${JSON.stringify(rows[unlike])}`);
    }
    process.exitCode = wrong > 0 ? 1 : 0;
  } finally {
    await thread.end();
    clearInterval(awake);
    rmSync(folder, { recursive: true, force: true });
  }
}

void main();
