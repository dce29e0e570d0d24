/** Topics of which some lose their leader: one of two brokers is killed, and no other has a copy. */
import type { Kafka } from "../../../nodes/lib/kafka/port";
import type { Service } from "../../../tools/services";
import { until } from "../../harness";
import { unique } from "./harness";

/** Topics of one partition each: which broker has it is Kafka's choice. */
export const topicsWithoutCopy = async (kafka: Kafka, count: number): Promise<string[]> => {
  const topics = Array.from({ length: count }, () => unique("topic"));
  for (const topic of topics)
    await kafka.createTopic(topic, { partitions: 1, replication: 1, config: { "retention.ms": "-1" } });
  return topics;
};

/** Kills the second broker. @returns a topic that still has its leader, and one that has none */
export const killBroker = async (
  service: Service<"kafka">,
  kafka: Kafka,
  topics: readonly string[],
): Promise<{ readonly stays: string; readonly goes: string }> => {
  await service.processes.get("kafka2")?.kill9();
  let [stays, goes] = ["", ""];
  const look = async (): Promise<boolean> => {
    for (const topic of topics) {
      await kafka.offsets(topic).then(
        () => (stays ||= topic),
        // While the leader that was killed is still named, it is out of reach.
        (error: Error) => /has no leader/.test(error.message) && (goes ||= topic),
      );
      if (stays !== "" && goes !== "") return true;
    }
    return false;
  };
  await until("a topic has no leader, and another one has", look, 120_000);
  return { stays, goes };
};
