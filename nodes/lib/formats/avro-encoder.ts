/** Values into Avro's binary encoding (specification 1.11, "Binary Encoding"), by avsc. */
import type { Type as AvroType } from "avsc";
import { lazily } from "../lazily";
import { avsc } from "./avsc";
import type { Target } from "./schema/conform";
import { decimalBytes } from "./schema/decimal";
import { schemaJson } from "./schema/json";
import { type Type, branchName } from "./schema/type";

/** avsc's long is a number and refuses those that are not safe; this one takes bigints too, at three times the cost. */
const long = lazily(() =>
  avsc().types.LongType.__with({
    fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
    toBuffer: (value: number | bigint) => {
      const bytes = Buffer.allocUnsafe(8);
      bytes.writeBigInt64LE(BigInt(value));
      return bytes;
    },
    fromJSON: BigInt,
    toJSON: Number,
    isValid: (value: unknown) => typeof value === "bigint" || Number.isSafeInteger(value),
    compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
  }),
);

/** How values must be formed for `avroEncoder`. */
export const avroTarget: Target = {
  long: (value) => value,
  decimal: decimalBytes,
  bytes: (value) => Buffer.from(value.buffer, value.byteOffset, value.byteLength),
  map: Object.fromEntries,
  branch: (type, value) => ({ [branchName(type)]: value }),
};

/** Without logical types, which would bring avsc's own long again. */
const typeOf = (schema: Type, registry: Record<string, AvroType>): AvroType =>
  avsc().Type.forSchema(schemaJson(schema, false) as Parameters<typeof AvroType.forSchema>[0], {
    wrapUnions: true,
    registry,
  });

/** Writes values that `Conforming` has formed for `avroTarget`. Each answer is a Buffer of its own. */
export function avroEncoder(schema: Type): (value: unknown) => Buffer {
  let type = typeOf(schema, {});
  let isWide = false;
  return (value) => {
    if (isWide) return type.toBuffer(value);
    try {
      return type.toBuffer(value);
    } catch {
      // the value fits the schema, so an integer beyond 2^53 is all that avsc can have refused
      isWide = true;
      type = typeOf(schema, { long: long() });
      return type.toBuffer(value);
    }
  };
}
