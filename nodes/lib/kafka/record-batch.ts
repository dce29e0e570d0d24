/**
 * Kafka's record batch (magic 2), bytes ↔ records. Layout from kafka.apache.org/documentation/#recordbatch:
 * baseOffset 0, length 8, leaderEpoch 12, magic 16, crc 17, attributes 21, lastOffsetDelta 23, baseTimestamp 27,
 * maxTimestamp 35, producerId 43, producerEpoch 51, baseSequence 53, count 57, records 61.
 */
import { crc32c } from "../crc32c";
import { asError } from "../errors";
import { leaseOf, type AnswerLease } from "./answer-pool";
import { codecById, type Codec } from "./codecs";
import { PackedRecords } from "./packed-records";
import type { FetchedBatch, FetchedRecord, OutgoingRecord } from "./port";
import { Cursor, readOne, RecordList, type RecordTaker, type Segment } from "./record-reader";

const HEADER = 61;
const LOG_APPEND_TIME = 8;
const TRANSACTIONAL = 16;
const CONTROL = 32;

const int64 = (bytes: Buffer, at: number): number => bytes.readInt32BE(at) * 4294967296 + bytes.readUInt32BE(at + 4);

/** Bytes that one batch may hold once it is unpacked. Kafka's producers make batches of 16 KB to some MB. */
export const MOST_UNPACKED = 256 * 1024 * 1024;

/** Records for which packing begins with room, whatever a batch says it holds. */
const MOST_ROOM = 4096;

/** Bytes that are unpacked of one fetch: what comes behind is left for the next. Counted over its partitions. */
export interface Unpacking {
  left: number;
}
/** A whole batch is always unpacked, so at most `MOST_UNPACKED` more. */
export const unpacking = (): Unpacking => ({ left: 64 * 1024 * 1024 });

/** A transaction that was aborted: its records at and after `firstOffset`, up to its end marker, are not shown. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** A stored batch that can't be read, from `offset` on; what was read of it before is good. */
export class DamagedBatch extends Error {
  override readonly name = "DamagedBatch";
  constructor(
    readonly offset: number,
    /** The offset after the batch. */
    readonly nextOffset: number,
    /** The batch as it is stored. */
    readonly bytes: Buffer,
    override readonly cause: Error,
  ) {
    super(`the batch of offsets ${offset} to ${nextOffset - 1} can't be read: ${cause.message}`);
  }
}

/** What one fetch brought of one partition, read bit by bit: records that wait cost neither time nor memory. */
export class RecordSet {
  private segments: Segment[] = [];
  private current = 0;
  /** First offset after the last whole batch; 0 when there was none. */
  nextOffset = 0;

  /** @param lease of what its batches are windows into, held until all is read */
  constructor(private lease?: AnswerLease) {
    lease?.hold();
  }

  add(segment: Segment): void {
    this.segments.push(segment);
  }

  /**
   * The next records, at most `max`, none when all were read. Those before offset `from` are left out.
   * @throws DamagedBatch once for a batch that can't be read; the next call goes on behind it
   */
  read(max: number, from = 0): FetchedRecord[] {
    this.lease?.keep();
    const list = new RecordList();
    this.readInto(list, max, from);
    return list.records;
  }

  /** The same without an object for each. */
  readPacked(max: number, from = 0): PackedRecords {
    let left = 0;
    for (let at = this.current; at < this.segments.length && left < max; at++) left += this.segments[at]!.left;
    const packed = new PackedRecords([], Math.min(max, Math.max(0, left), MOST_ROOM));
    this.readInto(packed, max, from);
    return packed;
  }

  /** What reads it from an offset on. */
  reading(from: number): Pick<FetchedBatch, "read" | "readPacked"> {
    return { read: (max) => this.read(max, from), readPacked: (max) => this.readPacked(max, from) };
  }

