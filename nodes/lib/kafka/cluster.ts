/** What a `kafka-cluster` config node is to the nodes that use it: one connection, closed by its last user. */
import type { Kafka } from "./port";

export interface KafkaCluster {
  readonly kafka: Kafka;
  /** The brokers as the user wrote them, for messages. */
  readonly label: string;
  /** Takes the connection; call the result once when done with it. */
  use(): () => Promise<void>;
}

/** @returns the handle and what the config node calls when it closes */
export const shareKafka = (kafka: Kafka, label: string): { cluster: KafkaCluster; close(): Promise<void> } => {
  let users = 0;
  let closing = false;
  const closeIfUnused = async (): Promise<void> => {
    if (closing && users === 0) await kafka.close();
  };
  return {
    cluster: {
      kafka,
      label,
      use() {
        let used = true;
        users++;
        return async () => {
          if (!used) return;
          used = false;
          users--;
          await closeIfUnused();
        };
      },
    },
    async close() {
      closing = true;
      await closeIfUnused();
    },
  };
};
