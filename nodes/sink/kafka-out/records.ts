/** Messages → Kafka records. */
import type { Message } from "../../lib/delivery/contract";
import { Rejected } from "../../lib/errors";
import { checkTopicName } from "../../lib/kafka/topic-name";
import type { OutgoingRecord } from "../../lib/kafka/port";
import type { Template } from "../../lib/template";

export interface RecordSettings {
  /** Absent: the topic is `msg.topic`. */
  readonly topic: Template | undefined;
  key(message: Message): unknown;
  partition(message: Message): unknown;
  readonly format: "auto" | "json";
}

/** Bytes of a value as Kafka stores it; null stays null. @throws Rejected naming `what` */
export const bytesOf = (value: unknown, what: string, format: "auto" | "json" = "auto"): Buffer | null => {
  if (value === null) return null;
  if (format === "auto") {
    if (Buffer.isBuffer(value)) return value;
    if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    if (typeof value === "string") return Buffer.from(value);
  }
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new Rejected(`${what} can't be written as JSON: ${(error as Error).message}`, { cause: error });
  }
  if (text === undefined) throw new Rejected(`${what} can't be written as JSON: it is of type ${typeof value}`);
  return Buffer.from(text);
};

const headersOf = (headers: unknown): OutgoingRecord["headers"] => {
  if (headers === undefined || headers === null) return undefined;
  if (typeof headers !== "object" || Array.isArray(headers))
    throw new Rejected(
      `msg.headers must be an object of names and values, but is ${Array.isArray(headers) ? "an array" : `of type ${typeof headers}`}`,
    );
  const list = Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? (value as unknown[]) : [value]).map(
      (one) => [name, one === undefined ? null : bytesOf(one, `Header "${name}"`)] as const,
    ),
  );
  return list.length > 0 ? list : undefined;
};

/** The latest time that a Date can hold, in ms; Kafka's field holds little more. */
const LAST_TIME = 8.64e15;

const timestampOf = (timestamp: unknown): number | undefined => {
  if (timestamp === undefined || timestamp === null || timestamp === "") return undefined;
  const time =
    typeof timestamp === "number"
      ? timestamp
      : timestamp instanceof Date
        ? timestamp.getTime()
        : Date.parse(String(timestamp));
  if (!(time >= 0 && time <= LAST_TIME))
    throw new Rejected(
      `msg.timestamp ${JSON.stringify(timestamp)} is not a time; give ms since 1970 or an ISO 8601 text`,
    );
  return Math.trunc(time);
};

const partitionOf = (partition: unknown): number | undefined => {
  if (partition === undefined || partition === null || partition === "") return undefined;
  const number = Number(partition);
  if (!Number.isInteger(number) || number < 0)
    throw new Rejected(
      `msg.partition ${JSON.stringify(partition)} is not a partition; give 0, 1, 2 …, or leave it out`,
    );
  return number;
};

/**
 * The record of one message, or of one element of a batch.
 * @param carrier the message in which the element came: it gives the topic when the element has none
 * @throws Rejected naming the property that is wrong
 */
export const recordOf = (message: Message, carrier: Message, settings: RecordSettings): OutgoingRecord => {
  const topic = settings.topic
    ? settings.topic.render(message === carrier || settings.topic.constant ? message : { ...carrier, ...message })
    : (message.topic ?? carrier.topic);
  if (typeof topic !== "string" || topic === "")
    throw new Rejected("no topic: set Topic in the node, or msg.topic to a text");
  checkTopicName(topic);
  if (message.payload === undefined) throw new Rejected("msg.payload is missing; null writes a tombstone");
  const key = settings.key(message);
  return {
    topic,
    partition: partitionOf(settings.partition(message)),
    key: key === undefined || key === "" ? null : bytesOf(key, "The key"),
    value: bytesOf(message.payload, "msg.payload", settings.format),
    headers: headersOf(message["headers"]),
    timestamp: timestampOf(message["timestamp"]),
  };
};