  private readInto(into: RecordTaker, max: number, from: number): void {
    while (into.length < max) {
      const segment = this.segments[this.current];
      if (segment === undefined) {
        this.end();
        break;
      }
      if (segment.damage !== undefined) {
        if (into.length > 0) break;
        this.current++;
        this.lease?.keep();
        const { next, lastOffset, stored, damage } = segment;
        if (lastOffset >= from) throw new DamagedBatch(Math.max(next, from), lastOffset + 1, stored, damage);
      } else if (segment.left === 0) this.current++;
      else
        try {
          readOne(segment, from, into);
        } catch (error) {
          segment.damage = asError(error);
        }
    }
  }

  private end(): void {
    [this.segments, this.current] = [[], 0];
    this.lease?.release();
    this.lease = undefined;
  }
}

/** True when the set holds the old message format (magic 0 or 1), which this file does not read. */
export const isOldFormat = (bytes: Buffer): boolean => bytes.length > 16 && bytes[16]! < 2;

/**
 * Opens a fetched record set: whole batches, the last one possibly cut off (ignored). Control records and those of
 * `aborted` transactions are left out, and so are batches for which nothing is left in `budget`.
 */
export const openRecordSet = async (
  bytes: Buffer,
  aborted: readonly AbortedTransaction[] = [],
  budget = unpacking(),
): Promise<RecordSet> => {
  const set = new RecordSet(leaseOf(bytes));
  const waiting = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const ignored = new Set<number>();
  let at = 0;
  while (at + HEADER <= bytes.length) {
    const end = at + 12 + bytes.readInt32BE(at + 8);
    if (end > bytes.length || end < at + HEADER) break;
    const baseOffset = int64(bytes, at);
    const stored = bytes.subarray(at, end);
    const isWhole = stored.readUInt32BE(17) === crc32c(stored, 21);
    const attributes = bytes.readInt16BE(at + 21);
    let lastOffset = baseOffset + bytes.readInt32BE(at + 23);
    if (!isWhole) lastOffset = plausibleLast(baseOffset, lastOffset, bytes, end);
    const producerId = int64(bytes, at + 43);
    while (waiting[0] && waiting[0].firstOffset <= lastOffset) ignored.add(waiting.shift()!.producerId);
    if (isWhole && attributes & CONTROL) {
      ignored.delete(producerId);
    } else if (!(isWhole && attributes & TRANSACTIONAL && ignored.has(producerId))) {
      let body: Buffer | undefined;
      let damage: Error | undefined = isWhole ? undefined : new RangeError("its checksum is wrong");
      const isPacked = (attributes & 7) !== 0;
      if (isPacked && budget.left <= 0) break;
      if (isWhole)
        try {
          body = isPacked
            ? await codecById(attributes & 7)?.decompress(stored.subarray(HEADER), MOST_UNPACKED)
            : stored;
          if (isPacked) budget.left -= body?.length ?? 0;
        } catch (error) {
          damage = asError(error);
        }
      set.add({
        stored,
        lastOffset,
        damage,
        next: baseOffset,
        cursor: new Cursor(body ?? stored, isPacked ? 0 : HEADER),
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

/** The last offset of a batch whose checksum is wrong: what it says, unless that can't be. */
const plausibleLast = (first: number, last: number, bytes: Buffer, end: number): number => {
  const following = end + HEADER <= bytes.length ? int64(bytes, end) : Infinity;
  return last >= first && last < following ? last : Math.max(first, following === Infinity ? first : following - 1);
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

/**
 * Makes a batch of at least one record. Producer and sequence are stamped on it later, by `stampBatch`.
 * @throws RangeError for a timestamp that is no whole ms since the epoch, and for what is too large to be written
 */
export const encodeBatch = async (records: readonly OutgoingRecord[], now: number, codec?: Codec): Promise<Buffer> => {
  let base = Infinity;
  let latest = -Infinity;
  for (const { timestamp = now } of records) {
    if (!(Number.isSafeInteger(timestamp) && timestamp >= 0))
      throw new RangeError(`its timestamp ${timestamp} is none`);
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
