/**
 * What exactly once costs: records of 100 bytes through kafka-in → function → kafka-out, at least once and exactly once by turns
 * in the same run, from the deploy until the group has committed all.
 *
 *     npm run build && node dist/bench/exactly-once.js [rounds] [records]
 */
import { openKafka } from "../nodes/lib/kafka/kafkajs-client";
import { startRuntime, type FlowNode } from "../test/harness/runtime";
import { service } from "../tools/services";

const rounds = Number(process.argv[2] ?? 3);
const records = Number(process.argv[3] ?? 100_000);
const PARTITIONS = 4;

const flow = (brokers: string, topic: string, output: string, group: string, more: object): FlowNode[] => [
  { id: "tab", type: "tab", label: "bench" },
  { id: "cluster", type: "citystream-kafka-cluster", name: "", brokers, clientId: "bench", sasl: "none" },
  {
    id: "in",
    type: "citystream-kafka-in",
    z: "tab",
    x: 1,
    y: 1,
    cluster: "cluster",
    topics: topic,
    group,
    valueFormat: "bytes",
    wires: [["f"]],
    ...more,
  },
  { id: "f", type: "function", z: "tab", x: 1, y: 1, func: "return msg;", outputs: 1, wires: [["out"]] },
  {
    id: "out",
    type: "citystream-kafka-out",
    z: "tab",
    x: 1,
    y: 1,
    cluster: "cluster",
    topic: output,
    key: "key",
    keyType: "msg",
    partition: "partition",
    partitionType: "msg",
    partitions: PARTITIONS,
    wires: [[]],
  },
];

const main = async (): Promise<void> => {
  const { brokers } = await service("kafka");
  const kafka = openKafka({ brokers: [brokers], clientId: "bench" });
  const input = `bench-${Date.now()}`;
  await kafka.createTopic(input, { partitions: PARTITIONS, replication: 1, config: {} });
  const producer = kafka.producer({
    acks: "all",
    compression: "none",
    linger: 5,
    batchBytes: 256 * 1024,
    bufferBytes: 64 * 1024 * 1024,
    state: () => undefined,
  });
  const value = Buffer.alloc(100, "x");
  await producer.send(
    Array.from({ length: records }, (_, n) => ({ topic: input, partition: n % PARTITIONS, key: null, value })),
  );
  await producer.close(60_000);
  const runtime = await startRuntime();
  const rates = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++)
    for (const mode of ["record", "batch"])
      for (const delivery of ["atLeastOnce", "exactlyOnce"]) {
        const group = `${mode}-${delivery}-${round}-${Date.now()}`;
        await runtime.deploy(flow(brokers, input, `${input}-${group}`, group, { mode, delivery, commitInterval: 100 }));
        const begun = performance.now();
        for (let committed = 0; committed < records;) {
          await new Promise((resolve) => setTimeout(resolve, 20));
          committed = (await kafka.committed(group, input)).reduce((sum, { offset }) => sum + Math.max(0, offset), 0);
        }
        const rate = (records / (performance.now() - begun)) * 1000;
        const key = `${mode}, ${delivery}`;
        rates.set(key, [...(rates.get(key) ?? []), rate]);
        console.log(`${key}: ${Math.round(rate)} records/s`);
        await runtime.deploy([]);
      }
  for (const [key, list] of rates) {
    const median = list.toSorted((a, b) => a - b)[list.length >> 1] ?? 0;
    console.log(`median ${key}: ${Math.round(median)} records/s`);
  }
  await runtime.stop();
  await kafka.close();
};

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
