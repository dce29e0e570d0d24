/**
 * The frame that producers put before a value whose schema is in a registry: a zero byte, and the schema's id as four
 * bytes, big end first (Confluent's documentation, "Wire format").
 */
import { Rejected } from "../errors";

const FRAME = 5;

/** Ids beyond are none. */
const LAST_ID = 0x7fffffff;

export interface Framed {
  /** Of the schema, as the registry counts them over all subjects. */
  readonly id: number;
  readonly body: Buffer;
}

/** @throws Rejected where no frame is */
export function unframed(bytes: Buffer, what: string): Framed {
  if (bytes.length < FRAME || bytes[0] !== 0)
    throw new Rejected(
      `the ${what} does not begin with a schema's id, so it was not written with a schema registry: ${bytes.subarray(0, 20).toString("hex")}`,
    );
  return { id: bytes.readUInt32BE(1), body: bytes.subarray(FRAME) };
}

/** The id in front of the bytes; undefined where no frame is. */
export const idIn = (bytes: Buffer): number | undefined => {
  if (bytes.length < FRAME || bytes[0] !== 0) return undefined;
  const id = bytes.readUInt32BE(1);
  return id > LAST_ID ? undefined : id;
};

export function framed(id: number, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME + body.length);
  bytes[0] = 0;
  bytes.writeUInt32BE(id, 1);
  bytes.set(body, FRAME);
  return bytes;
}
