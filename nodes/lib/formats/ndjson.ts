/** Newline-delimited JSON: one JSON value a line. https://github.com/ndjson/ndjson-spec */
import { Rejected, messageOf } from "../errors";
import { jsonText } from "./json-text";
import type { LineFormat } from "./text-file";

/**
 * One line, without its end. Typed arrays become arrays.
 * @throws Rejected when the value has no JSON form or would silently change: undefined, NaN, a cycle
 */
export function ndjsonLine(value: unknown): string {
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

/** Bytes that are JSON text on one line are kept as they are. @throws Rejected when they are no JSON */
function fromBytes(bytes: Buffer): string | Buffer {
  if (jsonText(bytes) === "line") return bytes;
  try {
    return JSON.stringify(JSON.parse(bytes.toString("utf8")));
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
  takesJson: true,
  begin: () => ({
    head: () => "",
    encode: (value, isLine) => (!Buffer.isBuffer(value) ? ndjsonLine(value) : isLine ? value : fromBytes(value)),
  }),
};
