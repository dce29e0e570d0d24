/**
 * Bytes of records that were decoded: a dead letter keeps them where its message does not give them back, such as JSON
 * with spaces, with numbers beyond 2^53, or of a text; its replay brings them to who writes the record again.
 */
import { isUtf8 } from "node:buffer";
import { isDeepStrictEqual } from "node:util";
import { batchOf, isRecord } from "../batch";
import type { DeadLetter, Message, OriginalBytes } from "./contract";

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
  if (!bytes || Buffer.isBuffer(value)) return undefined;
  // Empty text as a key stands for no key.
  if (typeof value === "string" && value === bytes.toString()) return value === "" ? bytes : undefined;
  const same = typeof value === "object" && value !== null && JSON.stringify(value) === bytes.toString();
  return !same && isJsonOf(bytes, value) ? bytes : undefined;
};

/** The property of a replayed message, or of an element of its batch, that tells of its dead letter. */
const LETTER = "deadLetter";

/** Puts a record's bytes into the message that brings it again. */
export const withOriginal = (message: Message, original: OriginalBytes | undefined): Message => {
  if (!original || (!original.value && !original.key)) return message;
  const { value, key } = original;
  const about = {
    ...(message[LETTER] as object | undefined),
    original: { ...(value && { value }), ...(key && { key }) },
  };
  return { ...message, [LETTER]: about };
};

/** A message as it is stored: without what its replay has told of the letter that it was. */
export const withoutLetter = ({ [LETTER]: _about, ...message }: Message): Message => {
  const elements = batchOf(message);
  return elements?.some((element) => isRecord(element) && LETTER in element)
    ? { ...message, payload: elements.map(({ [LETTER]: _of, ...element }) => element) }
    : message;
};

/**
 * The bytes that a replayed record had at its source as `part`; undefined when there are none, or `value` is not what
 * they were decoded to any more: somebody has changed it.
 * @param asText whether text may stand for its own bytes, and not only for JSON of it
 */
export const originalBytes = (
  message: Message,
  part: keyof OriginalBytes,
  value: unknown,
  asText = true,
): Buffer | undefined => {
  const about = message[LETTER];
  if (typeof about !== "object" || about === null) return undefined;
  const bytes = (about as { original?: OriginalBytes }).original?.[part];
  if (!Buffer.isBuffer(bytes) || Buffer.isBuffer(value)) return undefined;
  if (asText && typeof value === "string" && isUtf8(bytes) && bytes.toString() === value) return bytes;
  return isJsonOf(bytes, value) ? bytes : undefined;
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
