/** What exactly once adds to the node: a transactional producer for each partition, and dead letters in its transactions. */
import type { DeadLetter, DeadLetters, DeliverySource, NodeRef, RetryPolicy } from "../../lib/delivery/contract";
import { Rejected } from "../../lib/errors";
import { deadLetterRecords } from "../../lib/kafka/dead-letter-record";
import type { Consumer, Kafka } from "../../lib/kafka/port";
import type { Membership, TransactionalProducer } from "../../lib/kafka/transaction-port";
import type { Decoders } from "./decode";
import { ExactPartition } from "./exact-partition";
import type { MakePartition } from "./partition";
import type { UnitSettings } from "./unit";

export interface ExactSettings extends UnitSettings {
  readonly group: string;
  readonly kafka: Kafka;
  readonly source: Pick<DeliverySource, "deliver" | "running" | "pressure" | "recall">;
  readonly retry: RetryPolicy;
  /** When a unit is closed, in ms after its first record, records and bytes. */
  readonly interval: number;
  readonly most: { readonly records: number; readonly bytes: number };
  /** The broker aborts a transaction that is open for longer, in ms. */
  readonly timeout: number;
  producer(transactionalId: string): TransactionalProducer;
  membership(epoch: number): Membership | undefined;
  /** Joins the group again: the partition is in other hands. */
  rejoin(error: Error): void;
  /** Writes dead letters: within the transaction, or durably before it is committed. */
  bury(letters: readonly DeadLetter[], producer: TransactionalProducer): Promise<void>;
  warn(text: string): void;
}

export interface ExactlyOnceOptions {
  readonly kafka: Kafka;
  readonly group: string;
  readonly mode: "record" | "batch";
  readonly decoders: Decoders;
  readonly source: DeliverySource;
  readonly retry: RetryPolicy;
  /** ms, records and bytes of a transaction. */
  readonly interval: number;
  readonly records: number;
  readonly bytes: number;
  /** The broker's time-out of a transaction, in ms. */
  readonly timeout: number;
  readonly deadLetters: DeadLetters;
  /** Empty: dead letters are written to `deadLetters` before the commit. */
  readonly deadLetterTopic: string;
  readonly node: NodeRef;
  consumer(): Consumer | undefined;
  state(trouble: Error | undefined): void;
  warn(text: string): void;
}

export interface ExactlyOnce {
  readonly partition: MakePartition;
  close(): Promise<void>;
}

/** The part of the broker's time-out that a record may rest in one node before it is tried again. */
const REST = 0.6;

/** A record's time-out must come before its transaction's. */
export const restOf = (timeout: number, transactionTimeout: number): number =>
  Math.min(timeout, transactionTimeout * REST);

export const exactlyOnce = (options: ExactlyOnceOptions): ExactlyOnce => {
  const { kafka, deadLetterTopic, deadLetters, node } = options;
  const transactions = kafka.transactions();

  const bury = async (letters: readonly DeadLetter[], producer: TransactionalProducer): Promise<void> => {
    if (deadLetterTopic === "") return deadLetters.write(letters);
    await kafka.createTopic(deadLetterTopic, { partitions: 1, replication: -1, config: { "retention.ms": "-1" } });
    const records = letters.flatMap((letter) =>
      deadLetterRecords(deadLetterTopic, letter, letter.id ?? "", node).map((record) => ({ letter, record })),
    );
    const outcomes = await producer.send(
      records.map(({ record }) => record),
      { compression: "none", linger: 0, batchBytes: 256 * 1024 },
    );
    const refused = new Set<DeadLetter>();
    for (const [index, outcome] of outcomes.entries()) {
      const letter = records[index]?.letter;
      if (!(outcome instanceof Error) || !letter) continue;
      if (!(outcome instanceof Rejected)) throw outcome;
      refused.add(letter);
    }
    // Such as a record that is too large for the topic: files take it.
    if (refused.size > 0) await deadLetters.write([...refused]);
  };

  const settings = {
    ...options,
    most: { records: options.records, bytes: options.bytes },
    producer: (transactionalId: string) =>
      transactions.producer({ transactionalId, timeout: options.timeout, state: options.state }),
    membership: (epoch: number) => options.consumer()?.membership(epoch),
    rejoin: (error: Error) => options.consumer()?.rejoin(error),
    bury,
  };
  return {
    partition: (each, epoch, from, tenure) => new ExactPartition(settings, each, epoch, from, tenure),
    close: () => transactions.close(),
  };
};
