/**
 * Kafka's record batch (magic 2), bytes ↔ records. Layout from kafka.apache.org/documentation/#recordbatch:
 * baseOffset 0, length 8, leaderEpoch 12, magic 16, crc 17, attributes 21, lastOffsetDelta 23, baseTimestamp 27,
 * maxTimestamp 35, producerId 43, producerEpoch 51, baseSequence 53, count 57, records 61.
 */
import { codecById, type Codec } from "./codecs";
import { crc32c } from "./crc32c";
import type { FetchedRecord, Headers, OutgoingRecord } from "./port";

const HEADER = 61;
const LOG_APPEND_TIME = 8;
const TRANSACTIONAL = 16;
const CONTROL = 32;

const int64 = (bytes: Buffer, at: number): number => bytes.readInt32BE(at) * 4294967296 + bytes.readUInt32BE(at + 4);

/** Reads variable-length numbers one after the other. */
class Cursor {
  constructor(
    readonly bytes: Buffer,
    public at: number,
  ) {}

  /** A zigzag varint, up to 53 bits. */
  varint(): number {
    const { bytes } = this;
    let byte = bytes[this.at++]!;
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let result = byte & 0x7f;
    let scale = 128;
    do {
      byte = bytes[this.at++]!;
      result += (byte & 0x7f) * scale;
      scale *= 128;
    } while (byte >= 0x80);
    return result % 2 === 0 ? result / 2 : -(result + 1) / 2;
  }

  /** Bytes with their length in front; null for length −1. Not copied. */
  sized(): Buffer | null {
    const length = this.varint();
    if (length < 0) return null;
    const start = this.at;
    this.at += length;
    return this.bytes.subarray(start, this.at);
  }
}

const readHeaders = (cursor: Cursor, count: number): Headers => {
  const headers: Headers = {};
  for (let i = 0; i < count; i++) {
    const name = cursor.sized()?.toString() ?? "";
    const value = cursor.sized();
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (before === undefined)
      Object.defineProperty(headers, name, { value, enumerable: true, writable: true, configurable: true });
    else if (value !== null)
      headers[name] = before === null ? value : Array.isArray(before) ? [...before, value] : [before, value];
  }
  return headers;
};

/** A transaction that was aborted: its records at and after `firstOffset`, up to its end marker, are not shown. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** Records of one batch that are still to be read. */
interface Segment {
  readonly cursor: Cursor;
  left: number;
  readonly baseOffset: number;
  readonly baseTimestamp: number;
  /** Given by the broker to the whole batch, in place of the records' own. */
  readonly appendTime: number | undefined;
}

/** What one fetch brought of one partition, read bit by bit: records that wait cost neither time nor memory. */
export class RecordSet {
  private readonly segments: Segment[] = [];
  private current = 0;
  /** First offset after the last whole batch; 0 when there was none. */
  nextOffset = 0;

  add(segment: Segment): void {
    this.segments.push(segment);
  }

  /**
   * The next records, at most `max`, none when all were read. Those before offset `from` are left out.
   * @throws RangeError for damaged bytes
   */
  read(max: number, from = 0): FetchedRecord[] {
    const records: FetchedRecord[] = [];
    while (records.length < max) {
      const segment = this.segments[this.current];
      if (segment === undefined) break;
      if (segment.left === 0) this.current++;
      else readOne(segment, from, records);
    }
    return records;
  }
}

const readOne = (segment: Segment, from: number, into: FetchedRecord[]): void => {
  const { cursor, appendTime } = segment;
  segment.left--;
  const length = cursor.varint();
  const end = cursor.at + length;
  if (!(length >= 0 && end <= cursor.bytes.length))
    throw new RangeError(`a record of the batch at offset ${segment.baseOffset} reaches over the end of its batch`);
  cursor.at += 1;
  const timestamp = segment.baseTimestamp + cursor.varint();
  const offset = segment.baseOffset + cursor.varint();
  if (offset >= from) {
    const key = cursor.sized();
    const value = cursor.sized();
    const headerCount = cursor.varint();
    const headers = headerCount > 0 ? readHeaders(cursor, headerCount) : undefined;
    into.push({ offset, timestamp: appendTime ?? timestamp, key, value, headers, size: length });
  }
  cursor.at = end;
};

/** True when the set holds the old message format (magic 0 or 1), which this file does not read. */
export const isOldFormat = (bytes: Buffer): boolean => bytes.length > 16 && bytes[16]! < 2;

/**
 * Opens a fetched record set: whole batches, the last one possibly cut off (ignored). Control records and those of
 * `aborted` transactions are left out.
 * @throws ConfigError for a codec that is not there, zlib's error for damaged compressed bytes
 */
