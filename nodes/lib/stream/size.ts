/** How much memory a record holds, roughly: for bounds, not for bookkeeping. */

/** Bytes of a value: of text 1 a character, of numbers 8, of buffers their length, of objects their content. */
export function sizeOf(value: unknown, depth = 0): number {
  switch (typeof value) {
    case "string":
      return value.length;
    case "object":
      break;
    default:
      return 8;
  }
  if (value === null) return 8;
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (depth > 8) return 64;
  let size = 16;
  if (Array.isArray(value)) for (const item of value) size += sizeOf(item, depth + 1);
  else for (const name in value) size += name.length + sizeOf((value as Record<string, unknown>)[name], depth + 1);
  return size;
}
