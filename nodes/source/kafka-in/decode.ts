/** Kafka records → messages. */
import { isUtf8 } from "node:buffer";
import type { Message } from "../../lib/delivery/contract";
import { ConfigError, Rejected } from "../../lib/errors";
import { jsonText } from "../../lib/formats/json-text";
import type { PackedRecords } from "../../lib/kafka/packed-records";
import type { FetchedRecord, Headers } from "../../lib/kafka/port";
import type { SchemaReader } from "../../lib/registry/reading";
import { shortLived } from "../../lib/short-lived";

export type Format = "json" | "text" | "bytes" | "registry";

/** Where a record came from, as nodes below find it in `msg.source`. */
export interface KafkaSource {
  readonly kind: "kafka";
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly epoch: number;
  readonly group: string;
}

/** A partition under one assignment. */
export interface Origin {
  readonly topic: string;
  readonly partition: number;
  readonly epoch: number;
  readonly group: string;
}

const shown = (bytes: Buffer): string =>
  JSON.stringify(bytes.subarray(0, 40).toString()) + (bytes.length > 40 ? "…" : "");

type Decoder = (bytes: Buffer | null) => unknown;

/** @throws Rejected when the bytes are not of that format */
const decoder = (format: Format, what: string, schemas: SchemaReader | undefined): Decoder => {
  if (format === "registry") {
    if (!schemas) throw new ConfigError("Key: its registry is the value's: choose the registry at Value too");
    return (bytes) => schemas.decode(bytes, what);
  }
  if (format === "bytes") return (bytes) => bytes;
  const text = (bytes: Buffer): string => {
    if (!isUtf8(bytes)) throw new Rejected(`the ${what} is not UTF-8 text: ${bytes.subarray(0, 20).toString("hex")}`);
    return bytes.toString();
  };
  if (format === "text") return (bytes) => (bytes === null ? null : text(bytes));
  return (bytes) => {
    if (bytes === null) return null;
    try {
      return JSON.parse(text(bytes)) as unknown;
    } catch (error) {
      if (error instanceof Rejected) throw error;
      throw new Rejected(`the ${what} is not JSON: ${shown(bytes)}`, { cause: error });
    }
  };
};

/** Looks whether records can be decoded, which takes less than decoding them; undefined for values that are no JSON. */
const readableBy = (value: Format, key: Format): Decoders["isReadable"] => {
  if (value !== "json" || key === "registry") return undefined;
  const isKey =
    key === "bytes" ? () => true : key === "text" ? isUtf8 : (bytes: Buffer) => jsonText(bytes) !== undefined;
  return (records, at) => {
    const size = records.sizeOf(at);
    const from = records.from(at);
    if (size >= 0 && jsonText(records.bytes(at), from, from + size) !== "line") return false;
    return records.hasNoKeyBut(at, isKey);
  };
};

const readable = (value: Buffer | null): string | Buffer | null =>
  value !== null && isUtf8(value) ? value.toString() : value;

/** Header values as text, those that are not UTF-8 as bytes. */
export const headersOf = (headers: Headers | undefined): Record<string, unknown> => {
  const result: Record<string, unknown> = {};
  if (headers !== undefined)
    for (const [name, value] of Object.entries(headers))
      Object.defineProperty(result, name, {
        value: Array.isArray(value) ? value.map(readable) : readable(value),
        enumerable: true,
        writable: true,
        configurable: true,
      });
  return result;
};

export interface Decoders {
  value(bytes: Buffer | null): unknown;
  key(bytes: Buffer | null): unknown;
  /** For values that are JSON: whether a record has some, on one line, and a key that can be decoded. */
  readonly isReadable?: ((records: PackedRecords, at: number) => boolean) | undefined;
  /**
   * Fetches what is needed to decode records.
   * @returns undefined when nothing is missing; else whether nothing is any more
   */
  readonly prepare?: ((records: readonly FetchedRecord[]) => Promise<boolean> | undefined) | undefined;
}

/**
 * @param schemas for the format "registry"
 * @throws ConfigError when it is missing
 */
export const decodersOf = (value: Format, key: Format, schemas: SchemaReader | undefined): Decoders => ({
  value: decoder(value, "value", schemas),
  key: decoder(key, "key", schemas),
  isReadable: readableBy(value, key),
  prepare:
    schemas &&
    ((records) =>
      schemas.prepare(
        key === "registry" ? records.flatMap((one) => [one.value, one.key]) : records.map((one) => one.value),
      )),
});

const sourceOf = (record: FetchedRecord, origin: Origin): KafkaSource => {
  const source = shortLived<KafkaSource>();
  source.kind = "kafka";
  source.topic = origin.topic;
  source.partition = origin.partition;
  source.offset = record.offset;
  source.epoch = origin.epoch;
  source.group = origin.group;
  return source;
};

const message = (record: FetchedRecord, origin: Origin, payload: unknown, key: unknown): Message => {
  const made = shortLived<Message>();
  made.payload = payload;
  made["key"] = key;
  made["headers"] = headersOf(record.headers);
  made["timestamp"] = record.timestamp;
  made["source"] = sourceOf(record, origin);
  return made;
};

/** @throws Rejected when value or key are not of their format */
export const messageOf = (record: FetchedRecord, origin: Origin, { value, key }: Decoders): Message =>
  message(record, origin, value(record.value), key(record.key));

/** The record as it is, for a dead letter. */
export const rawMessageOf = (record: FetchedRecord, origin: Origin): Message =>
  message(record, origin, record.value, record.key);
