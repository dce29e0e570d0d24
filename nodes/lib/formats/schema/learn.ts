/**
 * A schema from the records themselves. What is known grows with each record and never shrinks: the same records give
 * the same schema in whatever order, but for the order of the fields, which is that of their first appearance.
 */
import { Rejected } from "../../errors";
import type { RecordField, RecordType, Type } from "./type";

/** What is known of the values of one kind. Everything may be null. */
export type Known =
  | { readonly kind: "nothing" | "boolean" | "long" | "double" | "string" | "bytes" | "timestamp" }
  | { readonly kind: "list" | "map"; readonly of: Known }
  | { readonly kind: "record"; readonly fields: ReadonlyMap<string, Known> };

export const nothing: Known = { kind: "nothing" };
const [boolean, long, double, string, bytes, timestamp] = (
  ["boolean", "long", "double", "string", "bytes", "timestamp"] as const
).map((kind): Known => ({ kind })) as [Known, Known, Known, Known, Known, Known];

const LONGEST = 2n ** 63n;
/** Names that Avro allows (specification, "Names"). */
const avroName = /^[A-Za-z_]\w*$/;

/**
 * What is known once this value was seen too; the very same object when it brings nothing new.
 * @throws Rejected for what no file holds: functions, symbols
 */
export function learn(known: Known, value: unknown): Known {
  if (value === null || value === undefined) return known;
  switch (typeof value) {
    case "boolean":
      return scalar(known, boolean);
    case "number":
      return scalar(known, Number.isSafeInteger(value) ? long : double);
    case "bigint":
      return scalar(known, value >= -LONGEST && value < LONGEST ? long : string);
    case "string":
      return scalar(known, string);
    case "object":
      break;
    default:
      throw new Rejected(`the record holds a ${typeof value}, which can't be written`);
  }
  if (value instanceof Date) return scalar(known, timestamp);
  if (value instanceof Uint8Array) return scalar(known, bytes);
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return list(known, value as Iterable<unknown>);
  if (value instanceof Map) return entries(known, value.entries(), true);
  const own = Object.entries(value);
  return entries(known, own, known.kind === "map" || own.some(([name]) => !avroName.test(name)));
}

function scalar(known: Known, seen: Known): Known {
  if (known.kind === seen.kind || known.kind === "string") return known;
  if (known.kind === "nothing") return seen;
  if (known.kind === "double" && seen.kind === "long") return known;
  if (known.kind === "long" && seen.kind === "double") return double;
  return string;
}

function list(known: Known, values: Iterable<unknown>): Known {
  if (known.kind !== "list" && known.kind !== "nothing") return string;
  let of = known.kind === "list" ? known.of : nothing;
  const before = of;
  for (const one of values) of = learn(of, one);
  return known.kind === "list" && of === before ? known : { kind: "list", of };
}

function entries(known: Known, own: Iterable<readonly [unknown, unknown]>, isMap: boolean): Known {
  if (known.kind !== "map" && known.kind !== "record" && known.kind !== "nothing") return string;
  if (isMap) {
    let of = known.kind === "map" ? known.of : nothing;
    const before = of;
    // a record that turns out to be a map: its fields were the first entries
    if (known.kind === "record") for (const field of known.fields.values()) of = joined(of, field);
    for (const [, one] of own) of = learn(of, one);
    return known.kind === "map" && of === before ? known : { kind: "map", of };
  }
  return fields(known, own as Iterable<readonly [string, unknown]>);
}

function fields(known: Known, own: Iterable<readonly [string, unknown]>): Known {
  const before: ReadonlyMap<string, Known> = known.kind === "record" ? known.fields : new Map();
  let after: Map<string, Known> | undefined;
  for (const [name, value] of own) {
    if (value === undefined) continue;
    const field = before.get(name);
    const learned = learn(field ?? nothing, value);
    if (field === learned) continue;
    after ??= new Map(before);
    after.set(name, learned);
  }
  return after
    ? { kind: "record", fields: after }
    : known.kind === "record"
      ? known
      : { kind: "record", fields: before };
}

/** What is known of two kinds of value together. */
function joined(a: Known, b: Known): Known {
  if (a === b || b.kind === "nothing") return a;
  if (a.kind === "nothing") return b;
  if (a.kind === "list" && b.kind === "list") return { kind: "list", of: joined(a.of, b.of) };
  if (a.kind === "map" && b.kind === "map") return { kind: "map", of: joined(a.of, b.of) };
  if (a.kind === "record" && b.kind === "record") {
    const all = new Map(a.fields);
    for (const [name, field] of b.fields) all.set(name, joined(all.get(name) ?? nothing, field));
    return { kind: "record", fields: all };
  }
  if ("of" in a || "fields" in a || "of" in b || "fields" in b) return string;
  return scalar(a, b);
}

/** The fields of one record. @throws Rejected as `learn` does */
export function learnRecord(known: Known, record: Record<string, unknown>): Known {
  return fields(known, Object.entries(record));
}

const optional = (type: Type): Type => ({ kind: "union", branches: [{ kind: "null" }, type] });

/** Characters that Avro's names can't have, by their code: 온도 becomes `_uC628_uB3C4`. */
export const written = (name: string, mangle: boolean): string =>
  !mangle || avroName.test(name)
    ? name
    : Array.from(name)
        .map((one, at) =>
          /^[A-Za-z_]$/.test(one) || (at > 0 && /^\d$/.test(one))
            ? one
            : `_u${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`,
        )
        .join("");

function typeOf(known: Known, name: string, mangle: boolean): Type {
  switch (known.kind) {
    case "nothing":
      return { kind: "string" };
    case "timestamp":
      return { kind: "long", logical: { kind: "timestamp-millis", local: false } };
    case "list":
      return { kind: "array", items: optional(typeOf(known.of, name, mangle)) };
    case "map":
      return { kind: "map", values: optional(typeOf(known.of, name, mangle)) };
    case "record":
      // engines refuse groups without fields
      if (known.fields.size === 0) return { kind: "map", values: optional({ kind: "string" }) };
      return recordOf(known.fields, name, mangle);
    default:
      return { kind: known.kind };
  }
}

function recordOf(known: ReadonlyMap<string, Known>, name: string, mangle: boolean): RecordType {
  const all: RecordField[] = [];
  for (const [field, of] of known) {
    const as = written(field, mangle);
    all.push({ name: field, written: as, type: optional(typeOf(of, `${name}_${as}`, mangle)), fallback: null });
  }
  return { kind: "record", name, fields: all };
}

/**
 * The schema of what is known: every field may be null.
 * @param mangle whether names must be such as Avro allows
 */
export function typeOfKnown(known: Known, mangle: boolean): RecordType {
  return recordOf(known.kind === "record" ? known.fields : new Map(), "record", mangle);
}
