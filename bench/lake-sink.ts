/**
 * What the way from Kafka into a lake folder costs: 1,000,000 records of 100 bytes through kafka-in → hdfs-sink, each stored
 * exactly once, beside Bento, which stores them at least once. As NDJSON and as Parquet (Snappy), files of 10,000 records.
 * Each in a process of its own, in one run, by turns; measured from outside, from the moment in which the consumer group
 * has its partitions to the one in which all files are there. Then an observer counts what they hold.
 *
 *     npm run build && node dist/bench/lake-sink.js [rounds] [records] [contender, …]
 */
import { fork } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Kafka, logLevel, type Admin } from "kafkajs";
import { service } from "../tools/services";
import { startBento } from "./bento-process";
import * as data from "./lake-sink-data";
import { cpuOf, needLinux, peakOf } from "./process-meter";

const { PARTITIONS, ROTATION, BYTES } = data;
const rounds = Number(process.argv[2] ?? 3);
const WHOLE = PARTITIONS * ROTATION;
const records = Math.max(1, Math.round(Number(process.argv[3] ?? 1_000_000) / WHOLE)) * WHOLE;

type Format = "ndjson" | "parquet";
interface Contender {
  readonly format: Format;
  /** Of kafka-in; none for Bento. */
  readonly value?: "json" | "bytes";
  /** Bento's processors of a batch. */
  readonly processors?: readonly object[];
}
const lines = { archive: { format: "lines" } };
const encode = { parquet_encode: { schema: data.bentoSchema, default_compression: "snappy" } };
const CONTENDERS: Readonly<Record<string, Contender>> = {
  "ndjson, sink": { format: "ndjson", value: "json" },
  // The sink checks that bytes are JSON, and writes them as they are.
  "ndjson, sink, bytes": { format: "ndjson", value: "bytes" },
  // Its quickest way: a batch is one write, and nobody looks at a record.
  "ndjson, bento": { format: "ndjson", processors: [lines] },
  // The same work as ours: what is no JSON does not get into the file.
  "ndjson, bento, JSON": { format: "ndjson", processors: [{ mapping: "root = this" }, lines] },
  // As its documentation begins: a write a record.
  "ndjson, bento, plain": { format: "ndjson", processors: [] },
  "parquet, sink": { format: "parquet", value: "json" },
  "parquet, bento": { format: "parquet", processors: [encode] },
};

interface Result {
  /** Records a second. */
  readonly rate: number;
  /** CPU seconds a million records. */
  readonly cpu: number;
  readonly rss: number;
  /** Event loop's delay in ms; NaN where there is none. */
  readonly loopP99: number;
  readonly arrived: data.Arrived;
}

/** A contender that runs. */
interface Running {
  readonly pid: number;
  /** The group has its partitions. */
  begin(): void;
  /** Ends it; resolves with the event loop's delay. */
  stop(): Promise<number>;
}

interface Task {
  readonly brokers: string;
  readonly topic: string;
  readonly group: string;
  /** The lake's folder. */
  readonly lake: string;
  /** Where records arrive. */
  readonly folder: string;
}

