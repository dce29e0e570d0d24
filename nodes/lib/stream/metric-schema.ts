/**
 * JSON Schema (draft 4 to 2020-12) → sensor metric. Covers what describes a sensor's record; a keyword that would check
 * more than a metric can is refused, never ignored.
 */
import { ConfigError } from "../errors";
import { isObject } from "./record";
import type { FieldType, Metric, MetricField } from "./metric";
import { describe } from "./path";

/** Names the place in the schema (`#/properties/temp`) and what to change. */
const schemaError = (place: string, why: string): ConfigError => new ConfigError(`JSON Schema at ${place}: ${why}`);

type Schema = Record<string, unknown>;

/** Describe, but check nothing. Keywords of others begin with `x-`. */
const ANNOTATIONS = new Set(
  "$schema $id id $comment $defs definitions $anchor title description default examples example deprecated readOnly writeOnly unit".split(
    " ",
  ),
);
const CHECKS = new Set(
  (
    "type properties required enum const minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength pattern format " +
    "minItems maxItems nullable additionalProperties $ref x-error-value x-status x-time"
  ).split(" "),
);
const TYPES: Record<string, FieldType> = {
  integer: "int",
  number: "float",
  string: "string",
  boolean: "boolean",
  object: "object",
  array: "array",
};

/**
 * The metric of a schema (an object, or its JSON text). Nested objects become paths. `x-error-value` on a property is the
 * sensor's error value; `x-status: true` marks the status field and `x-time: true` the record's time; without them
 * `status` and `time` at the top serve, where the schema has them. Throws ConfigError.
 */
export function metricFromSchema(schema: unknown, name = "schema"): Metric {
  const root = parse(schema);
  const fields: MetricField[] = [];
  const marked: { status?: readonly string[]; time?: readonly string[] } = {};

  const visit = (found: unknown, place: string, names: readonly string[], mandatory: boolean, depth: number): void => {
    const node = resolve(root, found, place);
    if (depth > 20) throw schemaError(place, "is nested more than 20 deep, or refers to itself");
    checkKeywords(node, place);
    const { type, nullable } = typeAt(node, place);
    if (names.length > 0 && !(type === "object" && isObject(node["properties"]) && !mandatory))
      fields.push(field(node, place, names, type, mandatory, nullable));
    if (node["x-status"] === true) marked.status = names;
    if (node["x-time"] === true) marked.time = names;
    const properties = node["properties"];
    if (type !== "object" || properties === undefined) return;
    if (!isObject(properties))
      throw schemaError(`${place}/properties`, `must be an object, it is ${describe(properties)}`);
    const required = node["required"] ?? [];
    if (!Array.isArray(required))
      throw schemaError(`${place}/required`, `must be a list of names, it is ${describe(required)}`);
    for (const [property, inner] of Object.entries(properties))
      visit(
        inner,
        `${place}/properties/${property}`,
        [...names, property],
        mandatory && required.includes(property),
        depth + 1,
      );
    for (const property of required as unknown[])
      if (typeof property !== "string" || !(property in properties))
        throw schemaError(`${place}/required`, `names ${describe(property)}, which is not among the properties`);
  };
  visit(root, "#", [], true, 0);
  if (fields.length === 0) throw schemaError("#", "has no properties to check; give it properties");
  const top = (property: string): readonly string[] | undefined =>
    fields.some((f) => f.names.length === 1 && f.names[0] === property) ? [property] : undefined;
  const status = marked.status ?? top("status");
  const time = marked.time ?? top("time");
  return { name, fields, ...(status && { status }), ...(time && { time }) };
}

function parse(schema: unknown): Schema {
  let root = schema;
  if (typeof schema === "string")
    try {
      root = JSON.parse(schema) as unknown;
    } catch (error) {
      throw schemaError("#", `is not JSON: ${(error as Error).message}`);
    }
  if (!isObject(root)) throw schemaError("#", `must be an object, it is ${describe(root)}`);
  return root;
}

