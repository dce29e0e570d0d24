/** Avro schemas that name schemas of other subjects, made whole. */
import { Rejected } from "../errors";
import type { RegisteredSchema, SchemaReference, SchemaRegistry } from "./registry";

/** References that refer to further ones, at most so deep. */
const DEEPEST = 32;

const jsonOf = ({ text, id }: RegisteredSchema): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    // Avro allows a bare name where JSON would want quotes
    if (/^[A-Za-z_][\w.]*$/u.test(text.trim())) return text.trim();
    throw new Rejected(`schema ${id} of the registry is no JSON`, { cause });
  }
};

/** Fetches all that a schema refers to, at any depth: their JSON by name. */
async function referred(
  registry: Pick<SchemaRegistry, "version">,
  references: readonly SchemaReference[],
  found: Map<string, unknown>,
  depth = 0,
): Promise<Map<string, unknown>> {
  if (depth > DEEPEST) throw new Rejected(`its references are more than ${DEEPEST} deep`);
  for (const { name, subject, version } of references) {
    if (found.has(name)) continue;
    const schema = await registry.version(subject, version);
    if (!schema) throw new Rejected(`it refers to version ${version} of subject "${subject}", which is not there`);
    found.set(name, jsonOf(schema));
    await referred(registry, schema.references, found, depth + 1);
  }
  return found;
}

type Json = Record<string, unknown>;

/** What a named schema is inside of, for the names in it (specification 1.11, "Names"). */
const namespaceOf = (schema: Json, around: string): string => {
  const name = String(schema["name"] ?? "");
  if (name.includes(".")) return name.slice(0, name.lastIndexOf("."));
  return typeof schema["namespace"] === "string" ? schema["namespace"] : around;
};

/** Puts each referred schema where its name stands first; later ones stay names. */
function inlined(schema: unknown, around: string, open: Map<string, unknown>): unknown {
  if (typeof schema === "string") {
    for (const name of schema.includes(".") || around === "" ? [schema] : [`${around}.${schema}`, schema]) {
      const own = open.get(name);
      if (own === undefined) continue;
      open.delete(name);
      // without a namespace of its own it must not get that of the place where it is put
      const rooted =
        typeof own === "object" && own !== null && !Array.isArray(own) ? { namespace: "", ...(own as Json) } : own;
      return inlined(rooted, "", open);
    }
    return schema;
  }
  if (Array.isArray(schema)) return schema.map((one) => inlined(one, around, open));
  if (typeof schema !== "object" || schema === null) return schema;
  const given = schema as Json;
  const inside = "name" in given ? namespaceOf(given, around) : around;
  const result: Json = { ...given };
  // text in "type" that names a kind, such as "record", is found in no reference
  for (const part of ["type", "items", "values"]) if (part in given) result[part] = inlined(given[part], inside, open);
  if (Array.isArray(given["fields"]))
    result["fields"] = (given["fields"] as Json[]).map((field) => ({
      ...field,
      type: inlined(field["type"], inside, open),
    }));
  return result;
}

/**
 * The JSON of an Avro schema with all it refers to in it.
 * @throws Rejected when something of it is missing or no JSON, and what the registry throws
 */
export async function wholeSchema(
  registry: Pick<SchemaRegistry, "version">,
  schema: RegisteredSchema,
): Promise<unknown> {
  const own = jsonOf(schema);
  if (schema.references.length === 0) return own;
  return inlined(own, "", await referred(registry, schema.references, new Map()));
}