const ours = ({ value, format }: Contender, { brokers, topic, group, lake }: Task): Running => {
  const settings = [brokers, topic, group, lake, value ?? "", format];
  const child = fork(path.join(__dirname, "lake-sink-contender.js"), settings, {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  return {
    pid: child.pid ?? NaN,
    begin: () => void child.send("begin"),
    stop: () =>
      new Promise((resolve, reject) => {
        let loopP99 = NaN;
        child.once("message", (message) => (loopP99 = message as number));
        child.once("exit", (code) => (code === 0 ? resolve(loopP99) : reject(new Error(`it ended with code ${code}`))));
        child.send("end");
      }),
  };
};

const theirs = async ({ processors, format }: Contender, task: Task): Promise<Running> => {
  const file =
    format === "ndjson"
      ? { path: path.join(task.folder, "readings.ndjson"), codec: "lines" }
      : { path: path.join(task.folder, "${! uuid_v4() }.parquet"), codec: "all-bytes" };
  const batching = { count: format === "ndjson" ? 5000 : ROTATION, period: "10s" };
  const bento = await startBento(task.lake, {
    input: {
      kafka_franz: {
        seed_brokers: [task.brokers],
        topics: [task.topic],
        consumer_group: task.group,
        // By default a batch is cut at 1024, and only so many are under way.
        checkpoint_limit: 4 * ROTATION,
        // As often as kafka-in commits.
        commit_period: "1s",
        batching,
      },
    },
    pipeline: { processors },
    output: { file },
  });
  return { pid: bento.pid, begin: () => undefined, stop: () => bento.stop().then(() => NaN) };
};

const until = async (what: string, condition: () => boolean | Promise<boolean>): Promise<void> => {
  const since = performance.now();
  while (!(await condition())) {
    if (performance.now() - since > 300_000) throw new Error(`waited 300 s for ${what}`);
    await delay(20);
  }
};

const run = async (contender: Contender, brokers: string, topic: string, admin: Admin): Promise<Result> => {
  const lake = mkdtempSync(path.join(tmpdir(), "citystream-bench-"));
  const folder = path.join(lake, "readings");
  mkdirSync(folder);
  const task = { brokers, topic, group: path.basename(lake), lake, folder };
  const running = contender.value ? ours(contender, task) : await theirs(contender, task);
  await until("the group to have its partitions", async () => {
    const { groups } = await admin.describeGroups([task.group]);
    return groups[0]?.state === "Stable";
  });
  running.begin();
  const [start, cpu] = [performance.now(), cpuOf(running.pid)];
  const rows = data.rowCounter(folder);
  await until("all records", async () => {
    // A file can have been published before it was full.
    if (contender.format === "parquet") return (await rows()) >= records;
    return data.filesIn(folder).reduce((sum, file) => sum + statSync(file).size, 0) >= records * (BYTES + 1);
  });
  const [seconds, spent, rss] = [(performance.now() - start) / 1000, cpuOf(running.pid) - cpu, peakOf(running.pid)];
  const loopP99 = await running.stop();
  const arrived = contender.format === "ndjson" ? data.linesArrived(folder, records) : await data.rowsArrived(folder);
  rmSync(lake, { recursive: true, force: true });
  return { rate: records / seconds, cpu: (spent / records) * 1e6, rss, loopP99, arrived };
};

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

const main = async (): Promise<void> => {
  needLinux();
  const names = process.argv.length > 4 ? process.argv.slice(4) : Object.keys(CONTENDERS);
  const { brokers } = await service("kafka");
  const topic = `bench-${Date.now()}`;
  await data.fill(brokers, topic, records);
  const admin = new Kafka({ brokers: [brokers], clientId: "bench", logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const all = new Map<string, Result[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++)
    // A machine that others use is quick and slow by turns: nobody always comes after the same one.
    for (const name of names.toSorted(() => Math.random() - 0.5)) {
      const contender = CONTENDERS[name];
      if (!contender) throw new Error(`there is no "${name}", only ${Object.keys(CONTENDERS).join("; ")}`);
      const result = await run(contender, brokers, topic, admin);
      all.get(name)?.push(result);
      console.error(
        `round ${round + 1} ${name}: ${Math.round(result.rate)}/s, ${result.cpu.toFixed(1)} CPU s a million`,
      );
    }
  console.log(
    `${records} records of ${BYTES} bytes, ${PARTITIONS} partitions, ${process.version}, median of ${rounds}`,
  );
  console.log("contender             records/s   × bento   CPU s/million   RSS MB   loop p99 ms   arrived");
  const of = (name: string, key: "rate" | "cpu" | "rss" | "loopP99"): number =>
    median((all.get(name) ?? []).map((result) => result[key]));
  for (const [name, results] of all) {
    const [format] = name.split(",");
    const arrived = new Set(results.map(({ arrived: { rows, distinct } }) => `${rows} rows, ${distinct} records`));
    console.log(
      [
        name.padEnd(21),
        Math.round(of(name, "rate")).toLocaleString("en").padStart(9),
        (of(name, "rate") / of(`${format}, bento`, "rate")).toFixed(2).padStart(9),
        of(name, "cpu").toFixed(1).padStart(15),
        Math.round(of(name, "rss")).toString().padStart(8),
        (Number.isNaN(of(name, "loopP99")) ? "–" : of(name, "loopP99").toFixed(1)).padStart(13),
        `  ${[...arrived].join("; ")}`,
      ].join(" "),
    );
  }
  await admin.disconnect();
};

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
