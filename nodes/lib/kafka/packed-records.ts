/**
 * Records that wait in a flow until they are done. As objects they would be most of what the garbage collector copies:
 * packed they are two arrays of numbers, and windows into the answers that brought them.
 */
import { Spare } from "../spare";
import type { UnreadRecords } from "../unread";
import { leaseOf, type AnswerLease } from "./answer-pool";
import type { FetchedRecord, Headers } from "./port";
import { asObject, type RecordTaker } from "./record-reader";

/** Of each record: where in its answer key and value begin, their lengths (−1 for null), its size and place behind the first. */
const [KEY, KEY_LENGTH, VALUE, VALUE_LENGTH, SIZE, BEHIND, NUMBERS] = [0, 1, 2, 3, 4, 5, 6] as const;
/** Compaction can leave larger holes; what does not fit is kept as it is. */
const MOST_BEHIND = 2 ** 31 - 1;

const NO_BYTES = Buffer.alloc(0);

/** Arrays for so many records. */
interface Room {
  readonly numbers: Int32Array;
  readonly times: Float64Array;
}
const newRoom = (records: number): Room => ({
  numbers: new Int32Array(records * NUMBERS),
  times: new Float64Array(records),
});
const NO_ROOM = newRoom(0);
const LEAST_ROOM = 16;
/** Records for which there is room in the arrays of records that were released. */
const MOST_SPARE = 64 * 1024;
const spare = new Spare(newRoom, ({ times }) => times.length, LEAST_ROOM, MOST_SPARE);

/** All bytes of the answer that a window looks into. */
const answerOf = (window: Buffer): Buffer => Buffer.from(window.buffer as ArrayBuffer);

export class PackedRecords implements UnreadRecords, RecordTaker {
  length = 0;
  /** Of all records, as `FetchedRecord` has it of one. */
  size = 0;
  private first = 0;
  private room: Room;
  /** Of each record where they came with several answers, else of all. */
  private answers: Buffer | Buffer[] = NO_BYTES;
  private latest: Buffer = NO_BYTES;
  /** Of those of its answers whose memory can be used again. */
  private readonly leases: AnswerLease[] = [];
  /** Windows into the answers are with others. */
  private kept = false;
  released = false;
  private readonly headers = new Map<number, Headers>();
  /** Those that can't be packed. */
  private readonly others = new Map<number, FetchedRecord>();

  /** @param room records for which there is room before arrays are copied */
  constructor(records: readonly FetchedRecord[] = [], room = records.length) {
    this.room = room > 0 ? spare.take(room) : NO_ROOM;
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
      this.keepAnswers();
      leaseOf(bytes)?.keep();
      this.keep(asObject(bytes, offset, timestamp, key, keyLength, value, valueLength, headers, size));
      return;
    }
    const { numbers } = this.begin(bytes, timestamp, size).room;
    const start = at * NUMBERS;
    numbers[start + KEY] = bytes.byteOffset + key;
    numbers[start + KEY_LENGTH] = keyLength;
    numbers[start + VALUE] = bytes.byteOffset + value;
    numbers[start + VALUE_LENGTH] = valueLength;
    numbers[start + SIZE] = size;
    numbers[start + BEHIND] = behind;
    if (headers) {
      this.headers.set(at, headers);
      this.keepAnswers();
    }
  }

  /** Nobody reads their bytes any more: answers into which nobody else looks are used again. */
  release(): void {
    if (this.released) return;
    this.released = true;
    this.answers = this.latest = NO_BYTES;
    spare.give(this.room);
    this.room = NO_ROOM;
    for (const lease of this.leases) lease.release();
  }

  offset(at: number): number {
    return this.others.get(at)?.offset ?? this.first + this.number(at, BEHIND);
  }

  /** ms since the epoch */
  timestamp(at: number): number {
    return this.room.times[at] ?? NaN;
  }

  bytes(at: number): Buffer {
    if (this.released) throw new Error("records are read after their bytes were given back");
    return this.others.get(at)?.value ?? (Array.isArray(this.answers) ? this.answers[at]! : this.answers);
  }

  from(at: number): number {
    return this.others.has(at) ? 0 : this.number(at, VALUE);
  }

  sizeOf(at: number): number {
    const other = this.others.get(at);
    return other ? (other.value?.length ?? -1) : this.number(at, VALUE_LENGTH);
  }

  /** Whether a record has no key, or one that `look` takes, who must not keep its bytes. */
  hasNoKeyBut(at: number, look: (bytes: Buffer) => boolean): boolean {
    const other = this.others.get(at);
    if (other) return other.key === null || look(other.key);
    const length = this.number(at, KEY_LENGTH);
    if (length < 0) return true;
    const from = this.number(at, KEY);
    return look(this.bytes(at).subarray(from, from + length));
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
    if (at === this.room.times.length) {
      const larger = spare.take(2 * at);
      larger.numbers.set(this.room.numbers);
      larger.times.set(this.room.times);
      spare.give(this.room);
      this.room = larger;
    }
    this.room.times[at] = timestamp;
    this.size += size;
    if (bytes.buffer !== this.latest.buffer) this.lookInto(bytes);
    if (Array.isArray(this.answers)) this.answers.push(this.latest);
    else if (at === 0) this.answers = this.latest;
    else if (this.answers !== this.latest) {
      const { answers, latest } = this;
      this.answers = Array.from({ length: at + 1 }, (_, one) => (one < at ? answers : latest));
    }
    return this;
  }

  private lookInto(bytes: Buffer): void {
    this.latest = answerOf(bytes);
    const lease = leaseOf(bytes);
    if (!lease || this.leases.includes(lease)) return;
    lease.hold();
    if (this.kept) lease.keep();
    this.leases.push(lease);
  }

  /** Windows into its answers go to others. */
  private keepAnswers(): void {
    if (this.kept) return;
    this.kept = true;
    for (const lease of this.leases) lease.keep();
  }

  private number(at: number, which: number): number {
    const number = this.room.numbers[at * NUMBERS + which];
    if (number === undefined) throw new RangeError(`there is no record ${at}, or not any more`);
    return number;
  }

  private window(at: number, from: number, length: number): Buffer | null {
    if (length < 0) return null;
    this.keepAnswers();
    const { buffer, byteOffset } = this.bytes(at);
    return Buffer.from(buffer as ArrayBuffer, byteOffset + from, length);
  }
}
