/** Brings the values of records into the form in which a writer takes them, or says why they don't fit the schema. */
import { Rejected } from "../../errors";
import { timeOf } from "../event-time";
import { decimalOf } from "./decimal";
import { type Logical, type RecordField, type RecordType, type Type, branchName, nullable } from "./type";

/**
 * What differs between writers. Both take integers of 32 bits and times of them as numbers, text as strings, bytes as
 * Uint8Array, arrays as arrays, records as objects by the names of the file.
 */
export interface Target {
  /** An int64 that is a safe integer, or a bigint. */
  long(value: number | bigint): unknown;
  /** An unscaled decimal; `size` is undefined where bytes of any number are allowed. */
  decimal(unscaled: bigint, size: number | undefined): unknown;
  bytes(value: Uint8Array): unknown;
  map(entries: readonly (readonly [string, unknown])[]): unknown;
  /** The value of a union's branch. */
  branch(type: Type, value: unknown): unknown;
}

/** @throws Rejected with the path of what does not fit */
export type Conform = (value: unknown) => unknown;

const LONGEST = 2n ** 63n;
const NO_FIT = Symbol("the value does not fit");

function shown(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

const misfit = (path: string, value: unknown, wanted: string): Rejected =>
  new Rejected(
    `"${path || "payload"}" is ${value === undefined ? "missing" : shown(value)}; the schema wants ${wanted}`,
  );

/** An integer from a number, a bigint or its digits; undefined for what is none. */
function integer(value: unknown): number | bigint | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : undefined;
  if (typeof value === "bigint") return value;
  if (typeof value !== "string" || !/^[+-]?\d{1,20}$/.test(value)) return undefined;
  const read = BigInt(value.replace("+", ""));
  return Number.isSafeInteger(Number(read)) ? Number(read) : read;
}

/** ms since the epoch of a Date, ISO text or number as `timeOf` reads them. */
const millis = (value: unknown): number | undefined => {
  const time = value instanceof Date ? value.getTime() : timeOf(value);
  return Number.isFinite(time) ? time : undefined;
};

/** Microseconds, with those that the text has beyond its milliseconds. */
function micros(value: unknown): number | bigint | undefined {
  if (typeof value === "bigint") return value;
  const time = millis(value);
  if (time === undefined) return undefined;
  const beyond = typeof value === "string" ? /\.\d{3}(\d{1,3})/.exec(value)?.[1] : undefined;
  return Math.floor(time) * 1000 + (beyond ? Number(beyond.padEnd(3, "0")) : Math.round((time % 1) * 1000));
}

const MS_PER_DAY = 86_400_000;

