/** Types of records, as Avro's schemas have them: the one language in which users give a schema, whatever the format. */

/** What a value stands for beyond how it is kept. */
export type Logical =
  | { readonly kind: "date" | "time-millis" | "time-micros" | "uuid" }
  | { readonly kind: "timestamp-millis" | "timestamp-micros"; readonly local: boolean }
  | { readonly kind: "decimal"; readonly precision: number; readonly scale: number };

export interface RecordField {
  /** What records call it. */
  readonly name: string;
  /** What the file calls it, where that differs. */
  readonly written: string;
  readonly type: Type;
  /** Taken where a record lacks it; undefined: there is none. */
  readonly fallback: unknown;
}

export type PrimitiveKind = "null" | "boolean" | "int" | "long" | "float" | "double" | "bytes" | "string";

export type Type =
  | { readonly kind: PrimitiveKind; readonly logical?: Logical | undefined }
  | {
      readonly kind: "fixed";
      readonly name: string;
      readonly size: number;
      readonly logical?: Logical | undefined;
    }
  | { readonly kind: "enum"; readonly name: string; readonly symbols: readonly string[] }
  | { readonly kind: "array"; readonly items: Type }
  | { readonly kind: "map"; readonly values: Type }
  | { readonly kind: "record"; readonly name: string; readonly fields: readonly RecordField[] }
  | { readonly kind: "union"; readonly branches: readonly Type[] };

export type RecordType = Extract<Type, { kind: "record" }>;

/** A type that may be null, and what it is else; undefined for types that are no such union. */
export function nullable(type: Type): Type | undefined {
  if (type.kind !== "union" || type.branches.length !== 2) return undefined;
  const others = type.branches.filter(({ kind }) => kind !== "null");
  return others.length === 1 ? others[0] : undefined;
}

/** The name of a union's branch, as Avro has it in JSON. */
export const branchName = (type: Type): string => ("name" in type ? type.name : type.kind);
