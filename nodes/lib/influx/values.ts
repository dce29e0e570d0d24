/** Values of a record as InfluxDB's fields, tags and times. */
import { Rejected } from "../errors";

export type FieldType = "auto" | "float" | "integer" | "string" | "boolean";
export type TimeUnit = "s" | "ms" | "us" | "ns";

/** A field's value with the type it is written as. */
export type FieldValue =
  | { readonly type: "float"; readonly value: number }
  | { readonly type: "integer"; readonly value: string }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "boolean"; readonly value: boolean };

const MOST_INTEGER = 2n ** 63n - 1n;
const LEAST_INTEGER = -(2n ** 63n);

const shown = (value: unknown): string => {
  const text =
    typeof value === "string" ? `"${value}"` : typeof value === "object" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};

/**
 * @returns undefined for null and missing values: the field is left out
 * @throws Rejected when the value is none of its type
 */
export function fieldValue(name: string, value: unknown, type: FieldType): FieldValue | undefined {
  if (value === null || value === undefined) return undefined;
  switch (type) {
    case "auto":
      return automatic(name, value);
    case "float":
      return { type, value: float(name, value) };
    case "integer":
      return { type, value: integer(name, value) };
    case "boolean":
      return { type, value: boolean(name, value) };
    case "string":
      return { type, value: text(value) };
  }
}

function automatic(name: string, value: unknown): FieldValue {
  switch (typeof value) {
    case "number":
      return { type: "float", value: float(name, value) };
    case "bigint":
      return { type: "integer", value: integer(name, value) };
    case "boolean":
      return { type: "boolean", value };
    case "string":
      return { type: "string", value };
    default:
      if (value instanceof Date || Array.isArray(value)) return { type: "string", value: text(value) };
      throw new Rejected(
        `Field "${name}" is ${shown(value)}; a field is a number, text or boolean: name one of its properties`,
      );
  }
}

function float(name: string, value: unknown): number {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number === "number" && Number.isFinite(number)) return number;
  const what = typeof number === "number" ? "which InfluxDB has no value for" : "not a number";
  throw new Rejected(`Field "${name}" is ${shown(value)}, ${what}; send null to leave it out`);
}

function integer(name: string, value: unknown): string {
  const whole =
    typeof value === "bigint"
      ? value
      : typeof value === "number" && Number.isSafeInteger(value)
        ? BigInt(value)
        : typeof value === "string" && /^\s*[+-]?\d{1,20}\s*$/.test(value)
          ? BigInt(value.trim().replace(/^\+/, ""))
          : undefined;
  if (whole === undefined)
    throw new Rejected(
      `Field "${name}" is ${shown(value)}, not a whole number; choose float for it, or round it before`,
    );
  if (whole > MOST_INTEGER || whole < LEAST_INTEGER)
    throw new Rejected(`Field "${name}" is ${shown(value)}, more than the 64 bits of an integer field`);
  return whole.toString();
}

function boolean(name: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  if (value === 1 || value === "true" || value === "1") return true;
  if (value === 0 || value === "false" || value === "0") return false;
  throw new Rejected(`Field "${name}" is ${shown(value)}, neither true nor false`);
}

const text = (value: unknown): string =>
  value instanceof Date ? value.toISOString() : typeof value === "object" ? JSON.stringify(value) : String(value);

/** What line protocol can't hold in names and tags: a backslash before a character that is escaped itself, or at the end. */
const unescapable = /\\(?=[,= \\\n\r\t]|$)/;

/** @throws Rejected when line protocol has no way to write it */
export function checkName(what: string, name: string): string {
  if (unescapable.test(name))
    throw new Rejected(
      `${what} "${name}" has a backslash where line protocol can't hold one (before a comma, space, equals sign, or at the end)`,
    );
  return name;
}

/** @returns undefined for null, missing and empty values: the tag is left out */
export function tagValue(name: string, value: unknown): string | undefined {
  if (value === null || value === undefined || value === "") return undefined;
  if (typeof value === "object" && !(value instanceof Date))
    throw new Rejected(`Tag "${name}" is ${shown(value)}; a tag is text: name one of its properties`);
  return checkName(`Tag "${name}":`, text(value));
}

const PER_MS: Readonly<Record<TimeUnit, (ms: number) => string>> = {
  s: (ms) => String(Math.floor(ms / 1000)),
  ms: (ms) => String(Math.floor(ms)),
  us: (ms) => String(BigInt(Math.round(ms * 1000))),
  ns: (ms) => `${BigInt(Math.round(ms * 1000))}000`,
};

/** ms since the epoch in another unit. */
export const fromMs = (ms: number, unit: TimeUnit): string => PER_MS[unit](ms);

/**
 * A time in the unit: a number counts units since the epoch, digits do too; ISO 8601 text and dates are converted.
 * @throws Rejected for anything else
 */
export function timeValue(value: unknown, unit: TimeUnit): string {
  if (typeof value === "number" && Number.isFinite(value)) return BigInt(Math.floor(value)).toString();
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "string" && /^-?\d+$/.test(value.trim())) return value.trim();
  const ms = value instanceof Date ? value.getTime() : typeof value === "string" ? Date.parse(value) : NaN;
  if (Number.isNaN(ms))
    throw new Rejected(`The time ${shown(value)} is neither a number in ${unit} nor an ISO 8601 text`);
  return fromMs(ms, unit);
}

const ZEROS: Readonly<Record<TimeUnit, string>> = { s: "000000000", ms: "000000", us: "000", ns: "" };

/** A time in ns, as line protocol has it when no precision is given. */
export const inNanoseconds = (time: string, unit: TimeUnit): string => (time === "0" ? "0" : time + ZEROS[unit]);
