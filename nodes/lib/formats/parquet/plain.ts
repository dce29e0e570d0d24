/**
 * Values of a column in Parquet's PLAIN encoding (parquet-format, Encodings.md), gathered where records arrive: bytes
 * change threads without being copied, and without an object for each value.
 */
import { nullable, type Type } from "../schema/type";
import { memory } from "./memory";

/** Values of some rows, one after the other. */
export interface PlainPart {
  readonly rows: number;
  /** Those that are not null. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of each row 1, or 0 where it is null; undefined when none is. */
  readonly defined: Uint8Array<ArrayBuffer> | undefined;
}

/** Text up to this length is written here: for so little a call into Node.js takes longer. */
const SHORT = 32;

/** Takes the values of one column. */
export abstract class PlainColumn {
  protected at = 0;
  protected bytes: Buffer<ArrayBuffer> = Buffer.from(new ArrayBuffer());
  protected view = new DataView(this.bytes.buffer);
  /** What the part before took. */
  private before = 0;
  private rows = 0;
  private defined: Uint8Array<ArrayBuffer> | undefined;

  /** @param value in the form that `write` takes, or null */
  add(value: unknown): void {
    if (value === null) this.define(0);
    else {
      this.write(value);
      if (this.defined) this.define(1);
    }
    this.rows++;
  }

  /** A number of a column that has numbers. */
  addNumber(value: number): void {
    this.write(value);
    if (this.defined) this.define(1);
    this.rows++;
  }

  /** Text of a column that has text, as UTF-8. */
  addText(from: Buffer, start: number, end: number): void {
    const length = end - start;
    this.need(4 + length);
    this.view.setUint32(this.at, length, true);
    this.at += 4;
    if (length > SHORT) from.copy(this.bytes, this.at, start, end);
    else for (let at = 0; at < length; at++) this.bytes[this.at + at] = from[start + at]!;
    this.at += length;
    if (this.defined) this.define(1);
    this.rows++;
  }

  /** What was added since the last call. Its buffers may be transferred, and given back to `memory`. */
  take(): PlainPart {
    const { rows, defined } = this;
    const part = { rows, bytes: new Uint8Array(this.bytes.buffer, 0, this.at), defined: defined?.subarray(0, rows) };
    this.before = this.at;
    this.room(new ArrayBuffer());
    this.at = this.rows = 0;
    this.defined = undefined;
    return part;
  }

  protected abstract write(value: unknown): void;

  protected need(size: number): void {
    if (this.at + size <= this.bytes.length) return;
    const { buffer } = this.bytes;
    const larger = memory.take(Math.max(2 * buffer.byteLength, this.at + size, this.before + (this.before >> 4)));
    new Uint8Array(larger).set(new Uint8Array(buffer, 0, this.at));
    this.room(larger);
    memory.give(buffer);
  }

  private room(buffer: ArrayBuffer): void {
    this.bytes = Buffer.from(buffer);
    this.view = new DataView(buffer);
  }

  private define(level: 0 | 1): void {
    const { rows } = this;
    if (!this.defined || rows === this.defined.length) {
      const larger = new Uint8Array(Math.max(1024, 2 * rows));
      if (this.defined) larger.set(this.defined);
      else larger.fill(1, 0, rows);
      this.defined = larger;
    }
    this.defined[rows] = level;
  }
}

class IntColumn extends PlainColumn {
  protected write(value: number): void {
    this.need(4);
    this.view.setInt32(this.at, value, true);
    this.at += 4;
  }
}

/** Of safe integers, and of bigints for the others. */
class LongColumn extends PlainColumn {
  protected write(value: number | bigint): void {
    this.need(8);
    if (typeof value === "bigint") this.view.setBigInt64(this.at, value, true);
    else {
      this.view.setUint32(this.at, value >>> 0, true);
      this.view.setInt32(this.at + 4, Math.floor(value / 2 ** 32), true);
    }
    this.at += 8;
  }
}

class FloatColumn extends PlainColumn {
  protected write(value: number): void {
    this.need(4);
    this.view.setFloat32(this.at, value, true);
    this.at += 4;
  }
}

class DoubleColumn extends PlainColumn {
  protected write(value: number): void {
    this.need(8);
    this.view.setFloat64(this.at, value, true);
    this.at += 8;
  }
}

/** Of text or bytes, with their length before them. */
class BytesColumn extends PlainColumn {
  protected write(value: string | Uint8Array): void {
    const from = this.at + 4;
    let length: number;
    if (typeof value === "string") {
      this.need(4 + 3 * value.length);
      length = value.length <= SHORT ? this.ascii(value, from) : -1;
      if (length < 0) length = this.bytes.write(value, from);
    } else {
      ({ length } = value);
      this.need(4 + length);
      this.bytes.set(value, from);
    }
    this.view.setUint32(this.at, length, true);
    this.at = from + length;
  }

  /** @returns its length, or -1 when not all of it is ASCII */
  private ascii(text: string, from: number): number {
    const { bytes } = this;
    const { length } = text;
    for (let at = 0; at < length; at++) {
      const code = text.charCodeAt(at);
      if (code > 127) return -1;
      bytes[from + at] = code;
    }
    return length;
  }
}

/** The column of a type; undefined for booleans, decimals, fixed sizes and all that is nested. */
export function plainColumn(type: Type): (new () => PlainColumn) | undefined {
  const own = nullable(type) ?? type;
  switch (own.kind) {
    case "int":
      return IntColumn;
    case "long":
      return LongColumn;
    case "float":
      return FloatColumn;
    case "double":
      return DoubleColumn;
    case "string":
    case "enum":
      return BytesColumn;
    case "bytes":
      return own.logical ? undefined : BytesColumn;
    default:
      return undefined;
  }
}
