/** Where the records of a message go: into the transaction that it was read in, or to the node's own producer. */
import type { Delivery, Message } from "../../lib/delivery/contract";
import { transactionOf, type Batching, type Write } from "../../lib/kafka/exactly-once";
import type { Kafka, OutgoingRecord, TopicCreation } from "../../lib/kafka/port";
import type { SpooledOutcome } from "../../lib/kafka/spooled-producer";

export interface WriterOptions {
  readonly delivery: Pick<Delivery, "emissionsOf">;
  readonly kafka: Kafka;
  readonly producer: { send(records: readonly OutgoingRecord[]): Promise<readonly SpooledOutcome[]> };
  readonly batching: Batching;
  /** How to make topics that are missing; absent: they are an error. */
  readonly create: TopicCreation | undefined;
}

export interface Writer {
  write(message: Message, records: readonly OutgoingRecord[]): Promise<readonly SpooledOutcome[]>;
  /** Waits up to `drain` ms for what is being written in transactions. */
  close(drain: number): Promise<void>;
}

export const makeWriter = ({ delivery, kafka, producer, batching, create }: WriterOptions): Writer => {
  /** Topics that are there, or are being made; a transaction makes none. */
  const topics = new Map<string, Promise<void> | true>();
  const underWay = new Set<Promise<unknown>>();

  const make = async (topic: string, creation: TopicCreation): Promise<void> => {
    try {
      await kafka.createTopic(topic, creation);
      topics.set(topic, true);
    } catch (error) {
      topics.delete(topic);
      throw error;
    }
  };
  const makeMissing = (records: readonly OutgoingRecord[]): Promise<unknown> | undefined => {
    if (!create) return undefined;
    const making: Promise<void>[] = [];
    for (const { topic } of records) {
      const known = topics.get(topic);
      if (known === true) continue;
      const made = known ?? make(topic, create);
      if (!known) topics.set(topic, made);
      if (!making.includes(made)) making.push(made);
    }
    return making.length > 0 ? Promise.all(making) : undefined;
  };

  const inTransaction = async (
    message: Message,
    records: readonly OutgoingRecord[],
    write: Write,
  ): Promise<readonly SpooledOutcome[]> => {
    const making = makeMissing(records);
    if (!making) return write(records, batching);
    await making;
    const still = transactionOf(delivery, message, kafka);
    return still ? still(records, batching) : producer.send(records);
  };

  return {
    async write(message, records) {
      const write = records.length > 0 ? transactionOf(delivery, message, kafka) : undefined;
      if (!write) return producer.send(records);
      const written = inTransaction(message, records, write);
      underWay.add(written);
      try {
        return await written;
      } finally {
        underWay.delete(written);
      }
    },
    async close(drain) {
      let limit: NodeJS.Timeout | undefined;
      await Promise.race([
        Promise.allSettled(underWay),
        new Promise<void>((resolve) => (limit = setTimeout(resolve, drain))),
      ]);
      clearTimeout(limit);
    },
  };
};
