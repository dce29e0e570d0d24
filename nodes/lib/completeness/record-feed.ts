/** Gives records to a completeness check: what flows through Node-RED, and lines of NDJSON. */
import { hasColumns, type CompletenessCheck } from "../stream/completeness/check";
import { timeReader } from "../files/columns";
import { valuePath } from "../template";

const USUAL = ["date", "time", "timestamp", "datetime", "ts"];

/** The column that holds the time, by its usual names. */
export const usualTime = (columns: readonly string[]): string | undefined =>
  USUAL.map((name) => columns.find((column) => column.toLowerCase() === name)).find((found) => found !== undefined);

export interface RecordFeedOptions {
  /** Path of the time in the payload; empty: the record's timestamp, else the first usual name. */
  readonly time: string;
  readonly utcOffset: string;
  /** Path of the key in the payload; empty: none. */
  readonly key: string;
}

export interface FedRecord {
  readonly payload?: unknown;
  readonly timestamp?: unknown;
  readonly source?: unknown;
}

export interface Coordinates {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** Columns in which hdfs sink keeps, on request, where in Kafka a row came from; null where it came from elsewhere. */
export const LOCATION = ["_topic", "_partition", "_offset"] as const;

/** What these columns say. */
export function locatedAt(row: unknown): Coordinates | undefined {
  if (typeof row !== "object" || row === null || !Object.hasOwn(row, "_offset")) return undefined;
  const { _topic: topic, _partition: partition, _offset: offset } = row as Record<string, unknown>;
  return partition === null || offset === null
    ? undefined
    : kafkaCoordinates({ kind: "kafka", topic, partition, offset });
}

/** Coordinates of a record in Kafka, its own or those that a file has kept. */
export function kafkaCoordinates(source: unknown): Coordinates | undefined {
  if (typeof source !== "object" || source === null) return undefined;
  const { kind, origin, topic, partition, offset } = source as Record<string, unknown>;
  if (kind === "lake") return kafkaCoordinates(origin);
  if (kind !== "kafka" || typeof topic !== "string") return undefined;
  const [number, at] = [Number(partition), Number(offset)];
  return Number.isSafeInteger(number) && Number.isSafeInteger(at)
    ? { topic, partition: number, offset: at }
    : undefined;
}

/** Whether a line holds a whole record, as hdfs sink writes it on request, and not only a payload. */
export const isWholeRecord = (value: unknown): value is Required<FedRecord> & { key: unknown; headers: unknown } =>
  typeof value === "object" &&
  value !== null &&
  ["payload", "key", "timestamp", "headers"].every((name) => Object.hasOwn(value, name)) &&
  Object.keys(value).length <= 5;

/** @throws ConfigError when a path is none, or the offset */
export function recordFeed(check: CompletenessCheck, options: RecordFeedOptions): (record: FedRecord) => void {
  const within = (path: string): string => path.trim().replace(/^(?:msg\.)?payload\./u, "");
  const timePath = options.time === "" ? undefined : valuePath(within(options.time), "Time");
  const keyPath = options.key === "" ? undefined : valuePath(within(options.key), "Key");
  const read = timeReader(["time"], options.utcOffset);
  const except = new Set<string>([within(options.time), within(options.key), ...LOCATION]);
  let usual: string | undefined;

  const timeOf = ({ payload, timestamp }: FedRecord): number | undefined => {
    let time: unknown;
    if (timePath) time = timePath(payload);
    else if (typeof timestamp === "number") return timestamp;
    else {
      usual ??= hasColumns(payload) ? usualTime(Object.keys(payload)) : undefined;
      if (usual === undefined) return undefined;
      except.add(usual);
      time = (payload as Record<string, unknown> | null)?.[usual];
    }
    try {
      return read?.({ time }) ?? NaN;
    } catch {
      return NaN;
    }
  };
  return (record) => {
    const key = keyPath ? String(keyPath(record.payload) ?? "") : undefined;
    const time = timeOf(record);
    check.record(record.payload, time, key, except);
    const from = kafkaCoordinates(record.source) ?? locatedAt(record.payload);
    if (from) check.offset(from.topic, from.partition, from.offset);
  };
}
