/**
 * What windows cost: 1,000,000 records of 10,000 keys into windows of 60 s of event time, each with count, mean, lowest and
 * highest of one field. window-batcher without the ledger, under it, and with its records on disk, beside a Map in a function node, and beside Bento.
 * All read the same file of batches of 500 and parse it; "source alone" is that and nothing else. Each has a process of
 * its own, in one run, by turns.
 *
 * Bento's windows end by the system's clock, by event time too, so its records are of the next minutes, and it waits for them:
 * each of its turns takes [minutes] and a half. Only its CPU time can be compared.
 *
 *     npm run build && node dist/bench/windows.js [rounds] [records] [keys] [minutes]
 */
import { fork } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { startBento } from "./bento-process";
import { cpuOf, needLinux, peakOf } from "./process-meter";
import type { Ours } from "./windows-contender";
import { type Counted, SIZE, writeBatches } from "./windows-rate-data";

const [rounds = 3, records = 1_000_000, keys = 10_000, minutes = 2] = process.argv.slice(2).map(Number);
const CONTENDERS = ["source alone", "batcher", "batcher, tracked", "batcher, on disk", "function", "bento"] as const;
type Contender = (typeof CONTENDERS)[number];

interface Result extends Counted {
  readonly cpu: number;
  readonly seconds: number;
  /** MB, highest. */
  readonly rss: number;
}

const inNodeRed = (contender: Ours, file: string, from: number): Promise<Result> =>
  new Promise((resolve, reject) => {
    const child = fork(path.join(__dirname, "windows-contender.js"), [contender, file, `${from}`, `${records}`], {
      execArgv: ["--max-old-space-size=4096"],
    });
    child.once("message", (measured) => resolve(measured as Result));
    child.once("exit", (code) => reject(new Error(`${contender} ended with ${code} before it was measured`)));
  });

/** Windows that have arrived as lines of JSON. */
const countedIn = (file: string): Counted => {
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
  const windows = lines.map((line) => JSON.parse(line) as { count: number });
  return { windows: windows.length, records: windows.reduce((sum, { count }) => sum + count, 0) };
};

/** Of the batch that a key's records of a window are; its first becomes the window. */
const AGGREGATE = `root = if batch_index() == 0 {
  {
    "key": this.key,
    "end": metadata("window_end_timestamp"),
    "count": batch_size(),
    "mean": json("payload.temp").from_all().sum() / batch_size(),
    "min": json("payload.temp").from_all().min(),
    "max": json("payload.temp").from_all().max(),
  }
} else { deleted() }`;

async function inBento(folder: string, file: string, from: number): Promise<Result> {
  const out = path.join(folder, "windows.ndjson");
  rmSync(out, { force: true });
  const bento = await startBento(folder, {
    input: {
      // An input that ended would have it throw open windows away: this one stays open.
      stdin: { scanner: { lines: { max_buffer_size: 1_000_000 } } },
      processors: [{ unarchive: { format: "json_array" } }],
    },
    buffer: { system_window: { timestamp_mapping: "root = this.timestamp / 1000", size: `${SIZE / 1000}s` } },
    pipeline: {
      processors: [{ group_by_value: { value: '${! json("key") }' } }, { mapping: AGGREGATE }],
    },
    output: { file: { path: out, codec: "lines" } },
  });
  await delay(2000);
  const [before, begun] = [cpuOf(bento.pid), performance.now()];
  createReadStream(file, { highWaterMark: 1 << 20 }).pipe(bento.child.stdin as NodeJS.WritableStream, { end: false });
  // What has not come a while after the last window's end does not come.
  const last = from + minutes * SIZE + 20_000;
  const over = (): boolean => Date.now() > last && cpuIsIdle(bento.pid);
  let counted = countedIn(out);
  while (counted.records < records && !over()) {
    await delay(1000);
    if (Date.now() > from + SIZE) counted = countedIn(out);
  }
  const result = {
    ...counted,
    cpu: cpuOf(bento.pid) - before,
    seconds: (performance.now() - begun) / 1000,
    rss: peakOf(bento.pid),
  };
  await bento.stop();
  return result;
}

let seen = 0;
/** Whether the process has done nothing since this was last asked. */
function cpuIsIdle(pid: number): boolean {
  const now = cpuOf(pid);
  const idle = now - seen < 0.05;
  seen = now;
  return idle;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

async function main(): Promise<void> {
  needLinux();
  const folder = mkdtempSync(path.join(tmpdir(), "citystream-bench-"));
  const file = path.join(folder, "batches");
  const results = new Map<Contender, Result[]>(CONTENDERS.map((contender) => [contender, []]));
  let made: Counted = { windows: 0, records: 0 };
  for (let round = 0; round < rounds; round++)
    for (const contender of CONTENDERS.toSorted(() => Math.random() - 0.5)) {
      const from = Math.ceil(Date.now() / SIZE) * SIZE;
      made = writeBatches(file, from, records, keys, minutes);
      const measured = await (contender === "bento" ? inBento(folder, file, from) : inNodeRed(contender, file, from));
      results.get(contender)?.push(measured);
      console.error(`round ${round + 1} ${contender}: ${measured.cpu.toFixed(2)} CPU s, ${measured.windows} windows`);
    }
  rmSync(folder, { recursive: true, force: true });
  const of = (contender: Contender, key: keyof Result): number =>
    median((results.get(contender) ?? []).map((result) => result[key]));
  console.log(
    `${records} records in ${made.windows} windows of ${keys} keys, ${minutes} minutes, ${process.version}, median of ${rounds}`,
  );
  console.log(
    "contender          records/CPU s   without source   × bento   RSS MB   windows   records in them   dropped",
  );
  for (const contender of CONTENDERS) {
    const rate = records / of(contender, "cpu");
    const own = records / (of(contender, "cpu") - of("source alone", "cpu"));
    const counted = of(contender, "records");
    console.log(
      [
        contender.padEnd(18),
        Math.round(rate).toLocaleString("en").padStart(13),
        (contender === "source alone" || contender === "bento" ? "–" : Math.round(own).toLocaleString("en")).padStart(
          16,
        ),
        (rate / (records / of("bento", "cpu"))).toFixed(2).padStart(9),
        Math.round(of(contender, "rss")).toString().padStart(8),
        of(contender, "windows").toString().padStart(9),
        counted.toString().padStart(17),
        (contender === "source alone" ? "–" : String(records - counted)).padStart(9),
      ].join(" "),
    );
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
