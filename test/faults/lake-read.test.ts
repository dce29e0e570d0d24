/**
 * Node-RED killed with -9 while `lake read` brings a folder of files of all formats into files of another lake, judged by
 * an observer that knows only the numbers that were written, and reads what is stored and what the position file says.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { avro } from "../../nodes/lib/formats/avro";
import { csv } from "../../nodes/lib/formats/csv";
import { ndjson } from "../../nodes/lib/formats/ndjson";
import { packings } from "../../nodes/lib/formats/packing";
import { parquet } from "../../nodes/lib/formats/parquet/parquet";
import { ParquetThread } from "../../nodes/lib/formats/parquet/thread";
import type { RecordFormat } from "../../nodes/lib/formats/record-format";
import { textFile } from "../../nodes/lib/formats/text-file";
import { startChild, type NodeRedChild } from "../harness/child";
import { linesIn } from "../harness/lines";
import { flowOf, until } from "../harness";
import { written } from "../lib/formats/written";
import { temporaryFolder } from "../lib/lake/stores";

/** Records of a file. */
const EACH = 2_000;
const SPAN = 400;
const KILLS = 2;

/** The numbers that a position file says are finished. */
function finishedIn(file: string): Set<number> {
  const finished = new Set<number>();
  if (!existsSync(file)) return finished;
  const { files } = JSON.parse(readFileSync(file, "utf8")) as { files: Record<string, { line: number }> };
  for (const [name, { line }] of Object.entries(files)) {
    const rows = line - 1 - (name.includes(".csv") ? 1 : 0);
    for (let n = 0; n < rows; n++) finished.add(Number(name.split(".")[0]) * EACH + n);
  }
  return finished;
}

describe("lake read, killed with -9 in the middle of files of all formats", () => {
  let folder: string;
  let thread: ParquetThread;
  let child: NodeRedChild | undefined;
  beforeEach(() => {
    folder = temporaryFolder();
    thread = new ParquetThread();
  });
  afterEach(async () => {
    await child?.kill9();
    await thread.end();
  });

  const formats = (): RecordFormat[] => [
    textFile(ndjson),
    textFile(csv(), packings.gzip),
    textFile(ndjson, packings.zstd),
    textFile(ndjson, packings.snappy),
    avro(undefined, "deflate"),
    avro(undefined, "zstd"),
    parquet(undefined, "snappy", thread),
    parquet(undefined, "zstd", thread),
  ];

  for (const mode of ["record", "batch"] as const)
    it(`brings every record, and again only what was not finished (${mode} mode)`, async function killed() {
      this.timeout(300_000);
      const lake = path.join(folder, "lake");
      mkdirSync(lake);
      let count = 0;
      for (const [at, format] of formats().entries()) {
        const from = count;
        const [file] = await written(
          format,
          Array.from({ length: EACH }, (_, n) => ({ n: from + n, site: `관측소-${n % 9}`, value: n / 4 })),
        );
        renameSync(file?.file ?? "", path.join(lake, `${at}${format.extension}`));
        count += EACH;
      }
      const flow = flowOf(
        { id: "lake", type: "citystream-lake", address: `file://${lake}`, timeout: 5 },
        { id: "store", type: "citystream-lake", address: `file://${path.join(folder, "stored")}`, timeout: 5 },
        {
          id: "in",
          type: "citystream-lake-read",
          lake: "lake",
          mode,
          batch: 50,
          spanRecords: SPAN,
          positionFile: path.join(folder, "position.json"),
          deadLetterFolder: path.join(folder, "letters"),
          wires: [["out"], []],
        },
        {
          id: "out",
          type: "citystream-hdfs-sink",
          lake: "store",
          directory: "all",
          rotateRecords: 100,
          rotateIdle: 0.2,
          wires: [[]],
        },
      );
      const flowFile = path.join(folder, "flow.json");
      writeFileSync(flowFile, JSON.stringify(flow));
      const userDir = path.join(folder, "user");
      mkdirSync(userDir);
      const stored = (): number[] =>
        linesIn(path.join(folder, "stored", "all")).map((line) => (JSON.parse(line) as { n: number }).n);
      let mayRepeat = 0;
      for (let kill = 1; kill <= KILLS; kill++) {
        child = await startChild({ userDir, flowFile });
        const goal = (count * kill) / (KILLS + 1);
        await until(`${goal} of ${count} are stored`, () => stored().length >= goal, 120_000);
        await child.kill9();
        const known = new Set(stored());
        assert.ok(known.size < count, "it was killed in the middle");
        const finished = finishedIn(path.join(folder, "position.json"));
        assert.deepEqual(
          [...finished].filter((n) => !known.has(n)),
          [],
          "what counts as finished is stored",
        );
        mayRepeat += [...known].filter((n) => !finished.has(n)).length;
      }
      child = await startChild({ userDir, flowFile });
      await until("all are stored", () => new Set(stored()).size >= count, 120_000);
      const found = stored();
      const distinct = new Set(found);
      const missing = Array.from({ length: count }, (_, n) => n).filter((n) => !distinct.has(n));
      const repeated = found.length - distinct.size;
      console.log(
        `      ${count} records, ${KILLS} kills: ${missing.length} missing, ${repeated} repeated, of ${mayRepeat} that were stored and not yet known to be finished`,
      );
      assert.deepEqual([missing.length, distinct.size], [0, count]);
      assert.ok(
        repeated <= mayRepeat,
        `${repeated} records came again, where ${mayRepeat} were not known to be finished`,
      );
    });
});
