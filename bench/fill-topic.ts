/** Fills a topic before a bench begins. */
import { openKafka } from "../nodes/lib/kafka/kafkajs-client";

/** Makes the topic and writes so many records into it, to each partition in turn. */
export const fillTopic = async (
  brokers: string,
  topic: string,
  partitions: number,
  records: number,
  valueOf: (n: number) => Buffer,
): Promise<void> => {
  const kafka = openKafka({ brokers: [brokers], clientId: "bench" });
  const producer = kafka.producer({
    acks: "all",
    compression: "none",
    linger: 5,
    batchBytes: 256 * 1024,
    bufferBytes: 64 * 1024 * 1024,
    create: { partitions, replication: 1, config: {} },
    state: () => undefined,
  });
  for (let sent = 0; sent < records; sent += 1000) {
    const outcomes = producer.send(
      Array.from({ length: Math.min(1000, records - sent) }, (_, at) => ({
        topic,
        partition: at % partitions,
        key: null,
        value: valueOf(sent + at),
      })),
    );
    if ((sent / 1000) % 50 === 49) await outcomes;
  }
  await producer.close(60_000);
  await kafka.close();
};
