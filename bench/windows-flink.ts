/**
 * Apache Flink judges window-batcher: the same records must be in the same windows, tumbling, hopping and sessions.
 *
 * - within the disorder: nothing is late, and the windows are Flink's, whose watermark waits an hour for everything;
 * - with late records: Flink gets all of them with the watermark after each, and itself leaves out what is late. The
 *   watermarks and what is late are an oracle's (windows-oracle.ts); windows and late records together are all records;
 * - a thousand records of years ago by the machine's clock: none is left out;
 * - the same records in other orders within the disorder: the same messages, byte for byte.
 *
 * Needs Java 17 and Python 3.9 to 3.12; fetches Flink (0.8 GB) once.
 *
 *     npm run build && node dist/bench/windows-flink.js [records] [shuffles] [records of a shuffle]
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { flink } from "../tools/services/flink";
import { guard, temporaryFolder } from "../tools/services/guard";
import { batchesOf, keyName, shuffled, streamOf, type Stream } from "./windows-data";
import { nodeRed, type Found, type NodeRed } from "./windows-node";
import { expectedOf, watermarksOf, type Expected, type Kind } from "./windows-oracle";

const KINDS: readonly Kind[] = [
  { name: "tumbling", by: "event", size: 60_000, hop: 60_000, gap: 10_000 },
  { name: "hopping", by: "event", size: 60_000, hop: 15_000, gap: 10_000 },
  { name: "session", by: "session", size: 60_000, hop: 60_000, gap: 10_000 },
];

/** Years ago, and the first of them across 1970, where times change their sign. Flink reads no watermark below 0. */
const STREAMS = [
  { name: "within the disorder", from: Date.UTC(1969, 11, 31, 23, 30), late: 0, seed: 1 },
  { name: "with late records", from: Date.UTC(2016, 0, 1), late: 0.05, seed: 2 },
] as const;

interface Job extends Kind {
  readonly input: string;
  readonly output: string;
  readonly watermark: string;
  readonly parallelism: number;
}

let wrong = 0;

function say(ok: boolean, text: string): void {
  if (!ok) wrong++;
  console.log(`${ok ? "same     " : "DIFFERENT"} ${text}`);
}

/** Whether both have the same lines, whatever their order; says which differ. */
function compare(what: string, ours: readonly string[], others: readonly string[]): void {
  const count = new Map<string, number>();
  for (const line of ours) count.set(line, (count.get(line) ?? 0) + 1);
  for (const line of others) count.set(line, (count.get(line) ?? 0) - 1);
  const differing = [...count].filter(([, n]) => n !== 0).sort(([a], [b]) => (a < b ? -1 : 1));
  say(differing.length === 0, `${what}: ${ours.length} windows and ${others.length}, ${differing.length} lines differ`);
  for (const [line, n] of differing.slice(0, 6)) console.log(`    only ${n > 0 ? "ours" : "theirs"}: ${line}`);
}

function compareWithOracle(what: string, found: Found, expected: Expected, records: number): void {
  compare(`${what}, oracle`, found.windows, expected.windows);
  const unlike = [...new Set([...found.late, ...expected.late])].filter(
    (id) => found.late.has(id) !== expected.late.has(id),
  ).length;
  say(
    unlike === 0 && found.held + found.late.size === records,
    `${what}, late: ${found.held} in windows + ${found.late.size} late = ${records}; ${expected.partly} in some of their windows only; ${unlike} judged otherwise`,
  );
  const reasons = [...found.reasons].join(", ");
  say(found.disordered === 0, `${what}, order: ${found.disordered} records out of theirs`);
  say(reasons === "time", `${what}, reason: ${reasons}`);
}

/** The records for Flink, in the order in which they come, with the watermark after each. */
function write(folder: string, stream: Stream, watermarks: Float64Array, files: number): void {
  mkdirSync(folder, { recursive: true });
  const { time, value, hashes, key } = stream;
  const none = (time[0] as number) - 86_400_000;
  let place = 0;
  let batch = 0;
  for (const { ids } of batchesOf(stream)) {
    const lines = Array.from(ids, (id) => {
      const after = watermarks[Math.min(++place, watermarks.length - 1)] as number;
      const watermark = after === -Infinity ? none : after;
      return [id, keyName(key[id] as number), time[id], value[id], hashes[0][id], hashes[1][id], watermark].join(",");
    });
    appendFileSync(path.join(folder, `${batch++ % files}.csv`), `${lines.join("\n")}\n`);
  }
}

