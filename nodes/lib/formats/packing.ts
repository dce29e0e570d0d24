/** Compression of whole files: pieces, compressed one by one, that readers take for one stream when they follow each other. */
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { compressRawSnappy } from "../compression/snappy";
import { compressZstd } from "../compression/zstd";

export interface Packing {
  /** With its dot; readers recognise the compression by it. */
  readonly extension: string;
  pack(bytes: Buffer): Promise<Buffer>;
}

type Callback = (error: Error | null, result: Buffer) => void;
/** zstd came to node:zlib with Node 22.15; the types of Node 20 do not know it. */
const { zstdCompress, zstdCompressSync } = zlib as unknown as {
  zstdCompress?: (bytes: Uint8Array, callback: Callback) => void;
  zstdCompressSync?: (bytes: Uint8Array) => Buffer;
};

/** One zstd frame: by Node.js where it can, else by a small encoder of our own, which packs less. */
export const packZstd: (bytes: Uint8Array) => Promise<Buffer> = zstdCompress
  ? promisify(zstdCompress)
  : async (bytes) => compressZstd(bytes);

/** The same on the caller's thread. */
export const packZstdHere: (bytes: Uint8Array) => Buffer = zstdCompressSync ?? compressZstd;

export const packGzip: (bytes: Uint8Array) => Promise<Buffer> = promisify<Uint8Array, Buffer>(zlib.gzip);

/** Hadoop's readers decompress into a buffer of 256 KB. */
const HADOOP_BLOCK = 128 * 1024;

/**
 * Snappy as Hadoop has it in files (`org.apache.hadoop.io.compress.SnappyCodec`, BlockCompressorStream): of each block
 * its size, the size of its only chunk, and the chunk in raw Snappy.
 */
export function packHadoopSnappy(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let from = 0; from < bytes.length; from += HADOOP_BLOCK) {
    const block = bytes.subarray(from, from + HADOOP_BLOCK);
    const packed = compressRawSnappy(block);
    const sizes = Buffer.allocUnsafe(8);
    sizes.writeUInt32BE(block.length, 0);
    sizes.writeUInt32BE(packed.length, 4);
    parts.push(sizes, packed);
  }
  return Buffer.concat(parts);
}

export const plainPacking: Packing = { extension: "", pack: async (bytes) => bytes };

/** Gzip has one member a piece (RFC 1952, 2.2), zstd one frame (RFC 8878, 3.1), Snappy some of Hadoop's blocks. */
export const packings = {
  none: plainPacking,
  gzip: { extension: ".gz", pack: packGzip },
  zstd: { extension: ".zst", pack: packZstd },
  snappy: { extension: ".snappy", pack: async (bytes) => packHadoopSnappy(bytes) },
} satisfies Record<string, Packing>;
