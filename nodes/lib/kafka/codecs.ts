/** Compression of record batches, by the number that the batch's attributes carry. */
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { decompress as decompressZstd } from "fzstd";
import { compressLz4, decompressLz4 } from "../compression/lz4";
import { compressSnappy, decompressSnappy } from "../compression/snappy";
import { compressZstd } from "../compression/zstd";
import { ConfigError } from "../errors";

/** Names as Kafka's `compression.type` has them, at the index that is their number on the wire. */
export const codecNames = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
export type CodecName = (typeof codecNames)[number];

export interface Codec {
  readonly id: number;
  compress(bytes: Buffer): Promise<Buffer>;
  decompress(bytes: Buffer): Promise<Buffer>;
}

type Callback = (error: Error | null, result: Buffer) => void;
type Transform = (bytes: Buffer, callback: Callback) => void;
/** zstd came to node:zlib with Node 22.15; the types of Node 20 do not know it. */
const { zstdCompress, zstdDecompress } = zlib as unknown as { zstdCompress?: Transform; zstdDecompress?: Transform };

/** Where Node.js has no zstd: read by a package, written by a small encoder of our own, which packs less. */
export const zstdWithoutNode: Codec = {
  id: 4,
  compress: async (bytes) => compressZstd(bytes),
  async decompress(bytes) {
    const { buffer, byteOffset, byteLength } = decompressZstd(bytes);
    return Buffer.from(buffer, byteOffset, byteLength);
  },
};

const codecs: Readonly<Record<Exclude<CodecName, "none">, Codec>> = {
  gzip: { id: 1, compress: promisify<Buffer, Buffer>(zlib.gzip), decompress: promisify<Buffer, Buffer>(zlib.gunzip) },
  snappy: {
    id: 2,
    compress: async (bytes) => compressSnappy(bytes),
    decompress: async (bytes) => decompressSnappy(bytes),
  },
  lz4: { id: 3, compress: async (bytes) => compressLz4(bytes), decompress: async (bytes) => decompressLz4(bytes) },
  zstd:
    zstdCompress && zstdDecompress
      ? { id: 4, compress: promisify(zstdCompress), decompress: promisify(zstdDecompress) }
      : zstdWithoutNode,
};

/** The codec of a name; undefined for "none". */
export const codecByName = (name: CodecName): Codec | undefined => (name === "none" ? undefined : codecs[name]);

/** The codec of a number on the wire; undefined for 0. Throws ConfigError for a number that Kafka does not have. */
export const codecById = (id: number): Codec | undefined => {
  const name = codecNames[id];
  if (name === undefined) throw new ConfigError(`Compression codec number ${id} is unknown`);
  return codecByName(name);
};
