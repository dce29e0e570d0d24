/** Reads the records of one batch bit by bit: those that wait cost neither time nor memory. */
import { shortLived } from "../short-lived";
import type { FetchedRecord, Headers } from "./port";

/** Reads variable-length numbers one after the other. */
export class Cursor {
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

  /** Passes over bytes with their length in front. @returns the length, −1 for null; `at` is behind them then */
  pass(): number {
    const length = this.varint();
    if (length > 0) this.at += length;
    return length;
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

/** Records of one batch that are still to be read. */
export interface Segment {
  /** The batch as it is stored. */
  readonly stored: Buffer;
  readonly lastOffset: number;
  /** Why no more of it can be read. */
  damage: Error | undefined;
  /** After the last record that was read. */
  next: number;
  readonly cursor: Cursor;
  left: number;
  readonly baseOffset: number;
  readonly baseTimestamp: number;
  /** Given by the broker to the whole batch, in place of the records' own. */
  readonly appendTime: number | undefined;
}

/** Takes records as they are read: where in `bytes` key and value stand, with length −1 for null. */
export interface RecordTaker {
  take(
    bytes: Buffer,
    offset: number,
    timestamp: number,
    key: number,
    keyLength: number,
    value: number,
    valueLength: number,
    headers: Headers | undefined,
    size: number,
  ): void;
  readonly length: number;
}

/** A record as an object, whose key and value are windows into `bytes`. */
export const asObject = (
  ...[bytes, offset, timestamp, key, keyLength, value, valueLength, headers, size]: Parameters<RecordTaker["take"]>
): FetchedRecord => {
  const record = shortLived<FetchedRecord>();
  record.offset = offset;
  record.timestamp = timestamp;
  record.key = keyLength < 0 ? null : bytes.subarray(key, key + keyLength);
  record.value = valueLength < 0 ? null : bytes.subarray(value, value + valueLength);
  record.headers = headers;
  record.size = size;
  return record;
};

/** Makes objects of them. */
export class RecordList implements RecordTaker {
  readonly records: FetchedRecord[] = [];

  get length(): number {
    return this.records.length;
  }

  take(...record: Parameters<RecordTaker["take"]>): void {
    this.records.push(asObject(...record));
  }
}

/** Reads one record; those before offset `from` are left out. @throws RangeError for damaged bytes */
export const readOne = (segment: Segment, from: number, into: RecordTaker): void => {
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
    const keyLength = cursor.pass();
    const key = cursor.at - Math.max(0, keyLength);
    const valueLength = cursor.pass();
    const value = cursor.at - Math.max(0, valueLength);
    if (cursor.at > end)
      throw new RangeError(`the record of offset ${offset} says that its value reaches over its own end`);
    const headerCount = cursor.varint();
    const headers = headerCount > 0 ? readHeaders(cursor, headerCount) : undefined;
    const { bytes } = cursor;
    into.take(bytes, offset, appendTime ?? timestamp, key, keyLength, value, valueLength, headers, length);
  }
  segment.next = offset + 1;
  cursor.at = end;
};
