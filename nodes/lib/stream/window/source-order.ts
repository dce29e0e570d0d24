/** Order and identity of records by their `source` coordinates. */
import { isObject } from "../record";

/** Places where a source says which record of its log, file or stream it is; what changes on a replay is not here. */
const PLACES = ["kind", "topic", "path", "file", "partition", "offset", "line", "id"] as const;

/** By kind, topic or file, partition and offset; numbers (also as text, as offsets of 64 bits come) by their value. */
export function compareSources(a: unknown, b: unknown): number {
  if (a === b) return 0;
  if (!isObject(a) || !isObject(b)) return Number(isObject(b)) - Number(isObject(a));
  for (const place of PLACES) {
    const order = comparePlaces(a[place], b[place]);
    if (order !== 0) return order;
  }
  return 0;
}

/** Whether both are one record that came twice: told only where the source gives an offset within one log or file. */
export function sameSource(a: unknown, b: unknown): boolean {
  return isObject(a) && isObject(b) && a["offset"] !== undefined && a["offset"] !== null && compareSources(a, b) === 0;
}

/** The stream whose own order bounds the disorder: a partition of a log, else one per kind of source. */
export function partitionOf(source: unknown): string {
  if (!isObject(source)) return "";
  const { kind, topic, partition } = source;
  return partition === undefined ? String(kind ?? "") : `${String(topic)}/${String(partition)}`;
}

const INTEGER = /^-?\d+$/;

/** Numbers (also as text) by their value, other things by their text; what is missing comes first. */
export function comparePlaces(a: unknown, b: unknown): number {
  if (a === b) return 0;
  if (a === undefined || a === null) return -1;
  if (b === undefined || b === null) return 1;
  if (typeof a === "number" && typeof b === "number") return a - b;
  const [x, y] = [String(a), String(b)];
  if (INTEGER.test(x) && INTEGER.test(y)) {
    const [p, q] = [BigInt(x), BigInt(y)];
    return p < q ? -1 : p > q ? 1 : 0;
  }
  return x < y ? -1 : x > y ? 1 : 0;
}
