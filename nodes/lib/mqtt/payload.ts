/** Bytes of a message to a value of a flow and back. */
import { Rejected, messageOf } from "../errors";

/** What the payload's bytes hold. */
export type PayloadFormat = "json" | "text" | "bytes";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * The value that the bytes hold.
 * @throws Rejected with the place of the fault: these bytes will never be readable.
 */
export function decodePayload(format: PayloadFormat, bytes: Buffer): unknown {
  if (format === "bytes") return bytes;
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new Rejected(`the payload (${bytes.length} bytes) is not UTF-8 text; its format may be bytes`);
  }
  if (format === "text") return text;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new Rejected(`the payload is not JSON (${messageOf(error)}): ${excerpt(text)}`);
  }
}

/**
 * The bytes to publish: buffers and strings as they are, anything else as JSON; nothing for null and undefined, which
 * clears a retained message.
 * @throws Rejected when the value has no JSON form.
 */
export function encodePayload(value: unknown): Buffer | string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string" || Buffer.isBuffer(value)) return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  try {
    const json = JSON.stringify(value) as string | undefined;
    if (json === undefined) throw new TypeError(`a ${typeof value} has no JSON form`);
    return json;
  } catch (error) {
    throw new Rejected(`msg.payload cannot be written as JSON: ${messageOf(error)}`);
  }
}

/** The first characters of a text, for an error. */
export const excerpt = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
