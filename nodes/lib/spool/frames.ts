/** Entries of a spool's file: CRC-32C of what follows (4 bytes, little endian), length of the content (4), content. */
import { crc32c } from "../crc32c";

export const FRAME = 8;
/** Larger than any entry: what says so is no length. */
export const MOST = 1 << 30;

/** Bytes of an entry with its frame. */
export const framedSize = (content: Uint8Array): number => FRAME + content.length;

/** Bytes of entries with their frames. */
export const framedSizes = (contents: readonly Uint8Array[]): number =>
  contents.reduce((sum, content) => sum + framedSize(content), 0);

/** The frames of these entries, one after the other. */
export const frame = (contents: readonly Uint8Array[]): Buffer => {
  const bytes = Buffer.allocUnsafe(framedSizes(contents));
  let at = 0;
  for (const content of contents) {
    const end = at + framedSize(content);
    bytes.writeUInt32LE(content.length, at + 4);
    bytes.set(content, at + FRAME);
    bytes.writeUInt32LE(crc32c(bytes, at + 4, end), at);
    at = end;
  }
  return bytes;
};

export interface Parsed {
  readonly contents: readonly Buffer[];
  /** Where the last whole frame ends. */
  readonly end: number;
  /** What comes then: nothing, a frame that goes on beyond these bytes (how long it is), or no frame at all. */
  readonly rest: "nothing" | "damaged" | { readonly needs: number };
}

/** The entries that begin at `from`; contents are windows into the bytes. */
export const parse = (bytes: Buffer, from = 0): Parsed => {
  const contents: Buffer[] = [];
  let at = from;
  for (;;) {
    if (at === bytes.length) return { contents, end: at, rest: "nothing" };
    if (at + FRAME > bytes.length) return { contents, end: at, rest: { needs: FRAME } };
    const length = bytes.readUInt32LE(at + 4);
    if (length > MOST) return { contents, end: at, rest: "damaged" };
    const end = at + FRAME + length;
    if (end > bytes.length) return { contents, end: at, rest: { needs: FRAME + length } };
    if (bytes.readUInt32LE(at) !== crc32c(bytes, at + 4, end)) return { contents, end: at, rest: "damaged" };
    contents.push(bytes.subarray(at + FRAME, end));
    at = end;
  }
};

/** What is left of frames where a row of them ends in something else: how many begin there, as far as lengths tell, and how many are whole. */
export const remains = (tail: Buffer): { readonly begun: number; readonly whole: number } => {
  let begun = 0;
  let whole = 0;
  for (let at = 0; at < tail.length;) {
    const length = at + FRAME <= tail.length ? tail.readUInt32LE(at + 4) : MOST + 1;
    const end = at + FRAME + length;
    // Zeros are what a file system leaves that never got to write.
    if (!tail.subarray(at, Math.min(end, tail.length)).some((byte) => byte !== 0)) break;
    begun++;
    if (length > MOST || end > tail.length) break;
    if (tail.readUInt32LE(at) === crc32c(tail, at + 4, end)) whole++;
    at = end;
  }
  return { begun, whole };
};
