/** The bare client of bench/forecast-latency.ts: kafkajs copies one topic to the other, each batch with one request a partition. */
import { Kafka, logLevel } from "kafkajs";

const [brokers = "", input = "", output = ""] = process.argv.slice(2);

async function main(): Promise<void> {
  const kafka = new Kafka({ brokers: [brokers], clientId: "bench", logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ idempotent: true });
  const consumer = kafka.consumer({ groupId: `${input}-bare` });
  await producer.connect();
  await consumer.connect();
  await consumer.subscribe({ topics: [input], fromBeginning: true });
  const joined = new Promise((resolve) => consumer.on("consumer.group_join", resolve));
  await consumer.run({
    partitionsConsumedConcurrently: 4,
    eachBatch: async ({ batch }) => {
      const messages = batch.messages.map(({ key, value }) => ({ key, value, partition: batch.partition }));
      await producer.send({ topic: output, acks: -1, messages });
    },
  });
  await joined;
  process.send?.("joined");
  process.once("disconnect", () => {
    void consumer
      .disconnect()
      .then(() => producer.disconnect())
      .finally(() => process.exit());
  });
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
