/** The part of the port that is about transactions. */
import { Retriable } from "../errors";
import type { OutgoingRecord, Outcome, ProducerOptions, TopicPartition } from "./port";

/** Another process has what this one held: its partition, or its transactional id. */
export class Fenced extends Retriable {
  constructor(message: string) {
    super(message, { unreachable: true });
  }
}

/** A consumer's place in its group, which a transaction's offsets are checked against. */
export interface Membership {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
}

export interface TransactionOptions {
  readonly transactionalId: string;
  /** The broker aborts a transaction that is open for longer, in ms. */
  readonly timeout: number;
  /** It works (undefined) or why not; it goes on trying either way. */
  state(trouble: Error | undefined): void;
}

/**
 * A producer of transactions, one after the other; the first record or offset begins one. Every call waits without end
 * for a broker that is out of reach.
 */
export interface TransactionalProducer {
  /** Takes the transactional id: who had it is fenced, and what it had open is aborted or completed. @throws ConfigError */
  start(): Promise<void>;
  /** Resolves when the group's offset of this partition is in no open transaction. */
  stable(groupId: string, partition: TopicPartition): Promise<void>;
  /** Writes records in the transaction. Unlike a producer's, outcomes are worth something only once it is committed. */
  send(
    records: readonly OutgoingRecord[],
    options: Pick<ProducerOptions, "compression" | "linger" | "batchBytes">,
  ): Promise<readonly Outcome[]>;
  /**
   * Commits what was written together with the position. Resolves when it is committed.
   * @throws Fenced, ConfigError: it is aborted
   */
  commit(member: Membership, position: TopicPartition & { readonly offset: number }): Promise<void>;
  /** Aborts; the next transaction may begin. @throws Fenced when the id is in other hands: `start` would take it back */
  abort(): Promise<void>;
  /** Sends no more; what is open is left to `start` of the next, or the broker's time-out. */
  close(): Promise<void>;
}

/** Transactional producers that share a connection. */
export interface Transactions {
  producer(options: TransactionOptions): TransactionalProducer;
  close(): Promise<void>;
}
