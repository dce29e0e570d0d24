/** A type written as Parquet's schema: groups and leaves in one list, as parquet-mr's Avro writer maps them. */
import type { SchemaElement } from "hyparquet";
import { ConfigError } from "../../errors";
import { type Logical, type RecordType, type Type, nullable } from "../schema/type";

type Repetition = "REQUIRED" | "OPTIONAL";

/** Bytes that a decimal of so many digits takes. */
const bytesFor = (precision: number): number => Math.ceil((Math.log2(10) * precision + 1) / 8);

function numberElement(type: "INT32" | "INT64", logical: Logical | undefined): Omit<SchemaElement, "name"> {
  switch (logical?.kind) {
    case "date":
      return { type, converted_type: "DATE" };
    case "time-millis":
      return { type, converted_type: "TIME_MILLIS" };
    case "time-micros":
      return { type, converted_type: "TIME_MICROS" };
    case "timestamp-millis":
    case "timestamp-micros": {
      const unit = logical.kind === "timestamp-millis" ? "MILLIS" : "MICROS";
      const element = { type, logical_type: { type: "TIMESTAMP", isAdjustedToUTC: !logical.local, unit } } as const;
      // readers before logical types take it for UTC, so it is said only where it is
      return logical.local ? element : { ...element, converted_type: `TIMESTAMP_${unit}` };
    }
    default:
      return { type };
  }
}

function bytesElement(logical: Logical | undefined, size: number | undefined): Omit<SchemaElement, "name"> {
  if (logical?.kind === "decimal") {
    const { precision, scale } = logical;
    const decimal = { converted_type: "DECIMAL", precision, scale } as const;
    if (precision <= 9) return { type: "INT32", ...decimal };
    if (precision <= 18) return { type: "INT64", ...decimal };
    return { type: "FIXED_LEN_BYTE_ARRAY", type_length: bytesFor(precision), ...decimal };
  }
  return size === undefined ? { type: "BYTE_ARRAY" } : { type: "FIXED_LEN_BYTE_ARRAY", type_length: size };
}

const text = { type: "BYTE_ARRAY", converted_type: "UTF8" } as const;

function elements(
  name: string,
  type: Type,
  repetition: Repetition,
  path: string,
  above: readonly Type[],
): SchemaElement[] {
  const refuse = (what: string): ConfigError => new ConfigError(`Parquet can't have ${what}, which "${path}" is`);
  const repetition_type = repetition;
  switch (type.kind) {
    case "union": {
      const only = nullable(type);
      if (!only) throw refuse("a union of several types");
      return elements(name, only, "OPTIONAL", path, above);
    }
    case "null":
      throw refuse("a column that is always null");
    case "array":
      return [
        { name, repetition_type, converted_type: "LIST", num_children: 1 },
        { name: "list", repetition_type: "REPEATED", num_children: 1 },
        ...elements("element", type.items, "REQUIRED", `${path}[]`, [...above, type]),
      ];
    case "map":
      return [
        { name, repetition_type, converted_type: "MAP", num_children: 1 },
        { name: "key_value", repetition_type: "REPEATED", num_children: 2 },
        { name: "key", repetition_type: "REQUIRED", ...text },
        ...elements("value", type.values, "REQUIRED", `${path}{}`, [...above, type]),
      ];
    case "record":
      if (above.includes(type)) throw refuse("a record that holds itself");
      if (type.fields.length === 0) throw refuse("a record without fields");
      return [
        { name, repetition_type, num_children: type.fields.length },
        ...type.fields.flatMap((field) =>
          elements(field.written, field.type, "REQUIRED", `${path}.${field.name}`, [...above, type]),
        ),
      ];
    case "boolean":
      return [{ name, repetition_type, type: "BOOLEAN" }];
    case "int":
      return [{ name, repetition_type, ...numberElement("INT32", type.logical) }];
    case "long":
      return [{ name, repetition_type, ...numberElement("INT64", type.logical) }];
    case "float":
      return [{ name, repetition_type, type: "FLOAT" }];
    case "double":
      return [{ name, repetition_type, type: "DOUBLE" }];
    case "bytes":
    case "fixed":
      return [{ name, repetition_type, ...bytesElement(type.logical, "size" in type ? type.size : undefined) }];
    default:
      return [{ name, repetition_type, ...text }];
  }
}

/** @throws ConfigError for what Parquet can't have: unions of several types, records without fields or holding themselves */
export function parquetSchema(type: RecordType): SchemaElement[] {
  if (type.fields.length === 0) throw new ConfigError("Parquet can't have a record without fields");
  return [
    { name: "root", num_children: type.fields.length },
    ...type.fields.flatMap((field) => elements(field.written, field.type, "REQUIRED", field.name, [type])),
  ];
}
