/** Compression of record batches, by the number that the batch's attributes carry. */
import { promisify } from "node:util";
import * as zlib from "node:zlib";
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

const gzip: Codec = {
  id: 1,
  compress: promisify<Buffer, Buffer>(zlib.gzip),
  decompress: promisify<Buffer, Buffer>(zlib.gunzip),
};
const zstd: Codec | undefined =
  zstdCompress && zstdDecompress
    ? { id: 4, compress: promisify(zstdCompress), decompress: promisify(zstdDecompress) }
    : undefined;

/**
 * The codec of a name; undefined for "none".
 * @throws ConfigError when this Node.js cannot do it
 */
export const codecByName = (name: CodecName): Codec | undefined => {
  if (name === "none") return undefined;
  if (name === "gzip") return gzip;
  if (name === "zstd" && zstd) return zstd;
  if (name === "zstd")
    throw new ConfigError(`Compression zstd needs Node.js 22.15 or newer (this is ${process.version}); choose gzip`);
  throw new ConfigError(`Compression ${name} is not supported yet; choose gzip`);
};

/** The codec of a number on the wire; undefined for 0. Throws ConfigError as `codecByName` does. */
export const codecById = (id: number): Codec | undefined => {
  const name = codecNames[id];
  if (name === undefined) throw new ConfigError(`Compression codec number ${id} is unknown`);
  return codecByName(name);
};
