/** Zstandard at once: by node:zlib where it can, which came with Node.js 22.15, else by a package. */
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { decompress, Decompress } from "../../../vendor/fzstd";
import { tooLarge } from "./limit";
import { zstdNeeds } from "./zstd-frames";

type Callback = (error: Error | null, result: Buffer) => void;
interface Limit {
  readonly maxOutputLength: number;
}
/** The types of Node 20 do not know them. */
const { zstdDecompress, zstdDecompressSync } = zlib as unknown as {
  zstdDecompress?: (bytes: Uint8Array, options: Limit, callback: Callback) => void;
  zstdDecompressSync?: (bytes: Uint8Array, options: Limit) => Buffer;
};

/** Bit by bit, so that no more than `most` bytes are taken whatever comes. */
const streamed = (bytes: Buffer, most: number): Buffer => {
  const parts: Uint8Array[] = [];
  let size = 0;
  new Decompress((part) => {
    size += part.length;
    if (size > most) throw tooLarge(most);
    parts.push(part);
  }).push(bytes, true);
  return Buffer.concat(parts);
};

/** By the package. @throws RangeError for damaged bytes, and for those that hold more than `most` */
export const unpackZstdByPackage = (bytes: Buffer, most: number): Buffer => {
  const { content, window } = zstdNeeds(bytes);
  if (window > most) throw tooLarge(most);
  // Many small blocks promise more than they hold.
  if (content > most) return streamed(bytes, most);
  const { buffer, byteOffset, byteLength } = decompress(bytes);
  return Buffer.from(buffer, byteOffset, byteLength);
};

const limited = (error: unknown, most: number): unknown =>
  (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE" ? tooLarge(most) : error;

/** @throws RangeError or what zlib says for damaged bytes, and for those that hold more than `most` */
export async function unpackZstd(bytes: Buffer, most: number): Promise<Buffer> {
  if (!zstdDecompress) return unpackZstdByPackage(bytes, most);
  try {
    return await promisify(zstdDecompress)(bytes, { maxOutputLength: most });
  } catch (error) {
    throw limited(error, most);
  }
}

/** The same on the caller's thread. */
export function unpackZstdHere(bytes: Buffer, most: number): Buffer {
  if (!zstdDecompressSync) return unpackZstdByPackage(bytes, most);
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: most });
  } catch (error) {
    throw limited(error, most);
  }
}