export const openRecordSet = async (bytes: Buffer, aborted: readonly AbortedTransaction[] = []): Promise<RecordSet> => {
  const set = new RecordSet();
  const waiting = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const ignored = new Set<number>();
  let at = 0;
  while (at + HEADER <= bytes.length) {
    const end = at + 12 + bytes.readInt32BE(at + 8);
    if (end > bytes.length || end < at + HEADER) break;
    const baseOffset = int64(bytes, at);
    const attributes = bytes.readInt16BE(at + 21);
    const lastOffset = baseOffset + bytes.readInt32BE(at + 23);
    const producerId = int64(bytes, at + 43);
    while (waiting[0] && waiting[0].firstOffset <= lastOffset) ignored.add(waiting.shift()!.producerId);
    if (attributes & CONTROL) {
      ignored.delete(producerId);
    } else if (!(attributes & TRANSACTIONAL && ignored.has(producerId))) {
      const codec = codecById(attributes & 7);
      const body = codec ? await codec.decompress(bytes.subarray(at + HEADER, end)) : bytes.subarray(at, end);
      set.add({
        cursor: new Cursor(body, codec ? 0 : HEADER),
        left: bytes.readInt32BE(at + 57),
        baseOffset,
        baseTimestamp: int64(bytes, at + 27),
        appendTime: attributes & LOG_APPEND_TIME ? int64(bytes, at + 35) : undefined,
      });
    }
    set.nextOffset = Math.max(set.nextOffset, lastOffset + 1);
    at = end;
  }
  return set;
};

const varintSize = (value: number): number => {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  let size = 1;
  for (; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
};

const writeVarint = (bytes: Buffer, at: number, value: number): number => {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  let to = at;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes[to++] = (rest % 128) | 0x80;
  bytes[to++] = rest;
  return to;
};

const sizedSize = (value: Uint8Array | null): number => (value === null ? 1 : varintSize(value.length) + value.length);

const writeSized = (bytes: Buffer, at: number, value: Uint8Array | null): number => {
  if (value === null) return writeVarint(bytes, at, -1);
  const start = writeVarint(bytes, at, value.length);
  bytes.set(value, start);
  return start + value.length;
};

/** Bytes that a record takes in a batch, a few more than exact; to know when a batch is full. */
export const recordSize = (record: OutgoingRecord): number => {
  let size = 20 + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const [name, value] of record.headers ?? []) size += 8 + Buffer.byteLength(name) + (value?.length ?? 0);
  return size;
};

/** Makes a batch of at least one record. Producer and sequence are stamped on it later, by `stampBatch`. */
export const encodeBatch = async (records: readonly OutgoingRecord[], now: number, codec?: Codec): Promise<Buffer> => {
  let base = Infinity;
  let latest = -Infinity;
  for (const { timestamp = now } of records) {
    if (timestamp < base) base = timestamp;
    if (timestamp > latest) latest = timestamp;
  }
  const names = records.map(({ headers }) => headers?.map(([name]) => Buffer.from(name)) ?? []);
  const sizes = records.map(({ key, value, headers = [], timestamp = now }, i) => {
    let size =
      1 + varintSize(timestamp - base) + varintSize(i) + sizedSize(key) + sizedSize(value) + varintSize(headers.length);
    for (const [h, [, content]] of headers.entries()) size += sizedSize(names[i]![h]!) + sizedSize(content);
    return size;
  });
  const start = codec ? 0 : HEADER;
  const plain = Buffer.allocUnsafe(start + sizes.reduce((sum, size) => sum + varintSize(size) + size, 0));
  let at = start;
  for (const [i, { key, value, headers = [], timestamp = now }] of records.entries()) {
    at = writeVarint(plain, at, sizes[i]!);
    plain[at++] = 0;
    at = writeVarint(plain, at, timestamp - base);
    at = writeVarint(plain, at, i);
    at = writeSized(plain, at, key);
    at = writeSized(plain, at, value);
    at = writeVarint(plain, at, headers.length);
    for (const [h, [, content]] of headers.entries()) {
      at = writeSized(plain, at, names[i]![h]!);
      at = writeSized(plain, at, content);
    }
  }
  const batch = codec ? Buffer.concat([Buffer.allocUnsafe(HEADER), await codec.compress(plain)]) : plain;
  batch.fill(0, 0, HEADER);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt32BE(-1, 12);
  batch[16] = 2;
  batch.writeInt16BE(codec?.id ?? 0, 21);
  batch.writeInt32BE(records.length - 1, 23);
  batch.writeBigInt64BE(BigInt(base), 27);
  batch.writeBigInt64BE(BigInt(latest), 35);
  batch.writeInt32BE(records.length, 57);
  return batch;
};

/** Who writes a batch, and as which of its batches: what makes a repeated request harmless. All −1: not idempotent. */
export interface Stamp {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly sequence: number;
  readonly transactional?: boolean;
}

/** Writes producer, sequence and checksum into a batch made by `encodeBatch`. */
export const stampBatch = (
  batch: Buffer,
  { producerId, producerEpoch, sequence, transactional = false }: Stamp,
): void => {
  if (transactional) batch.writeInt16BE(batch.readInt16BE(21) | TRANSACTIONAL, 21);
  batch.writeBigInt64BE(producerId, 43);
  batch.writeInt16BE(producerEpoch, 51);
  batch.writeInt32BE(sequence, 53);
  batch.writeUInt32BE(crc32c(batch, 21), 17);
};
