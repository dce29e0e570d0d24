/**
 * A dead letter as a Kafka record and back. Headers are named and filled as Kafka Connect does (KIP-298,
 * DeadLetterQueueReporter), so that its tools understand them; what Connect has no name for begins with `__citystream.`.
 */
import { isUtf8 } from "node:buffer";
import { batchOf, isRecord } from "../batch";
import type { DeadLetter, Message, NodeRef, OriginalBytes } from "../delivery/contract";
import { decode, encode, type StoredDeadLetter } from "../delivery/dead-letter-format";
import { TOKEN } from "../delivery/contract";
import { isJsonOf } from "../delivery/originals";
import type { FetchedRecord, Headers, OutgoingRecord } from "./port";

const CONNECT = "__connect.errors.";
const OWN = "__citystream.";

/**
 * How a value was turned into bytes, so that replay brings back what it was. `original`: it is the record's own JSON, as
 * it was before kafka in decoded it.
 */
type Form = "bytes" | "text" | "json" | "null" | "original";

const bytesOf = (value: unknown): readonly [Buffer | null, Form] => {
  if (value === null || value === undefined) return [null, "null"];
  if (Buffer.isBuffer(value)) return [value, "bytes"];
  if (typeof value === "string") return [Buffer.from(value), "text"];
  return [Buffer.from(JSON.stringify(encode(value)) ?? String(value)), "json"];
};

/** The record's own bytes, as long as they are those of the value. */
const originalOf = (value: unknown, original: Buffer | null | undefined): readonly [Buffer | null, Form] => {
  const written = bytesOf(value);
  const [bytes] = written;
  if (!original || bytes?.equals(original) || !isJsonOf(original, value)) return written;
  return [original, "original"];
};

type HeaderList = readonly (readonly [string, Buffer | null])[];

/** The record's own headers that are named like those of a dead letter: it was one before. */
const ESCAPE = `${OWN}own.`;
const escaped = (name: string): string =>
  name.startsWith(CONNECT) || name.startsWith(OWN) ? `${ESCAPE}${name}` : name;

const own = (headers: unknown): HeaderList =>
  typeof headers !== "object" || headers === null
    ? []
    : Object.entries(headers).flatMap(([name, value]) =>
        (Array.isArray(value) ? (value as unknown[]) : [value]).map((one) => [escaped(name), bytesOf(one)[0]] as const),
      );

/** In which of Connect's stages a record failed, as far as Node-RED has such. */
const stageOf = (node: NodeRef | undefined, source: NodeRef, error: Error): string => {
  if (node === undefined || node.id === source.id)
    return /^the key\b/u.test(error.message) ? "KEY_CONVERTER" : "VALUE_CONVERTER";
  return node.type.endsWith("out") || node.type.endsWith("sink") ? "TASK_PUT" : "TRANSFORMATION";
};

/** Headers hold text; line breaks of a stack are kept. */
const list = (prefix: string, values: readonly (readonly [string, unknown])[]): HeaderList =>
  values.flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [[`${prefix}${name}`, Buffer.from(String(value))] as const],
  );

/**
 * The record that stores one message of a dead letter. It has the time at which it was written: the original's may be
 * older than what the topic retains.
 * @param source the node that the record came from
 */
const recordOf = (
  topic: string,
  message: Message,
  { error, node, attempts, time }: DeadLetter,
  id: string,
  from: NodeRef,
  original: OriginalBytes | undefined,
): OutgoingRecord => {
  const { payload, key, headers, [TOKEN]: _token, ...rest } = message;
  const source = (typeof rest["source"] === "object" && rest["source"] !== null ? rest["source"] : {}) as Record<
    string,
    unknown
  >;
  const [value, payloadForm] = originalOf(payload, original?.value);
  const [keyBytes, keyForm] = originalOf(key, original?.key);
  return {
    topic,
    key: keyBytes,
    value,
    headers: [
      ...own(headers),
      ...list(CONNECT, [
        ["topic", source["topic"]],
        ["partition", source["partition"]],
        ["offset", source["offset"]],
        ["connector.name", from.name || from.id],
        ["task.id", 0],
        ["stage", stageOf(node, from, error)],
        ["class.name", node?.type ?? from.type],
        ["exception.class.name", error.name],
        ["exception.message", error.message],
        ["exception.stacktrace", error.stack],
      ]),
      ...list(OWN, [
        ["id", id],
        ["node.id", node?.id],
        ["node.type", node?.type],
        ["node.name", node?.name],
        ["attempts", attempts],
        ["time", new Date(time).toISOString()],
        ["payload", payloadForm],
        ["key", keyForm],
        ["message", JSON.stringify(encode(rest))],
      ]),
    ],
  };
};

