/** How results join the transaction of the records that they come from: what kafka-in offers and kafka-out asks for. */
import type { Delivery, Emission, Message } from "../delivery/contract";
import { Retriable } from "../errors";
import type { Kafka, Outcome, OutgoingRecord, ProducerOptions } from "./port";

export type Batching = Pick<ProducerOptions, "compression" | "linger" | "batchBytes">;

/** The transaction of records of one partition. */
export interface RecordTransaction {
  readonly kafka: Kafka;
  /** Topic and partition, for messages. */
  readonly label: string;
  /**
   * Writes results of these emissions; they count once the transaction is committed.
   * @throws Retriable when it is over: its records come again
   */
  send(
    emissions: readonly Emission[],
    records: readonly OutgoingRecord[],
    batching: Batching,
  ): Promise<readonly Outcome[]>;
}

/** An emission whose results may be written in its transaction. */
export interface TransactionalEmission extends Emission {
  readonly transaction: RecordTransaction;
}

const isTransactional = (emission: Emission): emission is TransactionalEmission => "transaction" in emission;

/** Writes records as results of a message. */
export type Write = (records: readonly OutgoingRecord[], batching: Batching) => Promise<readonly Outcome[]>;

/**
 * How results of a message are written: in the transaction that its record was read in, when that is one of this
 * cluster; undefined when it comes from no such record.
 * @throws Retriable when it must not be written: what was put together can't be committed together, or the record has
 * been sent again, or given up, meanwhile
 */
export const transactionOf = (
  delivery: Pick<Delivery, "emissionsOf">,
  message: Message,
  kafka: Kafka,
): Write | undefined => {
  const emissions = delivery.emissionsOf(message);
  if (emissions === "ended")
    throw new Retriable(
      "not written, since it must be written exactly once: the record it comes from has failed elsewhere, was sent again or has finished",
    );
  const transactions = new Set(emissions.map((one) => (isTransactional(one) ? one.transaction : undefined)));
  const [first] = transactions;
  const own = [...transactions].filter((one) => one?.kafka === kafka);
  if (own.length === 0) return undefined;
  if (!first || transactions.size > 1) {
    const labels = [...transactions].map((one) => one?.label ?? "a source that is not exactly once");
    throw new Retriable(
      `records of ${labels.join(" and ")} were put together: exactly once holds for each partition by itself. Join what has one key, write to one partition, or read at least once`,
    );
  }
  return (records, batching) => first.send(emissions, records, batching);
};
