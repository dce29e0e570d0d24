import type { Message } from "../../lib/delivery/contract";
import { isWholeRecord, locatedAt } from "../../lib/completeness/record-feed";
import type { LakeItem } from "../../lib/lake/reading";

/**
 * A row as a record. A whole record, as hdfs sink writes it on request, gets back its key, headers and timestamp. Where in
 * Kafka a row came from, if the file says so, is `source.origin`.
 *
 * @param again read from its bytes anew, whatever flows have made of the first copy
 */
export function recordOf(item: LakeItem, again: boolean, topic: string): Message {
  const { row, path, range, time, hasTime, reader } = item;
  const payload = again ? reader.read(row)?.payload : item.payload;
  const source = {
    kind: "lake",
    path,
    row: row.line,
    offset: row.offset,
    ...(range ? { file: range } : {}),
  };
  const common = topic === "" ? {} : { topic };
  if (!item.error && isWholeRecord(payload)) {
    const { key, headers, timestamp, source: origin } = payload;
    return {
      payload: payload.payload,
      ...common,
      ...(key === null ? {} : { key }),
      headers: reader.isSparse ? present(headers) : headers,
      ...(hasTime ? { timestamp: time } : timestamp === null ? {} : { timestamp }),
      source: { ...source, origin },
    };
  }
  const located = item.error ? undefined : locatedAt(payload);
  return {
    payload,
    ...common,
    ...(hasTime ? { timestamp: time } : {}),
    source: located ? { ...source, origin: { kind: "kafka", ...located } } : source,
  };
}

/** Without headers that other records of the file have. */
const present = (headers: unknown): unknown =>
  typeof headers === "object" && headers !== null
    ? Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== null))
    : headers;
