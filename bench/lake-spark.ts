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
import { printed } from "../test/lib/lake/read-back";
import { temporaryFolder } from "../tools/services/guard";
import { spark } from "../tools/services/spark";

const AVRO: readonly AvroCodec[] = ["none", "deflate", "snappy", "zstd"];
const PARQUET: readonly ParquetCodec[] = ["none", "snappy", "gzip", "zstd"];

interface Case {
  readonly title: string;
  readonly format: RecordFormat;
  readonly records: readonly object[];
  /** What Spark must find. */
  readonly rows: readonly object[];
}

function casesOf(thread: ParquetThread): Case[] {
  const type = parseSchema(schema);
  const given = { records, rows: expected };
  const many = Array.from({ length: 120_000 }, (_, id) => ({
    id,
    even: id % 2 === 0 ? true : null,
    site: `관측소-${id % 9}`,
  }));
  const learned = { records: many, rows: many };
  return [
    ...AVRO.map((codec) => ({ title: `Avro ${codec}`, format: avro(type, codec), ...given })),
    ...PARQUET.map((codec) => ({ title: `Parquet ${codec}`, format: parquet(type, codec, thread), ...given })),
    { title: "Avro deflate", format: avro(undefined, "deflate"), ...learned },
    { title: "Parquet snappy", format: parquet(undefined, "snappy", thread), ...learned },
  ];
}

async function main(): Promise<void> {
  const { version, python, env } = await spark();
  const folder = temporaryFolder("lake-spark");
  const thread = new ParquetThread();
  // The Parquet thread alone keeps no process running.
  const awake = setInterval(() => undefined, 60_000);
  try {
    const cases = casesOf(thread);
    const files: string[] = [];
    for (const [at, { format, records: own }] of cases.entries()) {
      const place = path.join(folder, String(at));
      mkdirSync(place);
      for (const { file } of await writeFiles(format, own, place)) files.push(file);
    }
    if (files.length !== cases.length) throw new Error(`${files.length} files were written for ${cases.length} cases`);
    // Before the line with the rows Spark says a good deal about itself.
    const line = (await printed(python, "spark", files, env)).trimEnd().split("\n").at(-1) ?? "";
    const found = JSON.parse(line) as object[][];
    for (const [at, { title, rows }] of cases.entries()) {
      const read = found[at] ?? [];
      const unlike = Array.from({ length: Math.max(read.length, rows.length) }, (_, row) => row).find(
        (row) => !isDeepStrictEqual(read[row], rows[row]),
      );
      console.log(
        `${unlike === undefined ? "same     " : "DIFFERENT"} ${title}: ${read.length} rows read by Spark ${version}`,
      );
      if (unlike === undefined) continue;
      process.exitCode = 1;
      console.log(`    row ${unlike}: ${JSON.stringify(read[unlike])}\n    not: ${JSON.stringify(rows[unlike])}`);
    }
  } finally {
    await thread.end();
    clearInterval(awake);
    rmSync(folder, { recursive: true, force: true });
  }
}

void main();