/** The lines of Flink's windows, as ours are written. */
function read(folder: string): string[] {
  const ms = (written = ""): number => Date.parse(`${written.replace(" ", "T")}Z`);
  return readdirSync(folder)
    .filter((file) => file.startsWith("part-"))
    .flatMap((file) => readFileSync(path.join(folder, file), "utf8").trimEnd().split("\n"))
    .map((line) => {
      const [key, start, end, ...content] = line.replaceAll('"', "").split(",");
      return [key, ms(start), ms(end), ...content].join(",");
    });
}

async function judge(node: NodeRed, records: number, folder: string): Promise<void> {
  const jobs: Job[] = [];
  const windows: { name: string; lines: string[]; output: string }[] = [];
  for (const { name, ...options } of STREAMS) {
    const stream = streamOf({ records, ...options });
    const watermarks = watermarksOf(stream);
    const judged = options.late > 0;
    const input = path.join(folder, judged ? "judged" : "wide");
    write(input, stream, watermarks, judged ? 1 : 2);
    for (const kind of KINDS) {
      const what = `${name}, ${kind.name}`;
      const found = await node.windows(stream, kind, "stream");
      console.log(`${what}: ${found.windows.length} windows by window-batcher in ${found.seconds.toFixed(1)} s`);
      compareWithOracle(what, found, expectedOf(stream, watermarks, kind), records);
      const output = path.join(folder, `${path.basename(input)}-${kind.name}`);
      windows.push({ name: what, lines: found.windows, output });
      // Flink's watermark says that nothing as old as it comes any more, ours that nothing older does: one ms less. And
      // our sessions wait for a record at their very end: another.
      const before = kind.by === "session" ? 2 : 1;
      jobs.push({
        ...kind,
        name: what,
        input: pathToFileURL(input).href,
        output: pathToFileURL(output).href,
        watermark: judged ? `TO_TIMESTAMP_LTZ(wm - ${before}, 3)` : "rt - INTERVAL '1' HOUR",
        parallelism: judged ? 1 : 2,
      });
    }
  }
  const { python, env, version } = await flink();
  const file = path.join(folder, "jobs.json");
  writeFileSync(file, JSON.stringify(jobs));
  await ask(python, file, env, (line) => {
    const { name, seconds } = JSON.parse(line) as { name: string; seconds: number };
    console.log(`${name}: by Flink ${version} in ${seconds} s`);
  });
  for (const { name, lines, output } of windows) compare(`${name}, Flink`, lines, read(output));
}

/** Runs Flink over the jobs. It ends with this process, and with it its Java, which reads from Python's pipe. */
async function ask(python: string, jobs: string, env: object, told: (line: string) => void): Promise<void> {
  const script = path.join(__dirname, "../../bench/windows_flink.py");
  const child = spawn(python, [script, jobs], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  guard(child);
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors = (errors + text).slice(-5000)));
  createInterface(child.stdout).on("line", (line) => line.startsWith("{") && told(line));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`Flink ended with ${code}:\n${errors}`);
}

/** Bento's windows by the system clock leave such records out. */
async function history(node: NodeRed): Promise<void> {
  const stream = streamOf({ records: 1000, seed: 3, from: Date.UTC(2016, 0, 1), late: 0 });
  for (const kind of KINDS) {
    const { held, late } = await node.windows(stream, kind, "machine");
    say(held === 1000 && late.size === 0, `1000 records of 2016, ${kind.name}: ${held} in windows, ${late.size} late`);
  }
}

async function shuffle(node: NodeRed, shuffles: number, records: number): Promise<void> {
  const stream = streamOf({ records, seed: 4, from: Date.UTC(2016, 0, 1), late: 0 });
  for (const kind of KINDS) {
    const { bytes, windows } = await node.windows(stream, kind, "stream");
    let unlike = 0;
    for (let seed = 100; seed < 100 + shuffles; seed++) {
      const again = await node.windows(shuffled(stream, seed), kind, "stream");
      if (again.windows.length !== windows.length) unlike++;
      for (const name of new Set([...bytes.keys(), ...again.bytes.keys()]))
        if (bytes.get(name) !== again.bytes.get(name)) unlike++;
    }
    say(unlike === 0, `${shuffles} shuffles of ${records}, ${kind.name}: ${bytes.size} messages, ${unlike} unlike`);
  }
}

async function main(records: number, shuffles: number, ofShuffle: number): Promise<void> {
  const folder = temporaryFolder("windows-flink");
  const node = await nodeRed();
  try {
    await history(node);
    await shuffle(node, shuffles, ofShuffle);
    await judge(node, records, folder);
  } finally {
    await node.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(wrong === 0 ? "all the same" : `${wrong} comparisons differ`);
  process.exitCode = wrong === 0 ? 0 : 1;
}

const [all = 1_000_000, shuffles = 10, ofShuffle = 100_000] = process.argv.slice(2).map(Number);
void main(all, shuffles, Math.min(ofShuffle, all));
