/** Reads lake files with pyarrow, DuckDB and fastavro, which know nothing of the pack. */
import type { Context } from "mocha";
import path from "node:path";
import { ROOT } from "../../../tools/editor/nodes";
import { readers } from "../../../tools/services";
import { MissingProgram, run } from "../../../tools/services/programs";

export type Reader = "pyarrow" | "duckdb" | "fastavro";

/** Rows as `test/fixtures/read-lake.py` says. */
export type Row = Record<string, unknown>;
export interface ReadBack {
  (
    reader: Reader | "texts" | "chunks" | "rewrite" | "compressed" | "write-avro" | "write-parquet",
    files: readonly string[],
  ): Promise<Row[][]>;
}

/**
 * What `test/fixtures/read-lake.py` prints of files: the rows of each, as one line of JSON.
 *
 * @param python one that has the reader
 */
export const printed = (
  python: string,
  reader: string,
  files: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> =>
  run(python, [path.join(ROOT, "test/fixtures/read-lake.py"), reader, ...files], {
    env: { ...env, PYTHONIOENCODING: "utf-8" },
  });

/** The readers; where this machine can't have them the test is skipped, or fails with `CI=true`. */
export async function readBack(context: Context): Promise<ReadBack> {
  // the first time on a machine they are fetched
  context.timeout(600_000);
  let python: string;
  try {
    python = await readers();
  } catch (error) {
    if (!(error instanceof MissingProgram) || process.env["CI"] === "true") throw error;
    console.warn(`      skipped: ${error.message}`);
    return context.skip();
  }
  return async (reader, files) => JSON.parse(await printed(python, reader, files)) as Row[][];
}
