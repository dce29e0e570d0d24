/**
 * What kafka-in costs: 1,000,000 records of 100 bytes from a real Kafka through source → function → counter, undecoded,
 * against raw kafkajs `eachBatch` and two published packs, all in the same run, each in a process of its own.
 *
 *     npm run build && node dist/bench/kafka-in.js [rounds] [records]
 */
import { execFileSync, fork } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { service } from "../tools/services";
import { cacheFolder } from "../tools/services/cache";
import { fillTopic } from "./fill-topic";
import type { Contender } from "./kafka-in-contender";
import type { Measurement } from "./meter";

const rounds = Number(process.argv[2] ?? 5);
const records = Number(process.argv[3] ?? 1_000_000);
const PARTITIONS = 4;
const PACKS = ["node-red-contrib-kafka-suite@0.0.5", "node-red-contrib-kafkajs@0.0.7"];
const contenders: readonly Contender[] = ["raw", "batch", "record", "kafka-suite", "kafkajs-pack"];

/** The published packs live in the cache: they are no dependency of ours. */
const installPacks = (): string => {
  const folder = path.join(cacheFolder(), "bench-packs");
  if (PACKS.every((pack) => existsSync(path.join(folder, "node_modules", pack.slice(0, pack.lastIndexOf("@"))))))
    return folder;
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "package.json"), JSON.stringify({ name: "bench-packs", private: true }));
  execFileSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", ...PACKS], {
    cwd: folder,
    stdio: "ignore",
  });
  return folder;
};

const run = (contender: Contender, brokers: string, topic: string, packs: string): Promise<Measurement> =>
  new Promise((resolve, reject) => {
    const child = fork(
      path.join(__dirname, "kafka-in-contender.js"),
      [contender, brokers, topic, String(records), packs],
      {
        stdio: ["ignore", "ignore", "inherit", "ipc"],
      },
    );
    const limit = setTimeout(() => child.kill("SIGKILL"), 300_000);
    let measured: Measurement | undefined;
    child.once("message", (message) => {
      measured = message as Measurement;
    });
    child.once("exit", (code) => {
      clearTimeout(limit);
      if (measured) resolve(measured);
      else reject(new Error(`${contender} ended with ${code} before it had all records`));
    });
  });

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;

const main = async (): Promise<void> => {
  const packs = installPacks();
  const { brokers } = await service("kafka");
  const topic = `bench-${Date.now()}`;
  const value = Buffer.alloc(100, "x");
  await fillTopic(brokers, topic, PARTITIONS, records, () => value);
  const all = new Map<Contender, Measurement[]>(contenders.map((contender) => [contender, []]));
  for (let round = 0; round < rounds; round++)
    // A machine that others use is quick and slow by turns: nobody always comes after the same one.
    for (const contender of contenders.toSorted(() => Math.random() - 0.5)) {
      const measured = await run(contender, brokers, topic, packs);
      all.get(contender)?.push(measured);
      console.error(`round ${round + 1} ${contender}: ${Math.round(measured.rate)}/s`);
    }
  const of = (contender: Contender, key: keyof Measurement): number =>
    median((all.get(contender) ?? []).map((m) => m[key]));
  console.log(
    `${records} records of 100 bytes, ${PARTITIONS} partitions, Node ${process.version}, median of ${rounds}`,
  );
  console.log("contender      records/s   ratio to raw   CPU s   loop p99 ms   RSS MB");
  for (const contender of contenders) {
    const rate = of(contender, "rate");
    console.log(
      [
        contender.padEnd(13),
        Math.round(rate).toLocaleString("en").padStart(10),
        (rate / of("raw", "rate")).toFixed(3).padStart(14),
        of(contender, "cpu").toFixed(2).padStart(7),
        of(contender, "loopP99").toFixed(1).padStart(13),
        Math.round(of(contender, "rss")).toString().padStart(8),
      ].join(" "),
    );
  }
  const best = Math.max(of("kafka-suite", "rate"), of("kafkajs-pack", "rate"));
  console.log(
    `batch mode: ${(of("batch", "rate") / best).toFixed(1)} × the best pack; one record a message: ${(of("record", "rate") / best).toFixed(2)} ×`,
  );
};

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
