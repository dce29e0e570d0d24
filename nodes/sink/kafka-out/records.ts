/** Messages → Kafka records. */
import { inspect, types } from "node:util";
import type { Message } from "../../lib/delivery/contract";
import { originalBytes } from "../../lib/delivery/originals";
import { ConfigError, messageOf, Rejected, Retriable } from "../../lib/errors";
import { checkTopicName } from "../../lib/kafka/topic-name";
import type { OutgoingRecord } from "../../lib/kafka/port";
import { shortLived } from "../../lib/short-lived";
import type { Template } from "../../lib/template";
import type { RecordSchemas } from "./schemas";

export interface RecordSettings {
  /** Absent: the topic is `msg.topic`. */
  readonly topic: Template | undefined;
  key(message: Message): unknown;
  partition(message: Message): unknown;
  readonly format: "auto" | "json";
  /** What writes the values instead; null stays null. */
  readonly schemas?: Pick<RecordSchemas, "encode"> | undefined;
}

/** What JSON writes as `{}`, whatever is in it. */
const EMPTY_IN_JSON = new Set(
  "Map Set WeakMap WeakSet Promise RegExp Error ArrayBuffer SharedArrayBuffer DataView Headers URLSearchParams".split(
    " ",
  ),
);

/** The name of a value's kind, of whatever realm: function nodes have objects of their own. */
const kindOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

/** A value for people, whatever it is. */
const shown = (value: unknown): string => {
  const text = typeof value === "string" ? JSON.stringify(value) : inspect(value, { depth: 0, breakLength: Infinity });
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};

/** @throws Rejected where UTF-8 can't hold the text: it would come back as another one */
const textBytes = (text: string, what: string): Buffer => {
  if (text.isWellFormed()) return Buffer.from(text);
  throw new Rejected(
    `${what} is text with half a surrogate pair, which UTF-8 can't hold; give whole characters or bytes`,
  );
};

/** @throws Rejected where JSON would be something else than the value */
const jsonBytes = (value: unknown, what: string): Buffer => {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new Rejected(`${what} can't be written as JSON: ${messageOf(error)}`, { cause: error });
  }
  if (text === undefined) throw new Rejected(`${what} can't be written as JSON: it is of type ${typeof value}`);
  if (text === "null") throw new Rejected(`${what} can't be written as JSON: ${shown(value)} would become null`);
  const kind = kindOf(value);
  if (text === "{}" && EMPTY_IN_JSON.has(kind))
    throw new Rejected(`${what} can't be written as JSON: of a value of kind ${kind} nothing would be left`);
  return Buffer.from(text);
};

/** Bytes of a value as Kafka stores it; null stays null. @throws Rejected naming `what` */
export const bytesOf = (value: unknown, what: string, format: "auto" | "json" = "auto"): Buffer | null => {
  if (value === null) return null;
  if (format === "auto") {
    if (Buffer.isBuffer(value)) return value;
    if (types.isUint8Array(value) || types.isDataView(value))
      return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    if (types.isAnyArrayBuffer(value)) return Buffer.from(value);
    if (typeof value === "string") return textBytes(value, what);
  }
  return jsonBytes(value, what);
};

const headersOf = (headers: unknown): OutgoingRecord["headers"] => {
  if (headers === undefined || headers === null) return undefined;
  if (kindOf(headers) !== "Object")
    throw new Rejected(
      `msg.headers must be an object of names and values, but is ${typeof headers === "object" ? `of kind ${kindOf(headers)}` : `of type ${typeof headers}`}`,
    );
  const list = Object.entries(headers).flatMap(([name, value]) => {
    textBytes(name, `The name of header ${shown(name)}`);
    return (Array.isArray(value) ? (value as unknown[]) : [value]).map(
      (one) => [name, one === undefined ? null : bytesOf(one, `Header "${name}"`)] as const,
    );
  });
  return list.length > 0 ? list : undefined;
};

