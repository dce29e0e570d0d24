/**
 * Values as Parquet keeps them become values of records. hyparquet would make inexact numbers of decimals, and dates
 * of what has no zone or more digits: what a column means is taken out of the schema before it reads, and done here.
 */
import type { SchemaElement, SchemaTree } from "hyparquet";
import { isListLike, isMapLike } from "../../../../vendor/parquet-read";
import { type Unit, dayText, decimalValue, exact, timeOfDay, timeSince, unscaledOf } from "../read-values";

export type Convert = (value: unknown) => unknown;

const units = { MILLIS: "millis", MICROS: "micros", NANOS: "nanos" } as const;

/** Any value of a column that means nothing in particular. */
function plain(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === "bigint") return exact(value);
  if (value instanceof Uint8Array) return Buffer.from(value);
  return value;
}

const wide = (value: unknown): bigint => (value instanceof Uint8Array ? unscaledOf(value) : BigInt(value as number));

function timeUnit({ logical_type: logical, converted_type: converted }: SchemaElement): Unit | undefined {
  if (logical && "unit" in logical) return units[logical.unit];
  if (converted?.endsWith("_MILLIS")) return "millis";
  return converted?.endsWith("_MICROS") ? "micros" : undefined;
}

/** What a leaf's values become; undefined where they are what they are. */
function meaning(element: SchemaElement): ((value: never) => unknown) | undefined {
  const { type, logical_type: logical, converted_type: converted } = element;
  if (type === "INT96") return (nanos: bigint) => timeSince(nanos, "nanos", false);
  if (converted === "DECIMAL" || logical?.type === "DECIMAL") {
    const decimal = logical?.type === "DECIMAL" ? logical : element;
    const { precision = 38, scale = 0 } = decimal;
    return (value) => decimalValue(wide(value), precision, scale);
  }
  if (converted === "DATE" || logical?.type === "DATE") return dayText;
  const unit = timeUnit(element);
  if (!unit) return undefined;
  if (logical?.type === "TIME" || converted?.startsWith("TIME_"))
    return (value: number | bigint) => timeOfDay(value, unit);
  const isLocal = logical?.type === "TIMESTAMP" && !logical.isAdjustedToUTC;
  return (value: bigint) => timeSince(value, unit, isLocal);
}

/** Takes the meaning out of the schema, in place, and gives it back by element. */
export function takeMeanings(schema: readonly SchemaElement[]): ReadonlyMap<SchemaElement, (value: never) => unknown> {
  const meanings = new Map<SchemaElement, (value: never) => unknown>();
  for (const element of schema) {
    if (element.num_children) continue;
    const { converted_type: converted, logical_type: logical } = element;
    const found = meaning(element);
    if (found) meanings.set(element, found);
    const isText = converted === "ENUM" || converted === "JSON" || logical?.type === "ENUM" || logical?.type === "JSON";
    if (!found && !isText && converted !== "BSON" && converted !== "INTERVAL") continue;
    delete element.converted_type;
    delete element.logical_type;
    if (isText) element.converted_type = "UTF8";
  }
  return meanings;
}

/** What makes a record's value of a column's. */
export function converter(tree: SchemaTree, meanings: ReturnType<typeof takeMeanings>): Convert {
  const { element, children } = tree;
  const own = (node: SchemaTree | undefined): Convert => (node ? converter(node, meanings) : plain);
  let convert: Convert;
  const [only] = children;
  if (isListLike(tree)) {
    const items = own(only?.children.length === 1 ? only.children[0] : only);
    return (value) => (Array.isArray(value) ? value.map(items) : null);
  }
  if (isMapLike(tree)) {
    const values = own(only?.children[1]);
    return (value) =>
      typeof value === "object" && value !== null
        ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, values(one)]))
        : null;
  }
  if (children.length > 0 && element.logical_type?.type !== "VARIANT") {
    const fields = children.map((child) => [child.element.name, own(child)] as const);
    convert = (value) =>
      typeof value === "object" && value !== null
        ? Object.fromEntries(fields.map(([name, field]) => [name, field((value as Record<string, unknown>)[name])]))
        : null;
  } else {
    const found = meanings.get(element);
    convert = found ? (value) => (value === undefined || value === null ? null : found(value as never)) : plain;
  }
  if (element.repetition_type !== "REPEATED") return convert;
  return (value) => (Array.isArray(value) ? value.map(convert) : convert(value));
}
