/** What bench/lake-sink.ts stores, and an observer that counts what arrived. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { readers } from "../tools/services";
import { parquetMetadataAsync } from "../vendor/parquet-read";
import { fillTopic } from "./fill-topic";

export const PARTITIONS = 4;
/** Records of a file. Those of a partition are a multiple of it, so that nobody waits for a file to become old. */
export const ROTATION = 10_000;
export const BYTES = 100;

/** A reading of exactly 100 bytes of JSON, numbered through the topic. */
export const reading = (n: number): string => {
  const noise = Math.imul(n + 1, 2_654_435_761) >>> 0;
  const pm25 = (noise % 9000) / 100 + 0.005;
  const open = `{"n":${n},"site":"site-${noise % 997}","at":${1_767_225_600_000 + n * 10},"pm25":${pm25.toFixed(3)},"note":"`;
  const hex = noise.toString(16).padStart(8, "0");
  return `${open}${hex.repeat(8).slice(0, BYTES - open.length - 2)}"}`;
};

const COLUMNS = { n: "long", site: "string", at: "long", pm25: "double", note: "string" } as const;
const BENTO_TYPES = { long: "INT64", string: "UTF8", double: "DOUBLE" } as const;
export const avroSchema = {
  type: "record",
  name: "Reading",
  fields: Object.entries(COLUMNS).map(([name, type]) => ({ name, type })),
};
export const bentoSchema = Object.entries(COLUMNS).map(([name, type]) => ({ name, type: BENTO_TYPES[type] }));

export const fill = (brokers: string, topic: string, records: number): Promise<void> =>
  fillTopic(brokers, topic, PARTITIONS, records, (n) => Buffer.from(reading(n)));

export interface Arrived {
  readonly rows: number;
  /** Records that are there at least once. */
  readonly distinct: number;
}

/** Files that a reader of the folder would take: nothing of a writer's own. */
export const filesIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && !/^[_.+]/u.test(entry.name))
    .map((entry) => path.join(folder, entry.name));

const rowsIn = async (file: string): Promise<number> => {
  const { buffer, byteOffset, length } = readFileSync(file);
  const whole = buffer.slice(byteOffset, byteOffset + length);
  try {
    return Number((await parquetMetadataAsync(whole)).num_rows);
  } catch {
    // it is being written
    return 0;
  }
};

/** Counts the rows of a folder's Parquet files by what their ends say, each looked at until it is whole. */
export const rowCounter = (folder: string): (() => Promise<number>) => {
  const known = new Map<string, number>();
  return async () => {
    for (const file of filesIn(folder)) {
      const rows = known.get(file) ?? (await rowsIn(file));
      if (rows > 0) known.set(file, rows);
    }
    return [...known.values()].reduce((sum, rows) => sum + rows, 0);
  };
};

export const linesArrived = (folder: string, records: number): Arrived => {
  const seen = new Uint8Array(records);
  let rows = 0;
  for (const file of filesIn(folder))
    for (const line of readFileSync(file, "utf8").split("\n")) {
      if (line === "") continue;
      rows++;
      seen[(JSON.parse(line) as { n: number }).n] = 1;
    }
  return { rows, distinct: seen.reduce((sum, one) => sum + one, 0) };
};

/** pyarrow knows neither of the two that wrote. */
export const rowsArrived = async (folder: string): Promise<Arrived> => {
  const script = `
import sys, pyarrow as pa, pyarrow.parquet as pq
n = pa.chunked_array([c for f in sys.stdin.read().split("\\n") for c in pq.ParquetFile(f).read(["n"])["n"].chunks])
print(len(n), len(n.unique()))`;
  const answer = execFileSync(await readers(), ["-c", script], { input: filesIn(folder).join("\n"), encoding: "utf8" });
  const [rows = NaN, distinct = NaN] = answer.trim().split(" ").map(Number);
  return { rows, distinct };
};
