/**
 * Records that wait in a flow until they are done. As objects they would be most of what the garbage collector copies:
 * packed they are two arrays of numbers, and windows into the answers that brought them.
 */
import type { FetchedRecord } from "./port";

/** Of each record: where in its answer key and value begin, their lengths (−1 for null), its size and place behind the first. */
const [KEY, KEY_LENGTH, VALUE, VALUE_LENGTH, SIZE, BEHIND, NUMBERS] = [0, 1, 2, 3, 4, 5, 6] as const;
/** Compaction can leave larger holes; what does not fit is kept as it is. */
const MOST_BEHIND = 2 ** 31 - 1;

const NO_BYTES = Buffer.alloc(0);
const answerOf = ({ key, value }: FetchedRecord): ArrayBufferLike => (value ?? key ?? NO_BYTES).buffer;

export class PackedRecords {
  readonly length: number;
  private readonly first: number;
  private readonly numbers: Int32Array;
  private readonly times: Float64Array;
  /** Of each record where they came with several answers, else of all. */
  private answers: ArrayBufferLike | readonly ArrayBufferLike[];
  private readonly headers: readonly FetchedRecord["headers"][] | undefined;
  /** Those that can't be packed. */
  private readonly others = new Map<number, FetchedRecord>();

  constructor(records: readonly FetchedRecord[]) {
    const { length } = records;
    const [first] = records;
    this.length = length;
    this.first = first?.offset ?? 0;
    this.answers = first ? answerOf(first) : NO_BYTES.buffer;
    this.numbers = new Int32Array(length * NUMBERS);
    this.times = new Float64Array(length);
    for (let at = 0; at < length; at++) this.pack(records[at]!, at);
    if (records.some((record) => answerOf(record) !== this.answers)) this.answers = records.map(answerOf);
    if (records.some(({ headers }) => headers !== undefined)) this.headers = records.map(({ headers }) => headers);
  }

  offset(at: number): number {
    return this.others.get(at)?.offset ?? this.first + this.number(at, BEHIND);
  }

  /** ms since the epoch */
  timestamp(at: number): number {
    return this.times[at] ?? NaN;
  }

  value(at: number): Buffer | null {
    const other = this.others.get(at);
    return other ? other.value : this.window(at, this.number(at, VALUE), this.number(at, VALUE_LENGTH));
  }

  /** One of them, or undefined where there is none. */
  at(at: number): FetchedRecord | undefined {
    if (at >= this.length) return undefined;
    return (
      this.others.get(at) ?? {
        offset: this.offset(at),
        timestamp: this.timestamp(at),
        key: this.window(at, this.number(at, KEY), this.number(at, KEY_LENGTH)),
        value: this.value(at),
        headers: this.headers?.[at],
        size: this.number(at, SIZE),
      }
    );
  }

  all(): FetchedRecord[] {
    return Array.from({ length: this.length }, (_, at) => this.at(at)!);
  }

  private pack(record: FetchedRecord, at: number): void {
    const { key, value, size, offset, timestamp } = record;
    const behind = offset - this.first;
    this.times[at] = timestamp;
    if (behind > MOST_BEHIND || (key && value && key.buffer !== value.buffer)) {
      this.others.set(at, record);
      return;
    }
    const { numbers } = this;
    const from = at * NUMBERS;
    numbers[from + KEY] = key?.byteOffset ?? 0;
    numbers[from + KEY_LENGTH] = key?.length ?? -1;
    numbers[from + VALUE] = value?.byteOffset ?? 0;
    numbers[from + VALUE_LENGTH] = value?.length ?? -1;
    numbers[from + SIZE] = size;
    numbers[from + BEHIND] = behind;
  }

  private number(at: number, which: number): number {
    return this.numbers[at * NUMBERS + which] ?? 0;
  }

  private window(at: number, from: number, length: number): Buffer | null {
    if (length < 0) return null;
    const { answers } = this;
    return Buffer.from((Array.isArray(answers) ? answers[at] : answers) as ArrayBuffer, from, length);
  }
}
