/**
 * Records that wait in a flow until they are done. As objects they would be most of what the garbage collector copies:
 * packed they are two arrays of numbers, and windows into the answers that brought them.
 */
import type { UnreadRecords } from "../unread";
import type { FetchedRecord, Headers } from "./port";
import { asObject, type RecordTaker } from "./record-reader";

/** Of each record: where in its answer key and value begin, their lengths (−1 for null), its size and place behind the first. */
const [KEY, KEY_LENGTH, VALUE, VALUE_LENGTH, SIZE, BEHIND, NUMBERS] = [0, 1, 2, 3, 4, 5, 6] as const;
/** Compaction can leave larger holes; what does not fit is kept as it is. */
const MOST_BEHIND = 2 ** 31 - 1;

const NO_BYTES = Buffer.alloc(0);

/** All bytes of the answer that a window looks into. */
const answerOf = (window: Buffer): Buffer => Buffer.from(window.buffer as ArrayBuffer);

export class PackedRecords implements UnreadRecords, RecordTaker {
  length = 0;
  /** Of all records, as `FetchedRecord` has it of one. */
  size = 0;
  private first = 0;
  private numbers: Int32Array;
  private times: Float64Array;
  /** Of each record where they came with several answers, else of all. */
  private answers: Buffer | Buffer[] = NO_BYTES;
  private latest: Buffer = NO_BYTES;
  private readonly headers = new Map<number, Headers>();
  /** Those that can't be packed. */
  private readonly others = new Map<number, FetchedRecord>();

  /** @param room records for which there is room before arrays are copied */
  constructor(records: readonly FetchedRecord[] = [], room = records.length) {
    this.numbers = new Int32Array(room * NUMBERS);
    this.times = new Float64Array(room);
    for (const record of records) this.add(record);
  }

  /** One record more, whose key and value stand in `bytes`; lengths are −1 for null. */
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
  ): void {
    const at = this.length;
    if (at === 0) this.first = offset;
    const behind = offset - this.first;
    if (behind > MOST_BEHIND) {
      this.keep(asObject(bytes, offset, timestamp, key, keyLength, value, valueLength, headers, size));
      return;
    }
    const { numbers } = this.begin(bytes, timestamp, size);
    const start = at * NUMBERS;
    numbers[start + KEY] = bytes.byteOffset + key;
    numbers[start + KEY_LENGTH] = keyLength;
    numbers[start + VALUE] = bytes.byteOffset + value;
    numbers[start + VALUE_LENGTH] = valueLength;
    numbers[start + SIZE] = size;
    numbers[start + BEHIND] = behind;
    if (headers) this.headers.set(at, headers);
  }

  offset(at: number): number {
    return this.others.get(at)?.offset ?? this.first + this.number(at, BEHIND);
  }

  /** ms since the epoch */
  timestamp(at: number): number {
    return this.times[at] ?? NaN;
  }

  bytes(at: number): Buffer {
    return this.others.get(at)?.value ?? (Array.isArray(this.answers) ? this.answers[at]! : this.answers);
  }

  from(at: number): number {
    return this.others.has(at) ? 0 : this.number(at, VALUE);
  }

  sizeOf(at: number): number {
    const other = this.others.get(at);
    return other ? (other.value?.length ?? -1) : this.number(at, VALUE_LENGTH);
  }

  key(at: number): Buffer | null {
    const other = this.others.get(at);
    return other ? other.key : this.window(at, this.number(at, KEY), this.number(at, KEY_LENGTH));
  }

  value(at: number): Buffer | null {
    return this.window(at, this.from(at), this.sizeOf(at));
  }

  /** One of them, or undefined where there is none. */
  at(at: number): FetchedRecord | undefined {
    if (at >= this.length) return undefined;
    return (
      this.others.get(at) ?? {
        offset: this.offset(at),
        timestamp: this.timestamp(at),
        key: this.key(at),
        value: this.value(at),
        headers: this.headers.get(at),
        size: this.number(at, SIZE),
      }
    );
  }

  all(): FetchedRecord[] {
    return Array.from({ length: this.length }, (_, at) => this.at(at)!);
  }

  private add(record: FetchedRecord): void {
    const { key, value, offset, timestamp, headers, size } = record;
    if (this.length === 0) this.first = offset;
    if (key && value && key.buffer !== value.buffer) {
      this.keep(record);
      return;
    }
    const bytes = answerOf(value ?? key ?? this.latest);
    const [from, to] = [key?.byteOffset ?? 0, value?.byteOffset ?? 0];
    this.take(bytes, offset, timestamp, from, key?.length ?? -1, to, value?.length ?? -1, headers, size);
  }

  private keep(record: FetchedRecord): void {
    this.others.set(this.length, record);
    this.begin(record.value ?? NO_BYTES, record.timestamp, record.size);
  }

  /** Makes the next record one of them. */
  private begin(bytes: Buffer, timestamp: number, size: number): this {
    const at = this.length++;
    if (at === this.times.length) {
      const room = Math.max(16, 2 * at);
      const [numbers, times] = [new Int32Array(room * NUMBERS), new Float64Array(room)];
      numbers.set(this.numbers);
      times.set(this.times);
      [this.numbers, this.times] = [numbers, times];
    }
    this.times[at] = timestamp;
    this.size += size;
    if (bytes.buffer !== this.latest.buffer) this.latest = answerOf(bytes);
    if (Array.isArray(this.answers)) this.answers.push(this.latest);
    else if (at === 0) this.answers = this.latest;
    else if (this.answers !== this.latest) {
      const { answers, latest } = this;
      this.answers = Array.from({ length: at + 1 }, (_, one) => (one < at ? answers : latest));
    }
    return this;
  }

  private number(at: number, which: number): number {
    return this.numbers[at * NUMBERS + which] ?? 0;
  }

  private window(at: number, from: number, length: number): Buffer | null {
    if (length < 0) return null;
    const { buffer, byteOffset } = this.bytes(at);
    return Buffer.from(buffer as ArrayBuffer, byteOffset + from, length);
  }
}
