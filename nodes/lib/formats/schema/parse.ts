/** Reads a schema that a user gave: an Avro schema of a record, as JSON. */
import { ConfigError, messageOf } from "../../errors";
import { avsc } from "../avsc";
import { written } from "./learn";
import type { Logical, PrimitiveKind, RecordField, RecordType, Type } from "./type";

const primitives = new Set(["null", "boolean", "int", "long", "float", "double", "bytes", "string"]);

type Json = Record<string, unknown>;

/** The logical type of a schema; undefined where there is none, or one that does not fit what it stands on. */
function logicalOf(schema: Json, kind: string): Logical | undefined {
  switch (schema["logicalType"]) {
    case "date":
    case "time-millis":
      return kind === "int" ? { kind: schema["logicalType"] } : undefined;
    case "time-micros":
      return kind === "long" ? { kind: "time-micros" } : undefined;
    case "timestamp-millis":
    case "timestamp-micros":
      return kind === "long" ? { kind: schema["logicalType"], local: false } : undefined;
    case "local-timestamp-millis":
      return kind === "long" ? { kind: "timestamp-millis", local: true } : undefined;
    case "local-timestamp-micros":
      return kind === "long" ? { kind: "timestamp-micros", local: true } : undefined;
    case "uuid":
      return kind === "string" ? { kind: "uuid" } : undefined;
    case "decimal": {
      const { precision, scale = 0 } = schema;
      const fits = typeof precision === "number" && typeof scale === "number" && scale >= 0 && scale <= precision;
      return fits && (kind === "bytes" || kind === "fixed") ? { kind: "decimal", precision, scale } : undefined;
    }
    default:
      return undefined;
  }
}

/** What records call a field: `schemaJson` keeps it beside a name that Avro allows. */
function recordName({ name, doc }: Json): string {
  return typeof doc === "string" && doc !== name && written(doc, true) === name ? doc : (name as string);
}

/** Resolves names as Avro's specification says ("Names"). */
class Reader {
  private readonly named = new Map<string, Type>();

  read(schema: unknown, namespace: string): Type {
    if (Array.isArray(schema)) return { kind: "union", branches: schema.map((one) => this.read(one, namespace)) };
    if (typeof schema === "string") return this.reference(schema, namespace);
    const given = schema as Json;
    const { type } = given;
    if (typeof type !== "string") return this.read(type, namespace);
    switch (type) {
      case "array":
        return { kind: "array", items: this.read(given["items"], namespace) };
      case "map":
        return { kind: "map", values: this.read(given["values"], namespace) };
      case "record":
      case "error":
        return this.record(given, namespace);
      case "enum":
        return this.name(given, namespace, (name) => ({ kind: "enum", name, symbols: given["symbols"] as string[] }));
      case "fixed":
        return this.name(given, namespace, (name) => ({
          kind: "fixed",
          name,
          size: given["size"] as number,
          logical: logicalOf(given, "fixed"),
        }));
      default:
        if (!primitives.has(type)) return this.reference(type, namespace);
        return { kind: type as PrimitiveKind, logical: logicalOf(given, type) };
    }
  }

  private record(given: Json, namespace: string): Type {
    const fields: RecordField[] = [];
    const type = this.name(given, namespace, (name) => ({ kind: "record", name, fields }));
    const full = (type as RecordType).name;
    const inside = full.includes(".") ? full.slice(0, full.lastIndexOf(".")) : "";
    for (const field of given["fields"] as Json[])
      fields.push({
        name: recordName(field),
        written: field["name"] as string,
        type: this.read(field["type"], inside),
        fallback: field["default"],
      });
    return type;
  }

  private name(given: Json, namespace: string, make: (name: string) => Type): Type {
    const name = given["name"] as string;
    const own = typeof given["namespace"] === "string" ? given["namespace"] : namespace;
    const full = name.includes(".") || own === "" ? name : `${own}.${name}`;
    const type = make(full);
    this.named.set(full, type);
    return type;
  }

  private reference(name: string, namespace: string): Type {
    if (primitives.has(name)) return { kind: name as PrimitiveKind };
    const full = name.includes(".") || namespace === "" ? name : `${namespace}.${name}`;
    const found = this.named.get(full) ?? this.named.get(name);
    if (!found) throw new ConfigError(`it names "${name}", which it does not define before`);
    return found;
  }
}

/**
 * @param schema an Avro schema of any type, already parsed as JSON
 * @throws ConfigError saying what is wrong with it
 */
export function parseType(schema: unknown, setting = "Schema"): Type {
  try {
    const { Type: AvroType } = avsc();
    AvroType.forSchema(schema as Parameters<typeof AvroType.forSchema>[0], { wrapUnions: true });
    return new Reader().read(schema, "");
  } catch (cause) {
    throw new ConfigError(`${setting}: this is no Avro schema: ${messageOf(cause)}`, { cause });
  }
}

/**
 * @param schema an Avro schema of a record, already parsed as JSON
 * @throws ConfigError saying what is wrong with it
 */
export function parseSchema(schema: unknown, setting = "Schema"): RecordType {
  const type = parseType(schema, setting);
  if (type.kind === "record") return type;
  throw new ConfigError(
    `${setting}: this is no Avro schema: it is of a ${type.kind}; records need {"type": "record", …}`,
  );
}
