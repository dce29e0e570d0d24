/** Newline-delimited JSON: one JSON value a line. https://github.com/ndjson/ndjson-spec */
import { Rejected, messageOf } from "../errors";
import type { LineFormat } from "./text-file";

/**
 * One line, without its end. Bytes that are JSON text already are kept as they are; typed arrays become arrays.
 * @throws Rejected when the value has no JSON form or would silently change: undefined, NaN, a cycle, bytes that are no JSON
 */
export function ndjsonLine(value: unknown): string {
  if (Buffer.isBuffer(value)) return fromBytes(value);
  let line: string | undefined;
  try {
    line = JSON.stringify(ArrayBuffer.isView(value) || hasView(value) ? plain(value) : value);
  } catch (error) {
    throw new Rejected(`NDJSON: the record can't be written as JSON: ${messageOf(error)}`, { cause: error });
  }
  if (line === undefined)
    throw new Rejected(
      `NDJSON: the record has no payload to write (it is ${value === undefined ? "undefined" : `a ${typeof value}`})`,
    );
  return line;
}

function fromBytes(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  try {
    const value: unknown = JSON.parse(text);
    return text.includes("\n") || text.includes("\r") ? JSON.stringify(value) : text;
  } catch (error) {
    throw new Rejected(
      `NDJSON: the payload is ${bytes.length} bytes that are not JSON (${messageOf(error)}); decode them before the sink`,
      { cause: error },
    );
  }
}

const hasView = (value: unknown): boolean => {
  if (typeof value !== "object" || value === null) return false;
  for (const name in value) if (ArrayBuffer.isView((value as Record<string, unknown>)[name])) return true;
  return false;
};

const plain = (value: unknown): unknown => {
  if (Buffer.isBuffer(value)) return value.toString("base64");
  if (ArrayBuffer.isView(value)) return [...(value as unknown as Iterable<unknown>)];
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(
    Object.entries(value as object).map(([name, one]) => [name, hasViewOrIs(one) ? plain(one) : one]),
  );
};
const hasViewOrIs = (value: unknown): boolean => ArrayBuffer.isView(value) || hasView(value);

export const ndjson: LineFormat = {
  extension: ".ndjson",
  begin: () => ({ head: () => "", encode: (value) => `${ndjsonLine(value)}\n` }),
};
