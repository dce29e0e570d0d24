/** A record as bytes for the spool: the format may change only with a new first byte, since old spools outlive an update. */
import type { OutgoingRecord } from "./port";

const VERSION = 1;
const NONE = 0xffffffff;

const int32 = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};
const sized = (content: Uint8Array | null): Uint8Array[] =>
  content === null ? [int32(NONE)] : [int32(content.length), content];

/** @param now the timestamp of a record that has none: when it came, not when Kafka is back */
export const encodeRecord = (record: OutgoingRecord, now: number): Buffer => {
  const { topic, partition, key, value, headers = [], timestamp } = record;
  const head = Buffer.allocUnsafe(9);
  head[0] = VERSION;
  head.writeDoubleLE(timestamp ?? now, 1);
  const parts: Uint8Array[] = [
    head,
    int32(partition ?? NONE),
    ...sized(Buffer.from(topic)),
    ...sized(key),
    ...sized(value),
  ];
  parts.push(int32(headers.length));
  for (const [name, content] of headers) parts.push(...sized(Buffer.from(name)), ...sized(content));
  return Buffer.concat(parts);
};

/** @throws RangeError for bytes that `encodeRecord` did not make */
export const decodeRecord = (bytes: Buffer): OutgoingRecord => {
  if (bytes[0] !== VERSION)
    throw new RangeError(`a spooled record of format ${bytes[0]}, which this version does not know`);
  let at = 9;
  const number = (): number => bytes.readUInt32LE((at += 4) - 4);
  const take = (): Buffer | null => {
    const length = number();
    if (length === NONE) return null;
    if (at + length > bytes.length) throw new RangeError("a spooled record is cut off");
    return bytes.subarray(at, (at += length));
  };
  const timestamp = bytes.readDoubleLE(1);
  const partition = number();
  const topic = String(take());
  const key = take();
  const value = take();
  const headers = Array.from({ length: number() }, () => [String(take()), take()] as const);
  return {
    topic,
    partition: partition === NONE ? undefined : partition,
    key,
    value,
    headers: headers.length > 0 ? headers : undefined,
    timestamp,
  };
};