/** The latest time that a Date can hold, in ms; Kafka's field holds little more. */
const LAST_TIME = 8.64e15;

/** Text without a year is no time, though Date.parse finds one in "5". */
const timeOf = (timestamp: unknown): number => {
  if (typeof timestamp === "number") return timestamp;
  if (types.isDate(timestamp)) return timestamp.getTime();
  return typeof timestamp === "string" && /\d{4}/.test(timestamp) ? Date.parse(timestamp) : NaN;
};

const timestampOf = (timestamp: unknown): number | undefined => {
  if (timestamp === undefined || timestamp === null || timestamp === "") return undefined;
  const time = timeOf(timestamp);
  if (!(time >= 0 && time <= LAST_TIME))
    throw new Rejected(`msg.timestamp ${shown(timestamp)} is not a time; give ms since 1970 or an ISO 8601 text`);
  return Math.floor(time) + 0;
};

/** Kafka numbers partitions in 32 bits. */
const LAST_PARTITION = 0x7fffffff;

const partitionOf = (partition: unknown): number | undefined => {
  if (partition === undefined || partition === null || partition === "") return undefined;
  const isNumber = typeof partition === "number" || (typeof partition === "string" && /^\s*\d+\s*$/.test(partition));
  // −0 is 0
  const number = isNumber ? Number(partition) + 0 : NaN;
  if (!Number.isInteger(number) || number < 0 || number > LAST_PARTITION)
    throw new Rejected(`msg.partition ${shown(partition)} is not a partition; give 0, 1, 2 …, or leave it out`);
  return number;
};

/**
 * The topic of one message, or of one element of a batch.
 * @throws Rejected when there is none
 */
export const topicOf = (message: Message, carrier: Message, settings: Pick<RecordSettings, "topic">): string => {
  const topic = settings.topic
    ? // Two spreads in one literal take V8 thirty times as long.
      settings.topic.render(
        message === carrier || settings.topic.constant ? message : Object.assign({}, carrier, message),
      )
    : (message.topic ?? carrier.topic);
  if (typeof topic !== "string" || topic === "")
    throw new Rejected("no topic: set Topic in the node, or msg.topic to a text");
  checkTopicName(topic);
  return topic;
};

const read = (message: Message, carrier: Message, settings: RecordSettings): OutgoingRecord => {
  const topic = topicOf(message, carrier, settings);
  if (message.payload === undefined) throw new Rejected("msg.payload is missing; null writes a tombstone");
  const key = settings.key(message);
  const { format } = settings;
  const written = key === undefined || key === "" ? null : key;
  const record = shortLived<OutgoingRecord>();
  record.topic = topic;
  record.partition = partitionOf(settings.partition(message));
  // What a dead letter's replay brings unchanged has the bytes that it had, which JSON written anew need not be.
  record.key = originalBytes(message, "key", key) ?? bytesOf(written, "The key");
  record.value =
    settings.schemas && message.payload !== null
      ? settings.schemas.encode(message, topic)
      : (originalBytes(message, "value", message.payload, format === "auto") ??
        bytesOf(message.payload, "msg.payload", format));
  record.headers = headersOf(message["headers"]);
  record.timestamp = timestampOf(message["timestamp"]);
  return record;
};

/**
 * The record of one message, or of one element of a batch.
 * @param carrier the message in which the element came: it gives the topic when the element has none
 * @throws Rejected naming the property that is wrong
 */
export const recordOf = (message: Message, carrier: Message, settings: RecordSettings): OutgoingRecord => {
  try {
    return read(message, carrier, settings);
  } catch (error) {
    // A getter, a proxy: what can't be read now can't be read later.
    throw error instanceof Rejected || (settings.schemas && error instanceof Retriable) || error instanceof ConfigError
      ? error
      : new Rejected(`the record can't be read: ${messageOf(error)}`, { cause: error });
  }
};
