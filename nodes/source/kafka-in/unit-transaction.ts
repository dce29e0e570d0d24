/** What kafka out nodes below are offered: the transaction of a unit, one for each of its tries. */
import { Undone } from "../../lib/errors";
import type { RecordTransaction } from "../../lib/kafka/exactly-once";
import type { Kafka } from "../../lib/kafka/port";
import type { TransactionalProducer } from "../../lib/kafka/transaction-port";
import { UnitEmission, type Unit } from "./unit";

/** The partition whose units these are. */
export interface UnitOwner {
  readonly kafka: Kafka;
  /** Topic and partition, for messages. */
  readonly label: string;
  readonly producer: Pick<TransactionalProducer, "send">;
  /** Results of the unit can still be committed. */
  has(unit: Unit): boolean;
}

/**
 * Gives the transaction of a unit's present try: the same one for all its messages, so that what is put together of them
 * can be told from what is not. What is written for a try that is over is refused.
 */
export const unitTransactions = ({ kafka, label, producer, has }: UnitOwner): ((unit: Unit) => RecordTransaction) => {
  let current: { readonly unit: Unit; readonly failures: number; readonly transaction: RecordTransaction } | undefined;
  return (unit) => {
    const { failures } = unit;
    if (current?.unit === unit && current.failures === failures) return current.transaction;
    const transaction: RecordTransaction = {
      kafka,
      label,
      send: async (emissions, records, batching) => {
        if (!has(unit) || unit.failures !== failures || unit.doomed)
          throw new Undone("not written: its transaction is being undone, and the record comes again");
        for (const emission of emissions) if (emission instanceof UnitEmission) emission.wrote = true;
        return producer.send(records, batching);
      },
    };
    current = { unit, failures, transaction };
    return transaction;
  };
};
