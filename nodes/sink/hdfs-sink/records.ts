import type { Message } from "../../lib/delivery/contract";
import { Rejected } from "../../lib/errors";
import type { Origin } from "../../lib/lake/place";

/** Where a Kafka record came from; undefined for everything else, whose source has no offsets. */
export function originOf(source: unknown): Origin | undefined {
  if (typeof source !== "object" || source === null) return undefined;
  const { kind, topic, partition, offset, group } = source as Record<string, unknown>;
  if (kind !== "kafka" || typeof topic !== "string" || !/^[\w.-]+$/.test(topic)) return undefined;
  const [number, at] = [Number(partition), Number(offset)];
  if (!Number.isSafeInteger(number) || !Number.isSafeInteger(at) || number < 0 || at < 0) return undefined;
  return { topic, partition: number, offset: at, group: typeof group === "string" ? group : undefined };
}

/** Columns that say where a record came from, and their types. */
export const COORDINATES = { _topic: "string", _partition: "long", _offset: "long" } as const;

/**
 * A record's value with these columns; they are null where its source has no offsets.
 * @throws Rejected when the value is no object
 */
export function located(value: unknown, origin: Origin | undefined): Record<string, unknown> {
  let record = value;
  if (Buffer.isBuffer(value)) {
    try {
      record = JSON.parse(value.toString("utf8"));
    } catch (cause) {
      throw new Rejected("_offset can't be added to a payload of bytes that are not JSON", { cause });
    }
  }
  if (typeof record !== "object" || record === null || Array.isArray(record) || ArrayBuffer.isView(record))
    throw new Rejected("_offset can be added to a payload that is an object, no other");
  const { topic = null, partition = null, offset = null } = origin ?? {};
  return { ...record, _topic: topic, _partition: partition, _offset: offset };
}

/** Which piece of a split record a message is, when a split node says so. */
export function partOf({ parts }: Message): number | undefined {
  if (typeof parts !== "object" || parts === null) return undefined;
  const { index } = parts as { index?: unknown };
  return typeof index === "number" && Number.isSafeInteger(index) && index >= 0 ? index : undefined;
}

/** What is written of a record when not only its payload is wanted. */
export function wholeRecord(record: Message): Record<string, unknown> {
  const { payload, key, timestamp, headers, source } = record;
  const text = (value: unknown): unknown => (Buffer.isBuffer(value) ? value.toString("utf8") : value);
  return {
    payload: text(payload),
    key: text(key) ?? null,
    timestamp: timestamp ?? null,
    headers: headers ?? {},
    source,
  };
}
