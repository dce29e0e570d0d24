/**
 * What writing to Kafka costs: records of 100 bytes of JSON, without and with each codec, and with the disk spool behind
 * the producer while Kafka takes records (then nothing touches the disk), all in the same run.
 *
 *     npm run build && node dist/bench/kafka-out.js [rounds] [records]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { codecNames, type CodecName } from "../nodes/lib/kafka/codecs";
import { openKafka } from "../nodes/lib/kafka/kafkajs-client";
import type { OutgoingRecord, ProducerOptions } from "../nodes/lib/kafka/port";
import { spoolingProducer, type SpooledProducer } from "../nodes/lib/kafka/spooled-producer";
import { service } from "../tools/services";

const rounds = Number(process.argv[2] ?? 3);
const records = Number(process.argv[3] ?? 200_000);
/** Records given together, and how many of these are on their way at a time. */
const TOGETHER = 500;
const AHEAD = 20;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;

const measure = async (brokers: string, compression: CodecName, spool: boolean): Promise<[number, number]> => {
  const kafka = openKafka({ brokers: [brokers], clientId: "bench" });
  const topic = `bench-${Date.now()}`;
  await kafka.createTopic(topic, { partitions: 4, replication: 1, config: {} });
  const directory = mkdtempSync(path.join(tmpdir(), "citystream-bench-"));
  const bufferBytes = 64 * 1024 * 1024;
  const make = (events: Pick<ProducerOptions, "state" | "held">) =>
    kafka.producer({ acks: "all", compression, linger: 5, batchBytes: 512 * 1024, bufferBytes, ...events });
  const quiet = (): void => undefined;
  const plain = spool ? undefined : make({ state: quiet });
  const producer: SpooledProducer | NonNullable<typeof plain> =
    plain ??
    (await spoolingProducer(make, {
      directory,
      maxBytes: 1e9,
      bufferBytes,
      state: quiet,
      diskTrouble: quiet,
      lost: quiet,
      cut: quiet,
      refused: async () => undefined,
      changed: quiet,
    }));
  const some = (first: number): OutgoingRecord[] =>
    Array.from({ length: TOGETHER }, (_, at) => {
      const n = first + at;
      const reading = {
        site: `site-${n % 25}`,
        index: n,
        type: "air",
        pm25: ((n * 7919) % 1500) / 10,
        time: 1.7e12 + n,
      };
      return { topic, key: null, value: Buffer.from(JSON.stringify(reading).padEnd(100)) };
    });
  await producer.send(some(0));
  const cpu = process.cpuUsage();
  const begun = performance.now();
  const underway: Promise<unknown>[] = [];
  for (let n = 0; n < records; n += TOGETHER) {
    underway.push(producer.send(some(n)));
    if (underway.length >= AHEAD) await underway.shift();
  }
  await Promise.all(underway);
  const seconds = (performance.now() - begun) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await producer.close(10_000);
  await kafka.deleteTopics([topic]);
  await kafka.close();
  rmSync(directory, { recursive: true, force: true });
  return [records / seconds, (user + system) / records];
};

const main = async (): Promise<void> => {
  const { brokers } = await service("kafka");
  const cases = [...codecNames.map((codec) => [codec, false] as const), ["none", true] as const];
  await measure(brokers, "none", false);
  const found = cases.map(() => [[], []] as [number[], number[]]);
  for (let round = 0; round < rounds; round++)
    for (const [at, [codec, spool]] of cases.entries()) {
      const [rate, cpu] = await measure(brokers, codec, spool);
      found[at]?.[0].push(rate);
      found[at]?.[1].push(cpu);
    }
  console.log(`${records} records of 100 bytes, Node ${process.version}, median of ${rounds}`);
  console.log("case            records/s   CPU µs a record");
  for (const [at, [codec, spool]] of cases.entries()) {
    const [rates, cpus] = found[at] ?? [[], []];
    const name = spool ? "none, spool" : codec;
    console.log(
      `${name.padEnd(12)} ${Math.round(median(rates)).toLocaleString("en").padStart(12)} ${median(cpus).toFixed(2).padStart(17)}`,
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