/** The records that store a dead letter: one for each record of its message. */
export const deadLetterRecords = (topic: string, letter: DeadLetter, id: string, from: NodeRef): OutgoingRecord[] => {
  const elements = batchOf(letter.message);
  // One value that merely looks like a batch stays whole.
  const { originals = [] } = letter;
  if (elements === undefined || !elements.every(isRecord))
    return [recordOf(topic, letter.message, letter, id, from, originals[0])];
  const one = elements.length === 1;
  return elements.map((element, n) => recordOf(topic, element, letter, one ? id : `${id}/${n}`, from, originals[n]));
};

const textOf = (headers: Headers | undefined, name: string): string | undefined => {
  const value = headers?.[name];
  return (Array.isArray(value) ? value.at(-1) : value)?.toString();
};

const valueOf = (bytes: Buffer | null, form: string | undefined): unknown => {
  if (bytes === null) return null;
  if (form === "bytes") return bytes;
  if (form === "text") return bytes.toString();
  // Written by others, such as Kafka Connect: by what it looks like.
  if (!isUtf8(bytes)) return bytes;
  const text = bytes.toString();
  try {
    const value: unknown = JSON.parse(text);
    return form === "json" ? decode(value) : value;
  } catch {
    return text;
  }
};

const objectOf = (text: string | undefined): Record<string, unknown> => {
  try {
    const value = decode(JSON.parse(text ?? "{}"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
};

const shownHeaders = (headers: Headers | undefined): Record<string, unknown> => {
  const readable = (value: Buffer | null): unknown => (value !== null && isUtf8(value) ? value.toString() : value);
  return Object.fromEntries(
    Object.entries(headers ?? {}).flatMap(([stored, value]) => {
      const name = stored.startsWith(ESCAPE) ? stored.slice(ESCAPE.length) : stored;
      if (name === stored && escaped(name) !== name) return [];
      return [[name, Array.isArray(value) ? value.map(readable) : readable(value)] as const];
    }),
  );
};

/** Whether a value must keep its bytes: it was decoded from them, or it is empty text, which as a key stands for none. */
const isDecoded = (bytes: Buffer | null, form: string | undefined): boolean =>
  bytes !== null && (form === "original" || form === undefined || (form === "text" && bytes.length === 0));

/** The dead letter that a record of a dead-letter topic stores; Kafka Connect's own are read as well. */
export const letterOfRecord = (
  topic: string,
  partition: number,
  record: FetchedRecord,
): StoredDeadLetter & { readonly id: string } => {
  const { headers, offset } = record;
  const connect = (name: string): string | undefined => textOf(headers, `${CONNECT}${name}`);
  const mine = (name: string): string | undefined => textOf(headers, `${OWN}${name}`);
  const stack = connect("exception.stacktrace");
  const node = mine("node.id") ?? connect("connector.name");
  const name = mine("node.name");
  const rest = objectOf(mine("message"));
  const number = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
  if (rest["source"] === undefined && connect("topic") !== undefined)
    rest["source"] = {
      kind: "kafka",
      topic: connect("topic"),
      partition: number(connect("partition")),
      offset: number(connect("offset")),
    };
  return {
    id: mine("id") ?? `${topic}/${partition}/${offset}`,
    time: mine("time") ?? new Date(record.timestamp).toISOString(),
    error: {
      name: connect("exception.class.name") ?? "Error",
      message: connect("exception.message") ?? "",
      ...(stack !== undefined && { stack }),
    },
    ...(node !== undefined && {
      node: { id: node, type: mine("node.type") ?? connect("class.name") ?? "", ...(name !== undefined && { name }) },
    }),
    attempts: Number(mine("attempts") ?? 1),
    ...((isDecoded(record.value, mine("payload")) || isDecoded(record.key, mine("key"))) && {
      originals: [{ value: record.value, key: record.key }],
    }),
    message: {
      ...rest,
      payload: valueOf(record.value, mine("payload")),
      key: valueOf(record.key, mine("key")),
      headers: shownHeaders(headers),
    },
  };
};
