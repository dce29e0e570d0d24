/** Batch mode: one message carries many records under one delivery token. */
import type { Message } from "./delivery/contract";
import { Rejected } from "./errors";
import { unreadOf } from "./unread";

/** Whether it has what a record has: a payload of its own. */
export const isRecord = (element: unknown): element is Message =>
  typeof element === "object" && element !== null && Object.hasOwn(element, "payload");

/**
 * The elements of a message in batch mode: records, each with the properties of a single message (`payload`, `key`,
 * `headers`, `timestamp`, `priority`, `source`). A payload is a batch when it is an array that holds a record: an object
 * with a `payload` of its own. What else stands in it is no record and fails alone (`recordAt`): one broken element must
 * not turn hundreds of records into the value of one. Any other payload, arrays included, is one record, and the
 * answer is undefined.
 */
export function batchOf(message: { readonly payload?: unknown }): readonly Message[] | undefined {
  const { payload } = message;
  return Array.isArray(payload) && payload.some(isRecord) ? (payload as Message[]) : undefined;
}

/** The records of a message: its batch, or the message itself. */
export const recordsOf = (message: Message): readonly Message[] => batchOf(message) ?? [message];

/** How many they are; of a batch that nobody has read, without reading it. */
export const countOf = (message: Message): number => unreadOf(message)?.records.length ?? recordsOf(message).length;

/**
 * An element of a batch as the record it should be.
 *
 * @throws Rejected when it is none
 */
export function recordAt(index: number, element: unknown): Message {
  if (isRecord(element)) return element;
  const what = typeof element === "object" && element !== null ? "an object without a payload" : String(element);
  throw new Rejected(`element ${index} of the batch is no record but ${what}`);
}
