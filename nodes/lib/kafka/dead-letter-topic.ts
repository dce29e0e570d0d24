/** Dead letters in a Kafka topic, with headers as Kafka Connect gives them (KIP-298), so that its tools understand them. */
import { batchOf } from "../batch";
import type { DeadLetter, DeadLetters, Message } from "../delivery/contract";
import { Retriable } from "../errors";
import type { Kafka, OutgoingRecord } from "./port";

const bytes = (value: unknown): Buffer | null => {
  if (value === null || value === undefined) return null;
  if (Buffer.isBuffer(value)) return value;
  return Buffer.from(typeof value === "string" ? value : (JSON.stringify(value) ?? String(value)));
};

type HeaderList = readonly (readonly [string, Buffer | null])[];

const own = (headers: unknown): HeaderList =>
  Object.entries((headers as Record<string, unknown> | undefined) ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? (value as unknown[]) : [value]).map((one) => [name, bytes(one)] as const),
  );

/** The record that stores one message of a dead letter. */
export const deadLetterRecord = (
  topic: string,
  message: Message,
  letter: Omit<DeadLetter, "message">,
): OutgoingRecord => {
  const source = (message["source"] ?? {}) as Record<string, unknown>;
  const { error, node, attempts, time } = letter;
  const errors: readonly (readonly [string, unknown])[] = [
    ["topic", source["topic"]],
    ["partition", source["partition"]],
    ["offset", source["offset"]],
    ["connector.name", node?.name || node?.id],
    ["task.id", node?.id],
    ["stage", node?.type],
    ["class.name", node?.type],
    ["exception.class.name", error.name],
    ["exception.message", error.message],
    ["exception.stacktrace", error.stack],
    ["attempts", attempts],
    ["time", new Date(time).toISOString()],
  ];
  const timestamp = message["timestamp"];
  return {
    topic,
    key: bytes(message["key"]),
    value: bytes(message.payload),
    headers: [
      ...own(message["headers"]),
      ...errors.flatMap(([name, value]) =>
        value === undefined ? [] : [[`__connect.errors.${name}`, bytes(String(value))] as const],
      ),
    ],
    timestamp: typeof timestamp === "number" ? timestamp : undefined,
  };
};

/** A topic of dead letters, made when it is missing. `write` waits while Kafka is away. */
export const deadLetterTopic = (
  kafka: Kafka,
  topic: string,
  state: (trouble: Error | undefined) => void,
): DeadLetters => {
  const producer = kafka.producer({
    acks: "all",
    compression: "none",
    linger: 5,
    batchBytes: 256 * 1024,
    bufferBytes: 16 * 1024 * 1024,
    create: { partitions: 1, replication: 1, config: { "retention.ms": "-1" } },
    state,
  });
  return {
    async write(letters) {
      const records = letters.flatMap((letter) =>
        (batchOf(letter.message) ?? [letter.message]).map((message) => deadLetterRecord(topic, message, letter)),
      );
      const outcomes = await producer.send(records);
      const failed = outcomes.find((outcome) => outcome instanceof Error);
      if (failed)
        throw new Retriable(`dead letters can't be written to topic "${topic}": ${failed.message}`, { cause: failed });
    },
    close: () => producer.close(3000),
  };
};
