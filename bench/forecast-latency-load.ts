/**
 * The sensors of bench/forecast-latency.ts: writes readings `from` to `to`, so many a second or as fast as it can (0). It gives way to
 * all others, as sensors are on no machine of theirs.
 */
import { constants, setPriority } from "node:os";
import { openKafka } from "../nodes/lib/kafka/kafkajs-client";
import type { OutgoingRecord } from "../nodes/lib/kafka/port";

const HOUR = 3_600_000;

const [brokers = "", topic = "", ...numbers] = process.argv.slice(2);
const [partitions = 1, keys = 1, from = 0, to = 0, perSecond = 0] = numbers.map(Number);

/** A day of a station, and what follows it. */
const readingOf = (n: number, at: number): string =>
  JSON.stringify({
    n,
    at,
    ...Object.fromEntries(
      [
        ["PM2.5", 80],
        ["PM10", 120],
        ["NO2", 60],
        ["CO", 1200],
        ["TEMP", 3],
        ["PRES", 1020],
        ["DEWP", -8],
        ["RAIN", 0],
        ["WSPM", 1.5],
      ].map(([name, mean]) => [name, Number(mean) * (1 + 0.2 * Math.sin(at / HOUR / 4))]),
    ),
    wd: "NNW",
  });

const recordOf = (n: number): OutgoingRecord => {
  const key = n % keys;
  const value = Buffer.from(readingOf(n, Math.floor(n / keys) * HOUR));
  return { topic, partition: key % partitions, key: Buffer.from(`station-${key}`), value };
};

async function main(): Promise<void> {
  setPriority(constants.priority.PRIORITY_LOW);
  const kafka = openKafka({ brokers: [brokers], clientId: "bench" });
  const producer = kafka.producer({
    acks: "all",
    compression: "none",
    linger: 0,
    batchBytes: 256 * 1024,
    bufferBytes: 64 * 1024 * 1024,
    create: { partitions, replication: 1, config: {} },
    state: () => undefined,
  });
  const began = performance.now();
  let acknowledged: Promise<unknown> = Promise.resolve();
  for (let sent = from; sent < to;) {
    const due = perSecond > 0 ? from + Math.floor(((performance.now() - began) / 1000) * perSecond) : sent + 1000;
    const records = Array.from({ length: Math.max(0, Math.min(to, due) - sent) }, (_, i) => recordOf(sent + i));
    sent += records.length;
    // One by one, as they are measured.
    acknowledged = perSecond > 0 ? Promise.all(records.map((one) => producer.send([one]))) : producer.send(records);
    if (perSecond > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    else await acknowledged;
  }
  await acknowledged;
  await producer.close(10_000);
  await kafka.close();
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
