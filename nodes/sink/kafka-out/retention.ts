/** Tells the user, once a topic, when records are older than the topic keeps: Kafka would delete them within minutes. */
import type { Kafka, OutgoingRecord } from "../../lib/kafka/port";

/** Kafka's `retention.ms` in ms; undefined when it keeps for ever, compacts, or is not known. */
const retentionOf = (config: ReadonlyMap<string, string> | undefined): number | undefined => {
  const retention = Number(config?.get("retention.ms"));
  if (!config?.get("cleanup.policy")?.includes("delete") || !Number.isFinite(retention) || retention < 0)
    return undefined;
  return retention;
};

/** When a topic's settings could not be read, they are asked for again after so many ms. */
const ASK_AGAIN = 30_000;

export const watchRetention = (kafka: Kafka, warn: (text: string) => void): ((record: OutgoingRecord) => void) => {
  /** Retention by topic; undefined while it is asked for. */
  const known = new Map<string, number | undefined>();
  const warned = new Set<string>();
  return ({ topic, timestamp }) => {
    if (timestamp === undefined || warned.has(topic)) return;
    const retention = known.get(topic);
    if (retention !== undefined && timestamp < Date.now() - retention) {
      warned.add(topic);
      warn(
        `Topic "${topic}" keeps records for ${Math.round(retention / 3_600_000)} h, but this one is of ${new Date(timestamp).toISOString()}: Kafka will soon delete it. Set the topic's retention.ms, -1 for ever (Retention in this node, for new topics)`,
      );
    }
    if (known.has(topic)) return;
    known.set(topic, undefined);
    const again = (): void => void setTimeout(() => known.delete(topic), ASK_AGAIN).unref();
    kafka.topicConfig(topic).then((config) => (config ? known.set(topic, retentionOf(config)) : again()), again);
  };
};
