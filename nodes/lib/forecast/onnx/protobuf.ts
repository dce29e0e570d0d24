/** Protocol Buffers (https://protobuf.dev/programming-guides/encoding), as much as an ONNX file needs. */

/** A number is written as a varint, a text and bytes with their length before them. */
export type ProtoField = readonly [field: number, value: number | string | Uint8Array];

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

/** A message of these fields, in this order. Numbers are whole and not negative. */
export function protoMessage(...fields: readonly ProtoField[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([field, value]) => {
      if (typeof value === "number") return [varint(field * 8 + VARINT), varint(value)];
      const bytes = typeof value === "string" ? Buffer.from(value) : value;
      return [varint(field * 8 + BYTES), varint(bytes.length), bytes];
    }),
  );
}

/**
 * The fields of a message that have a length, in their order; numbers are passed over.
 * @throws RangeError when the bytes are no message
 */
export function protoFields(bytes: Buffer): (readonly [field: number, value: Buffer])[] {
  const found: (readonly [number, Buffer])[] = [];
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes.readUInt8(at++);
      value += (byte % 128) * factor;
      if (byte < 128) return value;
      if (factor > 2 ** 63) throw new RangeError("a number has too many bytes");
    }
  };
  while (at < bytes.length) {
    const tag = number();
    const kind = tag % 8;
    if (kind === VARINT) number();
    else if (kind === FIXED64) at += 8;
    else if (kind === FIXED32) at += 4;
    else if (kind === BYTES) {
      const length = number();
      if (at + length > bytes.length) throw new RangeError(`a field of ${length} bytes ends behind the last one`);
      found.push([Math.floor(tag / 8), bytes.subarray(at, at + length)]);
      at += length;
    } else throw new RangeError(`byte ${at} begins a field of no known kind`);
  }
  return found;
}
