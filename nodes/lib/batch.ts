/** Batch mode: one message carries many records under one delivery token. */
import type { Message } from "./delivery/contract";

/**
 * The records of a message in batch mode: each has the properties of a single message (`payload`, `key`, `headers`,
 * `timestamp`, `priority`, `source`). A payload is a batch when it is a non-empty array whose every element is an object
 * with a `payload` of its own; any other payload, arrays included, is one record, and the answer is undefined.
 */
export function batchOf(message: Message): readonly Message[] | undefined {
  const { payload } = message;
  if (!Array.isArray(payload) || payload.length === 0) return undefined;
  for (const element of payload as unknown[]) {
    if (typeof element !== "object" || element === null || !Object.hasOwn(element, "payload")) return undefined;
  }
  return payload as Message[];
}

/** The records of a message: its batch, or the message itself. */
export const recordsOf = (message: Message): readonly Message[] => batchOf(message) ?? [message];
