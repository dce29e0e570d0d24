/** The values of one column chunk, in PLAIN encoding as they came: looked at and compared without being made. */
import type { MinMaxType } from "hyparquet/src/types.js";
import { memory } from "./memory";
import type { PlainPart } from "./plain";

export type PlainType = "INT32" | "INT64" | "FLOAT" | "DOUBLE" | "BYTE_ARRAY";

const WIDTHS = { INT32: 4, INT64: 8, FLOAT: 4, DOUBLE: 8, BYTE_ARRAY: 0 } as const;
/** Bytes of the length before a byte array. */
const PREFIX = 4;

export interface Bounds {
  readonly min: MinMaxType | undefined;
  readonly max: MinMaxType | undefined;
  /** Values that are no number, and no bounds either. */
  readonly nans: number;
}

export class PlainValues {
  readonly count: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  private readonly view: DataView;
  private readonly width: number;
  private readonly isJoined: boolean;
  /** Where each byte array begins, its length before it, and where the last one ends. */
  private readonly starts: Uint32Array | undefined;

  /** @param rows of all parts */
  constructor(
    readonly type: PlainType,
    parts: readonly PlainPart[],
    rows: number,
  ) {
    this.bytes = joined(parts.map(({ bytes }) => bytes));
    this.isJoined = parts.length > 1;
    const { buffer, byteOffset, length } = this.bytes;
    this.view = new DataView(buffer, byteOffset, length);
    this.width = WIDTHS[type];
    this.starts = this.width === 0 ? this.find(rows) : undefined;
    this.count = this.starts ? this.starts.length - 1 : length / this.width;
  }

  /** Where a value begins in the bytes; of `count`, where the last one ends. */
  start(index: number): number {
    return this.starts ? this.starts[index]! : index * this.width;
  }

  size(index: number): number {
    return this.starts ? this.starts[index + 1]! - this.starts[index]! : this.width;
  }

  equal(a: number, b: number): boolean {
    const size = this.size(a);
    if (size !== this.size(b)) return false;
    const { bytes } = this;
    let [at, other] = [this.start(a), this.start(b)];
    for (const end = at + size; at < end; at++, other++) if (bytes[at] !== bytes[other]) return false;
    return true;
  }

  /** 32 bits that are the same for equal values. */
  hash(index: number): number {
    const { bytes, view } = this;
    let at = this.start(index);
    const end = at + this.size(index);
    let hash = end - at;
    for (; at + 4 <= end; at += 4) {
      hash = Math.imul(hash ^ view.getInt32(at, true), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    for (; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
    return hash ^ (hash >>> 13);
  }

  /** @param chosen the values among which they are sought; all without it */
  bounds(chosen?: Uint32Array): Bounds {
    switch (this.type) {
      case "FLOAT":
      case "DOUBLE":
        return this.boundsOfNumbers(chosen);
      default:
        return this.boundsInOrder(chosen);
    }
  }

  private boundsOfNumbers(chosen: Uint32Array | undefined): Bounds {
    const { view, width } = this;
    let [min, max, nans] = [Infinity, -Infinity, 0];
    const count = chosen?.length ?? this.count;
    for (let i = 0; i < count; i++) {
      const at = (chosen ? chosen[i]! : i) * width;
      const value = width === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true);
      if (value < min) min = value;
      if (value > max) max = value;
      if (Number.isNaN(value)) nans++;
    }
    if (nans === count) return { min: undefined, max: undefined, nans };
    // of zeros the format wants the negative one as least, the other as largest (parquet.thrift, ColumnOrder)
    return { min: min === 0 ? -0 : min, max: max === 0 ? 0 : max, nans };
  }

  private boundsInOrder(chosen: Uint32Array | undefined): Bounds {
    const count = chosen?.length ?? this.count;
    if (count === 0) return { min: undefined, max: undefined, nans: 0 };
    let [min, max] = [chosen?.[0] ?? 0, chosen?.[0] ?? 0];
    for (let i = 1; i < count; i++) {
      const index = chosen ? chosen[i]! : i;
      if (this.order(index, min) < 0) min = index;
      else if (this.order(index, max) > 0) max = index;
    }
    return { min: this.value(min), max: this.value(max), nans: 0 };
  }

  /** Negative where the value at `a` comes before that at `b`. */
  private order(a: number, b: number): number {
    const { view, type, bytes } = this;
    let [at, other] = [this.start(a), this.start(b)];
    if (type === "INT32") return view.getInt32(at, true) - view.getInt32(other, true);
    if (type === "INT64") {
      const high = view.getInt32(at + 4, true) - view.getInt32(other + 4, true);
      return high === 0 ? view.getUint32(at, true) - view.getUint32(other, true) : high;
    }
    const [size, otherSize] = [this.size(a), this.size(b)];
    const end = at + Math.min(size, otherSize);
    for (at += PREFIX, other += PREFIX; at < end; at++, other++) {
      const difference = bytes[at]! - bytes[other]!;
      if (difference !== 0) return difference;
    }
    return size - otherSize;
  }

  /** Nobody looks into them any more. */
  release(): void {
    if (this.isJoined) memory.give(this.bytes.buffer);
  }

  private value(index: number): MinMaxType {
    const at = this.start(index);
    if (this.type === "INT32") return this.view.getInt32(at, true);
    if (this.type === "INT64") return this.view.getBigInt64(at, true);
    return this.bytes.slice(at + PREFIX, at + this.size(index));
  }

  private find(rows: number): Uint32Array {
    const { view } = this;
    const starts = new Uint32Array(rows + 1);
    let count = 0;
    let at = 0;
    for (; at < view.byteLength; at += PREFIX + view.getUint32(at, true)) starts[count++] = at;
    starts[count] = at;
    return starts.subarray(0, count + 1);
  }
}

function joined(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  if (parts.length === 1) return parts[0]!;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const whole = new Uint8Array(memory.take(length), 0, length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
