/** A type written as an Avro schema. */
import type { Logical, Type } from "./type";

function logicalJson(logical: Logical | undefined): Record<string, unknown> {
  if (!logical) return {};
  if (logical.kind === "decimal") return { logicalType: "decimal", precision: logical.precision, scale: logical.scale };
  return { logicalType: "local" in logical && logical.local ? `local-${logical.kind}` : logical.kind };
}

/**
 * @param logical whether it says what values stand for, or only how they are kept
 * @param seen names that were written already: a second time they are referred to
 */
export function schemaJson(type: Type, logical = true, seen = new Set<string>()): unknown {
  if ("name" in type) {
    if (seen.has(type.name)) return type.name;
    seen.add(type.name);
  }
  switch (type.kind) {
    case "fixed":
      return { type: "fixed", name: type.name, size: type.size, ...(logical ? logicalJson(type.logical) : {}) };
    case "enum":
      return { type: "enum", name: type.name, symbols: type.symbols };
    case "array":
      return { type: "array", items: schemaJson(type.items, logical, seen) };
    case "map":
      return { type: "map", values: schemaJson(type.values, logical, seen) };
    case "union":
      return type.branches.map((one) => schemaJson(one, logical, seen));
    case "record":
      return {
        type: "record",
        name: type.name,
        fields: type.fields.map(({ name, written, type: of, fallback }) => ({
          name: written,
          ...(name === written ? {} : { doc: name }),
          type: schemaJson(of, logical, seen),
          ...(fallback === undefined ? {} : { default: fallback }),
        })),
      };
    default:
      return type.logical && logical ? { type: type.kind, ...logicalJson(type.logical) } : type.kind;
  }
}
