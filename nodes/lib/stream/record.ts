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
