/** What Kafka tests share: topics of their own, an independent reader, flows. */
import type { Context } from "mocha";
import { Retriable } from "../../../nodes/lib/errors";
import { openKafka, type Client } from "../../../nodes/lib/kafka/drivers";
import type { FetchedRecord, Kafka, OutgoingRecord, Outcome } from "../../../nodes/lib/kafka/port";
import type { Service } from "../../../tools/services";
import { serviceFor } from "../../../tools/services/for-test";
import type { FlowNode } from "../../harness";
import { until } from "../../harness";

/** The client that the tests of this process use: the one CITYSTREAM_KAFKA_CLIENT names. */
export const CLIENT: Client = process.env["CITYSTREAM_KAFKA_CLIENT"] === "platformatic" ? "platformatic" : "kafkajs";

export interface Cluster {
  readonly brokers: string;
  readonly kafka: Kafka;
  readonly service: Service<"kafka">;
  close(): Promise<void>;
}

export const clusterFor = async (context: Context, own = false): Promise<Cluster> => {
  const service = await serviceFor(context, "kafka", own ? { own: true } : {});
  const kafka = openKafka({ brokers: [service.brokers], clientId: "test" }, CLIENT);
  return { brokers: service.brokers, kafka, service, close: () => kafka.close() };
};

let names = 0;
/** A name that no other test uses. */
export const unique = (what: string): string => `${what}-${process.pid}-${Date.now()}-${++names}`;

/** A topic that keeps its records, however old their timestamps: by default the broker deletes those of last week. */
export const newTopic = async (kafka: Kafka, partitions = 1, config: Record<string, string> = {}): Promise<string> => {
  const topic = unique("topic");
  await kafka.createTopic(topic, { partitions, replication: 1, config: { "retention.ms": "-1", ...config } });
  return topic;
};

export const record = (topic: string, value: unknown, more: Partial<OutgoingRecord> = {}): OutgoingRecord => ({
  topic,
  key: null,
  value: value === null ? null : Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value)),
  ...more,
});

/** Writes records and throws when one was not stored. */
export const write = async (kafka: Kafka, records: readonly OutgoingRecord[]): Promise<readonly Outcome[]> => {
  const producer = kafka.producer({
    acks: "all",
    compression: "none",
    linger: 0,
    batchBytes: 512 * 1024,
    bufferBytes: 256 * 1024 * 1024,
    state: () => undefined,
  });
  try {
    const outcomes = await producer.send(records);
    for (const outcome of outcomes) if (outcome instanceof Error) throw outcome;
    return outcomes;
  } finally {
    await producer.close(1000);
  }
};

/** Reads a whole topic, as a group of its own, up to where it ended when it was asked. */
export const readAll = async (kafka: Kafka, topic: string): Promise<(FetchedRecord & { partition: number })[]> => {
  const ends = (await kafka.offsets(topic)).filter(({ low, high }) => high > low);
  const left = new Map(ends.map(({ partition, high }) => [partition, high]));
  const found: (FetchedRecord & { partition: number })[] = [];
  if (left.size === 0) return found;
  const consumer = kafka.consumer(
    { groupId: unique("reader"), topics: [topic], start: "earliest", sessionTimeout: 10_000 },
    {
      async records(batch) {
        for (const one of batch.read(Infinity)) found.push({ ...one, partition: batch.partition });
        if (batch.nextOffset >= (left.get(batch.partition) ?? 0)) left.delete(batch.partition);
      },
      assigned: () => [],
      revoking: async () => undefined,
      state: () => undefined,
      warn: () => undefined,
    },
  );
  try {
    await until(`all of ${topic} read`, () => left.size === 0, 60_000);
  } finally {
    await consumer.close();
  }
  return found;
};

/** Records of a topic that a group has committed. A coordinator that is being looked for is asked again. */
export const committedOf = async (kafka: Kafka, group: string, topic: string): Promise<number> => {
  for (let asked = 1; ; asked++)
    try {
      return (await kafka.committed(group, topic)).reduce((sum, { offset }) => sum + Math.max(0, offset), 0);
    } catch (error) {
      if (!(error instanceof Retriable) || asked === 5) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200 * asked));
    }
};

/** Resolves when a group has committed so many records of a topic. */
export const untilCommitted = (
  kafka: Kafka,
  group: string,
  topic: string,
  records: number,
  limit?: number,
): Promise<void> =>
  until(
    `group ${group} has committed ${records}`,
    async () => (await committedOf(kafka, group, topic)) === records,
    limit,
  );

export const clusterNode = (brokers: string, more: Record<string, unknown> = {}): FlowNode => ({
  id: "cluster",
  type: "citystream-kafka-cluster",
  name: "",
  brokers,
  clientId: "test",
  sasl: "none",
  client: CLIENT,
  ...more,
});

export const kafkaOut = (topic: string, more: Record<string, unknown> = {}): FlowNode => ({
  id: "out",
  type: "citystream-kafka-out",
  cluster: "cluster",
  topic,
  key: "key",
  keyType: "msg",
  partition: "partition",
  partitionType: "msg",
  create: false,
  wires: [["stored"]],
  ...more,
});

export const kafkaIn = (topics: string, group: string, more: Record<string, unknown> = {}): FlowNode => ({
  id: "in",
  type: "citystream-kafka-in",
  cluster: "cluster",
  topics,
  group,
  initialDelay: 10,
  maxDelay: 50,
  attempts: 3,
  commitInterval: 50,
  sessionTimeout: 6,
  wires: [["got"]],
  ...more,
});

export const collect = (id: string, manual = false): FlowNode => ({ id, type: "test-collect", manual });
