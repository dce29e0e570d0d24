/** Compression of record batches, by the number that the batch's attributes carry. */
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { tooLarge } from "../compression/limit";
import { compressLz4, decompressLz4 } from "../compression/lz4";
import { compressSnappy, decompressSnappy } from "../compression/snappy";
import { compressZstd } from "../compression/zstd";
import { unpackZstd, unpackZstdByPackage } from "../compression/zstd-unpack";
import { ConfigError } from "../errors";

/** Names as Kafka's `compression.type` has them, at the index that is their number on the wire. */
export const codecNames = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
export type CodecName = (typeof codecNames)[number];

export interface Codec {
  readonly id: number;
  compress(bytes: Buffer): Promise<Buffer>;
  /** @throws RangeError for damaged bytes, and for those that hold more than `most` */
  decompress(bytes: Buffer, most: number): Promise<Buffer>;
}

type Callback = (error: Error | null, result: Buffer) => void;
type Transform = (bytes: Buffer, callback: Callback) => void;
type Limited = (bytes: Buffer, options: { readonly maxOutputLength: number }, callback: Callback) => void;
/** zstd came to node:zlib with Node 22.15; the types of Node 20 do not know it. */
const { zstdCompress } = zlib as unknown as { zstdCompress?: Transform };

const limited = (decompress: Limited): Codec["decompress"] => {
  const run = promisify(decompress);
  return async (bytes, most) => {
    try {
      return await run(bytes, { maxOutputLength: most });
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE" ? tooLarge(most) : error;
    }
  };
};

/** Where Node.js has no zstd: read by a package, written by a small encoder of our own, which packs less. */
export const zstdWithoutNode: Codec = {
  id: 4,
  compress: async (bytes) => compressZstd(bytes),
  decompress: async (bytes, most) => unpackZstdByPackage(bytes, most),
};

const codecs: Readonly<Record<Exclude<CodecName, "none">, Codec>> = {
  gzip: { id: 1, compress: promisify<Buffer, Buffer>(zlib.gzip), decompress: limited(zlib.gunzip) },
  snappy: {
    id: 2,
    compress: async (bytes) => compressSnappy(bytes),
    decompress: async (bytes, most) => decompressSnappy(bytes, most),
  },
  lz4: {
    id: 3,
    compress: async (bytes) => compressLz4(bytes),
    decompress: async (bytes, most) => decompressLz4(bytes, most),
  },
  zstd: zstdCompress ? { id: 4, compress: promisify(zstdCompress), decompress: unpackZstd } : zstdWithoutNode,
};

/** The codec of a name; undefined for "none". */
export const codecByName = (name: CodecName): Codec | undefined => (name === "none" ? undefined : codecs[name]);

/** The codec of a number on the wire; undefined for 0. Throws ConfigError for a number that Kafka does not have. */
export const codecById = (id: number): Codec | undefined => {
  const name = codecNames[id];
  if (name === undefined) throw new ConfigError(`Compression codec number ${id} is unknown`);
  return codecByName(name);
};
