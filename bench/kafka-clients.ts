/**
 * The two Kafka clients through this pack's nodes: kafka-in → function → counter in both modes, and kafka-out with
 * acks=all in batches, with records of 100 bytes and of 1 KB; in turns in one run, each in a process of its own, on
 * Node.js 24.
 *
 *     npm run build && node dist/bench/kafka-clients.js [rounds] [thousands of records of 100 bytes] [… of 1 KB]
 */
import { fork } from "node:child_process";
import path from "node:path";
import { openKafka, type Client } from "../nodes/lib/kafka/drivers";
import { service } from "../tools/services";
import { secondDriver, type SecondDriver } from "../test/lib/kafka/second-driver";
import type { Task } from "./kafka-clients-contender";
import type { Measurement } from "./meter";

const [rounds = 3, small = 400, large = 200] = process.argv.slice(2).map(Number);
const CLIENTS: readonly Client[] = ["kafkajs", "platformatic"];
const TASKS: readonly Task[] = ["batch", "record", "write"];
const SIZES = [
  { bytes: 100, records: small * 1000 },
  { bytes: 1024, records: large * 1000 },
] as const;
const PARTITIONS = 4;

const newTopic = async (brokers: string, name: string, bytes: number, records: number): Promise<string> => {
  const kafka = openKafka({ brokers: [brokers], clientId: "bench" });
  await kafka.createTopic(name, { partitions: PARTITIONS, replication: 1, config: {} });
  const producer = kafka.producer({
    acks: "all",
    compression: "none",
    linger: 5,
    batchBytes: 512 * 1024,
    bufferBytes: 64 * 1024 * 1024,
    state: () => undefined,
  });
  const value = Buffer.alloc(bytes, "x");
  for (let sent = 0; sent < records; sent += 1000) {
    const some = Array.from({ length: 1000 }, (_, n) => ({ topic: name, partition: n % PARTITIONS, key: null, value }));
    const outcomes = producer.send(some);
    if ((sent / 1000) % 20 === 19) await outcomes;
  }
  await producer.close(60_000);
  await kafka.close();
  return name;
};

interface Run {
  readonly client: Client;
  readonly task: Task;
  readonly bytes: number;
  readonly records: number;
  readonly topic: string;
}

const measure = ({ node, env }: SecondDriver, brokers: string, run: Run): Promise<Measurement> =>
  new Promise((resolve, reject) => {
    const { client, task, topic, records, bytes } = run;
    const child = fork(
      path.join(__dirname, "kafka-clients-contender.js"),
      [client, task, brokers, topic, String(records), String(bytes)],
      { execPath: node, env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "inherit", "ipc"] },
    );
    const limit = setTimeout(() => child.kill("SIGKILL"), 120_000);
    let measured: Measurement | undefined;
    child.once("message", (message) => {
      measured = message as Measurement;
    });
    child.once("exit", (code) => {
      clearTimeout(limit);
      if (measured) resolve(measured);
      else reject(new Error(`${client} ${task} ended with ${code} before it was done`));
    });
  });

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;

const main = async (): Promise<void> => {
  const driver = await secondDriver();
  const { brokers } = await service("kafka");
  const found = new Map<string, Measurement[]>();
  const keyOf = (client: Client, task: Task, bytes: number): string => `${client}/${task}/${bytes}`;
  const topics = new Map<number, string>();
  for (const { bytes, records } of SIZES)
    topics.set(bytes, await newTopic(brokers, `bench-${bytes}-${Date.now()}`, bytes, records));
  for (let round = 0; round < rounds; round++)
    for (const { bytes, records } of SIZES)
      for (const task of TASKS)
        // The first of a pair pays for what is not in memory yet: by turns.
        for (const client of round % 2 === 0 ? CLIENTS : CLIENTS.toReversed()) {
          const topic =
            task === "write" ? await newTopic(brokers, `written-${Date.now()}`, bytes, 0) : (topics.get(bytes) ?? "");
          const measured = await measure(driver, brokers, { client, task, bytes, records, topic });
          const key = keyOf(client, task, bytes);
          found.set(key, [...(found.get(key) ?? []), measured]);
          console.error(
            `round ${round + 1} ${key}: ${Math.round(measured.rate)}/s, ${measured.cpu.toFixed(2)} s of CPU, ${Math.round(measured.rss)} MB`,
          );
        }
  console.log(
    `Node.js 24, ${PARTITIONS} partitions, median of ${rounds}; ${SIZES.map(({ bytes, records }) => `${records} records of ${bytes} bytes`).join(", ")}`,
  );
  console.log("| what | kafkajs: records/s, CPU µs a record, RSS MB | @platformatic/kafka | records/s | CPU |");
  console.log("|---|---|---|---|---|");
  for (const { bytes, records } of SIZES)
    for (const task of TASKS) {
      const of = (client: Client, key: keyof Measurement): number =>
        median((found.get(keyOf(client, task, bytes)) ?? []).map((one) => one[key]));
      const cell = (client: Client): string =>
        `${Math.round(of(client, "rate")).toLocaleString("en")}, ${((of(client, "cpu") / records) * 1e6).toFixed(2)}, ${Math.round(of(client, "rss"))}`;
      const ratio = (key: keyof Measurement): string => (of("platformatic", key) / of("kafkajs", key)).toFixed(2);
      console.log(
        `| ${task} ${bytes} B | ${cell("kafkajs")} | ${cell("platformatic")} | ${ratio("rate")} | ${ratio("cpu")} |`,
      );
    }
};

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
