/**
 * Bytes of records that were decoded: a dead letter keeps them where its message does not give them back, such as JSON
 * with spaces, or with numbers beyond 2^53.
 */
import { isUtf8 } from "node:buffer";
import { isDeepStrictEqual } from "node:util";
import { batchOf } from "../batch";
import type { DeadLetter, OriginalBytes } from "./contract";

/** Whether the bytes are JSON of the value: false once somebody has changed it. */
export const isJsonOf = (bytes: Buffer, value: unknown): boolean => {
  if (!isUtf8(bytes)) return false;
  try {
    return isDeepStrictEqual(JSON.parse(bytes.toString()), value);
  } catch {
    return false;
  }
};

const kept = (bytes: Buffer | null | undefined, value: unknown): Buffer | undefined => {
  if (!bytes || Buffer.isBuffer(value) || value === bytes.toString()) return undefined;
  return JSON.stringify(value) !== bytes.toString() && isJsonOf(bytes, value) ? bytes : undefined;
};

/** What must be kept beside a letter's message, for each of its records; undefined when nothing must. */
export const originalsOf = ({ message, originals }: DeadLetter): readonly OriginalBytes[] | undefined => {
  if (originals === undefined) return undefined;
  const elements = originals.length === 1 && batchOf(message) === undefined ? [message] : (batchOf(message) ?? []);
  if (elements.length !== originals.length) return undefined;
  let any = false;
  const all = originals.map((original, n): OriginalBytes => {
    const value = kept(original.value, elements[n]?.payload);
    const key = kept(original.key, elements[n]?.["key"]);
    any ||= value !== undefined || key !== undefined;
    return { ...(value && { value }), ...(key && { key }) };
  });
  return any ? all : undefined;
};