/** What an int or long with a meaning is kept as; undefined for what can't be read so. */
function readLogical(logical: Logical, value: unknown): number | bigint | undefined {
  switch (logical.kind) {
    case "timestamp-millis": {
      if (typeof value === "bigint") return value;
      const time = millis(value);
      return time === undefined ? undefined : Math.floor(time);
    }
    case "timestamp-micros":
      return micros(value);
    case "date": {
      // a number is of days, as the file has it
      if (typeof value === "number") return Number.isInteger(value) ? value : undefined;
      const time = millis(value);
      return time === undefined ? undefined : Math.floor(time / MS_PER_DAY);
    }
    case "time-millis":
    case "time-micros": {
      if (typeof value !== "string") return integer(value);
      const found = /^(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?$/.exec(value);
      if (!found) return undefined;
      const [hours, minutes, seconds, part] = [found[1], found[2], found[3] ?? "0", (found[4] ?? "").padEnd(6, "0")];
      const time = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1_000_000 + Number(part);
      return logical.kind === "time-micros" ? time : Math.floor(time / 1000);
    }
    default:
      return undefined;
  }
}

const wording = (logical: Logical | undefined, kind: string): string =>
  logical ? (logical.kind === "decimal" ? `decimal(${logical.precision},${logical.scale})` : logical.kind) : kind;

/** Builds the function for a type once; it is called for every record. */
export class Conforming {
  private readonly made = new Map<Type, (value: unknown, path: string) => unknown>();

  /** @param loose whether text takes any value, as inferred schemas want it */
  constructor(
    private readonly target: Target,
    private readonly loose: boolean,
  ) {}

  value(type: Type): Conform {
    const conform = this.of(type);
    return (value) => conform(value, "");
  }

  /** The value of a record's field. It is called with the record and its path, "" for the outermost. */
  field({ name, type, fallback }: RecordField): (record: object, path: string) => unknown {
    const conform = this.of(type);
    const nullFits =
      type.kind === "null" || (type.kind === "union" && type.branches.some(({ kind }) => kind === "null"));
    const absent = fallback ?? (nullFits ? null : undefined);
    return (record, path) => {
      const given = (record as Record<string, unknown>)[name];
      return conform(given === undefined ? absent : given, path === "" ? name : `${path}.${name}`);
    };
  }

  private of(type: Type): (value: unknown, path: string) => unknown {
    const known = this.made.get(type);
    if (known) return known;
    // a type may hold itself
    let conform: ((value: unknown, path: string) => unknown) | undefined;
    this.made.set(type, (value, path) => conform?.(value, path));
    conform = this.make(type);
    this.made.set(type, conform);
    return conform;
  }

  private make(type: Type): (value: unknown, path: string) => unknown {
    switch (type.kind) {
      case "record":
        return this.makeRecord(type);
      case "union":
        return this.makeUnion(type);
      case "array": {
        const items = this.of(type.items);
        return (value, path) => {
          if (!Array.isArray(value) && !(ArrayBuffer.isView(value) && !(value instanceof Uint8Array)))
            throw misfit(path, value, "an array");
          return Array.from(value as ArrayLike<unknown>, (one, at) => items(one, `${path}[${at}]`));
        };
      }
      case "map":
        return this.makeMap(this.of(type.values));
      default: {
        const wanted = wording("logical" in type ? type.logical : undefined, type.kind);
        const scalar = this.scalar(type);
        return (value, path) => {
          const fit = scalar(value);
          if (fit === NO_FIT) throw misfit(path, value, wanted);
          return fit;
        };
      }
    }
  }

  private makeRecord(type: RecordType): (value: unknown, path: string) => unknown {
    const fields = type.fields.map((field) => ({ written: field.written, read: this.field(field) }));
    return (value, path) => {
      if (typeof value !== "object" || value === null || Array.isArray(value) || ArrayBuffer.isView(value))
        throw misfit(path, value, "an object");
      const row: Record<string, unknown> = {};
      for (const { written, read } of fields) row[written] = read(value, path);
      return row;
    };
  }

  private makeUnion(type: Extract<Type, { kind: "union" }>): (value: unknown, path: string) => unknown {
    const hasNull = type.branches.some(({ kind }) => kind === "null");
    const only = nullable(type);
    if (only) {
      const conform = this.of(only);
      return (value, path) => {
        if (value === null || value === undefined) return null;
        return this.target.branch(only, conform(value, path));
      };
    }
    const branches = type.branches.filter(({ kind }) => kind !== "null").map((one) => ({ one, conform: this.of(one) }));
    return (value, path) => {
      if ((value === null || value === undefined) && hasNull) return null;
      for (const { one, conform } of branches) {
        try {
          return this.target.branch(one, conform(value, path));
        } catch (error) {
          if (!(error instanceof Rejected)) throw error;
        }
      }
      throw misfit(path, value, type.branches.map(branchName).join(" or "));
    };
  }

  private makeMap(values: (value: unknown, path: string) => unknown): (value: unknown, path: string) => unknown {
    return (value, path) => {
      if (typeof value !== "object" || value === null || Array.isArray(value) || ArrayBuffer.isView(value))
        throw misfit(path, value, "an object");
      const all = value instanceof Map ? [...(value as Map<unknown, unknown>)] : Object.entries(value);
      return this.target.map(all.map(([key, one]) => [String(key), values(one, `${path}.${String(key)}`)] as const));
    };
  }

  private scalar(type: Exclude<Type, { kind: "record" | "union" | "array" | "map" }>): (value: unknown) => unknown {
    const { target, loose } = this;
    switch (type.kind) {
      case "null":
        return (value) => (value === null || value === undefined ? null : NO_FIT);
      case "boolean":
        return (value) => (typeof value === "boolean" ? value : NO_FIT);
      case "int":
      case "long": {
        const { kind, logical } = type;
        return (value) => {
          const read = logical ? readLogical(logical, value) : integer(value);
          if (read === undefined) return NO_FIT;
          if (kind === "int") return Number(read) === (Number(read) | 0) ? Number(read) : NO_FIT;
          if (typeof read === "bigint" && (read < -LONGEST || read >= LONGEST)) return NO_FIT;
          return target.long(read);
        };
      }
      case "float":
      case "double":
        return (value) => {
          if (typeof value === "number") return value;
          if (typeof value === "bigint") return Number(value);
          const isNumber = typeof value === "string" && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value);
          return isNumber ? Number(value) : NO_FIT;
        };
      case "string":
        return (value) => {
          if (typeof value === "string") return value;
          return loose ? asText(value) : value instanceof Date ? value.toISOString() : NO_FIT;
        };
      case "enum":
        return (value) => (typeof value === "string" && type.symbols.includes(value) ? value : NO_FIT);
      default: {
        const size = type.kind === "fixed" ? type.size : undefined;
        const { logical } = type;
        if (logical?.kind === "decimal") {
          const { precision, scale } = logical;
          return (value) => {
            const unscaled = decimalOf(value, precision, scale);
            return unscaled === undefined ? NO_FIT : target.decimal(unscaled, size);
          };
        }
        return (value) => {
          const bytes = typeof value === "string" ? Buffer.from(value) : value;
          return bytes instanceof Uint8Array && (size === undefined || bytes.length === size)
            ? target.bytes(bytes)
            : NO_FIT;
        };
      }
    }
  }
}

/** Any value as text, where a column holds values of several kinds. */
function asText(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (typeof value !== "object") return String(value);
  return JSON.stringify(value instanceof Map ? Object.fromEntries(value) : value, (_, one: unknown) =>
    typeof one === "bigint" ? String(one) : one,
  );
}