function resolve(root: Schema, found: unknown, place: string): Schema {
  let node = found;
  for (let hops = 0; isObject(node) && node["$ref"] !== undefined; hops++) {
    const ref = node["$ref"];
    if (typeof ref !== "string" || !ref.startsWith("#") || hops > 20)
      throw schemaError(
        place,
        `refers to ${describe(ref)}; only references inside the schema (#/$defs/…) are followed`,
      );
    node = ref
      .slice(1)
      .split("/")
      .filter(Boolean)
      .map((part) => decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~"))
      .reduce<unknown>((at, part) => (isObject(at) ? at[part] : undefined), root);
    if (node === undefined) throw schemaError(place, `refers to ${ref}, which is not in the schema`);
  }
  if (!isObject(node)) throw schemaError(place, `must be an object, it is ${describe(node)}`);
  return node;
}

function checkKeywords(node: Schema, place: string): void {
  for (const keyword of Object.keys(node))
    if (!CHECKS.has(keyword) && !ANNOTATIONS.has(keyword) && !keyword.startsWith("x-"))
      throw schemaError(place, `"${keyword}" cannot be checked here; remove it or check it in a function node`);
  if (node["additionalProperties"] !== undefined && node["additionalProperties"] !== true)
    throw schemaError(place, "other properties cannot be forbidden here; remove additionalProperties");
}

function typeAt(node: Schema, place: string): { type: FieldType; nullable: boolean } {
  const declared = node["type"] ?? (isObject(node["properties"]) ? "object" : undefined);
  const types = (Array.isArray(declared) ? declared : [declared]).filter((type) => type !== "null");
  const nullable = node["nullable"] === true || (Array.isArray(declared) && declared.includes("null"));
  const [type] = types;
  if (types.length !== 1 || typeof type !== "string" || !(type in TYPES))
    throw schemaError(
      place,
      `type is ${JSON.stringify(declared) ?? "missing"}; give it one of ${Object.keys(TYPES).join(", ")}`,
    );
  const time = type === "string" && (node["format"] === "date-time" || node["format"] === "date");
  return { type: time || node["x-time"] === true ? "time" : (TYPES[type] ?? "object"), nullable };
}

function field(
  node: Schema,
  place: string,
  names: readonly string[],
  type: FieldType,
  mandatory: boolean,
  nullable: boolean,
): MetricField {
  const number = (keyword: string): number | undefined => {
    const value = node[keyword];
    if (value === undefined || typeof value === "boolean") return undefined;
    if (typeof value !== "number")
      throw schemaError(`${place}/${keyword}`, `must be a number, it is ${describe(value)}`);
    return value;
  };
  const size = type === "string" ? "Length" : type === "array" ? "Items" : undefined;
  let [min, max] = size ? [number(`min${size}`), number(`max${size}`)] : [number("minimum"), number("maximum")];
  let [above, below] = [number("exclusiveMinimum"), number("exclusiveMaximum")];
  // In draft 4 `exclusiveMinimum: true` makes `minimum` itself exclusive.
  if (node["exclusiveMinimum"] === true) [above, min] = [min, undefined];
  if (node["exclusiveMaximum"] === true) [below, max] = [max, undefined];
  const values = "const" in node ? [node["const"]] : node["enum"];
  if (values !== undefined && !Array.isArray(values)) throw schemaError(`${place}/enum`, "must be a list");
  const pattern = node["pattern"] === undefined ? undefined : regularExpression(node["pattern"], place);
  return {
    names,
    type,
    mandatory,
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
    ...(above !== undefined && { above }),
    ...(below !== undefined && { below }),
    ...(values !== undefined && { values: values as unknown[] }),
    ...(pattern && { pattern }),
    ...(nullable && { nullable }),
    ...(node["x-error-value"] !== undefined && { error: node["x-error-value"] }),
  };
}

function regularExpression(pattern: unknown, place: string): RegExp {
  try {
    return new RegExp(String(pattern), "u");
  } catch (error) {
    throw schemaError(`${place}/pattern`, (error as Error).message);
  }
}
