import type { FailedElement, Message } from "../../lib/delivery/contract";
import { asError, Rejected } from "../../lib/errors";
import { extended } from "../../lib/extended";
import type { LakeRun, Origin } from "../../lib/lake/place";
import type { TakenBatch } from "../../lib/node-sink";
import { compilePath, describe } from "../../lib/stream/path";
import { isTimestamp, timeAt } from "../../lib/stream/time-at";
import type { UnreadBatch, UnreadRecords } from "../../lib/unread";

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
  return extended(record, { _topic: topic, _partition: partition, _offset: offset });
}

/**
 * Reads a record's own time, ms since the epoch. Where `msg.timestamp` is asked for and there is none, it is now for
 * records without offsets; one that may come again is refused, since it would go somewhere else then.
 * @throws ConfigError when `path` is none; the function that it gives throws Rejected when a record has no time
 */
export function recordTime(path: string): (record: object) => number {
  const read = compilePath(path, "Record time");
  const timeIn = timeAt(path);
  const plain = isTimestamp(path);
  return (record) => {
    const found = read(record);
    if (plain && found === undefined && originOf((record as Message)["source"]) === undefined) return Date.now();
    const time = timeIn(found);
    if (Number.isNaN(time))
      throw new Rejected(
        `Record time: ${path} is ${describe(found)} in this record; name a property with its time in "Record time"`,
      );
    return time;
  };
}

/** Which piece of a split record a message is, when a split node says so. */
export function partOf({ parts }: Message): number | undefined {
  if (typeof parts !== "object" || parts === null) return undefined;
  const { index } = parts as { index?: unknown };
  return typeof index === "number" && Number.isSafeInteger(index) && index >= 0 ? index : undefined;
}

/** Whether paths, alone or in a template, may lead to what is only known of a record once it was read. */
export const readsRecord = (paths: string): boolean => /payload|key|headers/u.test(paths);

/**
 * What is known of the records of a batch before they are read, with the properties of the message that carries it: one
 * object for all of them, which is another record at each call. One a record would be a fifth of what it costs.
 */
export function unreadRecord(batch: UnreadBatch, carrier: Message): (at: number) => Message {
  const source = { ...batch.source, offset: 0 };
  const whole: Message = {};
  for (const name of Object.keys(carrier)) if (name !== "payload") whole[name] = carrier[name];
  Object.assign(whole, { timestamp: 0, source });
  const { records } = batch;
  return (at) => {
    source.offset = records.offset(at);
    whole["timestamp"] = records.timestamp(at);
    return whole;
  };
}

/** An unread batch in runs of one directory each; a record for which there is none fails alone. */
export function runsOf(
  lines: UnreadRecords,
  directoryOf: (at: number) => string,
  common: Pick<LakeRun, "origin" | "part" | "timeOf">,
): TakenBatch<LakeRun> {
  const records: LakeRun[] = [];
  const failed: FailedElement[] = [];
  let from = 0;
  let directory: string | undefined;
  const end = (to: number): void => {
    if (directory !== undefined && to > from) records.push({ lines, from, to, directory, ...common });
  };
  for (let at = 0; at < lines.length; at++) {
    let next: string | undefined;
    try {
      next = directoryOf(at);
    } catch (error) {
      failed.push({ index: at, error: asError(error) });
    }
    if (next === directory) continue;
    end(at);
    [from, directory] = [at, next];
  }
  end(lines.length);
  return { records, failed };
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
