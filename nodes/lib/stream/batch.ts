/** One message carries one record, or a batch: an array of elements with the properties of a single message. */

/** What a record has on a wire (see docs: what travels on a wire). */
export interface StreamRecord {
  payload?: unknown;
  key?: unknown;
  headers?: unknown;
  timestamp?: unknown;
  priority?: unknown;
  source?: unknown;
  topic?: unknown;
  [property: string]: unknown;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}

/**
 * The elements of a batch message, or undefined for a message that is one record. A batch is an array in `payload`
 * whose first element is an object with a `payload` of its own; an array of plain values is one record's value.
 */
export function batchOf(message: { payload?: unknown }): readonly StreamRecord[] | undefined {
  const { payload } = message;
  if (!Array.isArray(payload) || payload.length === 0) return undefined;
  const first: unknown = payload[0];
  return isObject(first) && "payload" in first ? (payload as StreamRecord[]) : undefined;
}
