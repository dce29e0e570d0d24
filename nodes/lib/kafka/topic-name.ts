/** Kafka's rule for names of topics (org.apache.kafka.common.internals.Topic). */
import { Rejected } from "../errors";

const NAME = /^[a-zA-Z0-9._-]{1,249}$/;

/** @throws Rejected when Kafka allows no topic of this name */
export const checkTopicName = (topic: string): void => {
  if (NAME.test(topic) && topic !== "." && topic !== "..") return;
  const shown = topic.length > 60 ? `${topic.slice(0, 60)}…` : topic;
  throw new Rejected(
    `"${shown}" cannot be a topic name: Kafka allows 1 to 249 letters a–z and A–Z, digits, ".", "_" and "-"`,
  );
};
