/** Values from Avro's binary encoding (specification 1.11, "Binary Encoding"), without losing digits of integers. */
import { dayText, decimalValue, exact, timeOfDay, timeSince, unscaledOf } from "./read-values";
import type { Logical, Type } from "./schema/type";

/** Items that take no bytes, such as nulls, come in arrays of at most so many. */
const MOST_EMPTY = 1_000_000;

export class AvroCursor {
  constructor(
    readonly bytes: Buffer,
    public at = 0,
  ) {}

  take(count: number): Buffer {
    const end = this.at + count;
    if (!(count >= 0) || end > this.bytes.length) throw new RangeError("a value reaches over the end");
    const taken = this.bytes.subarray(this.at, end);
    this.at = end;
    return taken;
  }

  /** A long; exact. */
  long(): number | bigint {
    let low = 0;
    let scale = 1;
    for (let count = 0; count < 7; count++, scale *= 128) {
      const byte = this.byte();
      low += (byte & 0x7f) * scale;
      // zigzag: even numbers are the positive ones
      if (byte < 0x80) return low % 2 === 0 ? low / 2 : -(low + 1) / 2;
    }
    let wide = BigInt(low);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      wide |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return exact(BigInt.asIntN(64, (wide >> 1n) ^ -(wide & 1n)));
    }
    throw new RangeError("an integer of more than 64 bits");
  }

  /** A number of bytes or items. */
  count(): number {
    const found = this.long();
    if (typeof found === "bigint") throw new RangeError("a length beyond all files");
    return found;
  }

  sized(): Buffer {
    return this.take(this.count());
  }

  private byte(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw new RangeError("a value reaches over the end");
    return byte;
  }
}

export type Decode = (cursor: AvroCursor) => unknown;

const copied = (bytes: Buffer): Buffer => Buffer.from(bytes);

function integers(logical: Logical | undefined): Decode {
  switch (logical?.kind) {
    case "timestamp-millis":
      return (cursor) => timeSince(cursor.long(), "millis", logical.local);
    case "timestamp-micros":
      return (cursor) => timeSince(cursor.long(), "micros", logical.local);
    case "date":
      return (cursor) => dayText(cursor.count());
    case "time-millis":
      return (cursor) => timeOfDay(cursor.long(), "millis");
    case "time-micros":
      return (cursor) => timeOfDay(cursor.long(), "micros");
    default:
      return (cursor) => cursor.long();
  }
}

const raw = (take: (cursor: AvroCursor) => Buffer, logical: Logical | undefined): Decode => {
  if (logical?.kind !== "decimal") return (cursor) => copied(take(cursor));
  const { precision, scale } = logical;
  return (cursor) => decimalValue(unscaledOf(take(cursor)), precision, scale);
};

/** Calls `item` for each of an array's or map's entries, which come in blocks. */
function entries(cursor: AvroCursor, item: () => void): void {
  for (let empty = 0; ;) {
    let count = cursor.count();
    if (count === 0) return;
    // a negative count is followed by the block's size in bytes
    if (count < 0) {
      count = -count;
      cursor.count();
    }
    const before = cursor.at;
    for (let done = 0; done < count; done++) {
      item();
      if (cursor.at === before && ++empty > MOST_EMPTY) throw new RangeError("an array of too many items");
    }
  }
}

class Decoding {
  private readonly made = new Map<Type, Decode>();

  of(type: Type): Decode {
    const known = this.made.get(type);
    if (known) return known;
    // a record may hold itself
    let decode: Decode | undefined;
    this.made.set(type, (cursor) => decode?.(cursor));
    decode = this.make(type);
    this.made.set(type, decode);
    return decode;
  }

  private make(type: Type): Decode {
    switch (type.kind) {
      case "null":
        return () => null;
      case "boolean":
        return (cursor) => cursor.take(1)[0] === 1;
      case "int":
      case "long":
        return integers(type.logical);
      case "float":
        return (cursor) => cursor.take(4).readFloatLE();
      case "double":
        return (cursor) => cursor.take(8).readDoubleLE();
      case "string":
        return (cursor) => cursor.sized().toString("utf8");
      case "bytes":
        return raw((cursor) => cursor.sized(), type.logical);
      case "fixed":
        return raw((cursor) => cursor.take(type.size), type.logical);
      case "enum":
        return (cursor) => this.one(type.symbols, cursor, "a symbol");
      case "array": {
        const items = this.of(type.items);
        return (cursor) => {
          const list: unknown[] = [];
          entries(cursor, () => list.push(items(cursor)));
          return list;
        };
      }
      case "map": {
        const values = this.of(type.values);
        return (cursor) => {
          const map: [string, unknown][] = [];
          entries(cursor, () => map.push([cursor.sized().toString("utf8"), values(cursor)]));
          return Object.fromEntries(map);
        };
      }
      case "union": {
        const branches = type.branches.map((branch) => this.of(branch));
        return (cursor) => this.one(branches, cursor, "a branch of a union")(cursor);
      }
      default: {
        const fields = type.fields.map(({ name, type: of }) => ({ name, decode: this.of(of) }));
        return (cursor) => {
          const row: Record<string, unknown> = {};
          for (const { name, decode } of fields) row[name] = decode(cursor);
          return row;
        };
      }
    }
  }

  private one<T>(all: readonly T[], cursor: AvroCursor, what: string): T {
    const found = all[cursor.count()];
    if (found === undefined) throw new RangeError(`${what} that the schema does not have`);
    return found;
  }
}

/** What reads one value of the type. @throws RangeError for bytes that are none */
export const avroDecoder = (type: Type): Decode => new Decoding().of(type);
