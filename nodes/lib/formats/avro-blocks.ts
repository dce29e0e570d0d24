/** Reads Avro object container files block by block (specification 1.11, "Object Container Files"). */
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import type { ByteFeed } from "../compression/byte-feed";
import { Damaged } from "../compression/damaged";
import { tooLarge } from "../compression/limit";
import { decompressRawSnappy } from "../compression/snappy";
import { unpackZstd } from "../compression/zstd-unpack";
import { messageOf } from "../errors";
import { AvroCursor } from "./avro-values";
import { parseSchema } from "./schema/parse";
import type { RecordType } from "./schema/type";

/** Most bytes of a block, stored or not: what is in memory at once. */
const MOST_BLOCK = 128 * 1024 * 1024;
const MOST_METADATA = 16 * 1024 * 1024;
const MAGIC = Buffer.from("Obj\u0001");
const SYNC = 16;

const inflate = promisify(zlib.inflateRaw) as (bytes: Buffer, options: zlib.ZlibOptions) => Promise<Buffer>;

async function inflated(block: Buffer): Promise<Buffer> {
  try {
    return await inflate(block, { maxOutputLength: MOST_BLOCK });
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE" ? tooLarge(MOST_BLOCK) : error;
  }
}

const codecs: Readonly<Record<string, (block: Buffer) => Promise<Buffer>>> = {
  null: async (block) => block,
  deflate: inflated,
  async snappy(block) {
    const content = decompressRawSnappy(block.subarray(0, -4), MOST_BLOCK);
    if (zlib.crc32(content) !== block.readUInt32BE(block.length - 4)) throw new RangeError("its checksum is another");
    return content;
  },
  zstandard: (block) => unpackZstd(block, MOST_BLOCK),
};

export interface AvroHead {
  readonly schema: RecordType;
  readonly sync: Buffer;
  /** Where the first block begins, in bytes. */
  readonly end: number;
  unpack(block: Buffer): Promise<Buffer>;
}

/** A long between what stands in the stream; it is exact, or no length. */
async function long(feed: ByteFeed): Promise<number> {
  const { at } = feed;
  const parts: Buffer[] = [];
  for (let count = 0; count < 10; count++) {
    const part = await feed.take(1);
    parts.push(part);
    if ((part[0] ?? 0) < 0x80) {
      const found = new AvroCursor(Buffer.concat(parts)).long();
      if (typeof found === "number") return found;
      break;
    }
  }
  throw new Damaged(`is damaged: no length at byte ${at}`);
}

async function sized(feed: ByteFeed, most: number): Promise<Buffer> {
  const { at } = feed;
  const size = await long(feed);
  if (size >= 0 && size <= most) return feed.take(size);
  throw new Damaged(`is damaged, or made of too large blocks: ${size} bytes are said to follow byte ${at}`);
}

/** @throws Damaged for what is no Avro file, or of a codec or schema that can't be read */
export async function avroHead(feed: ByteFeed): Promise<AvroHead> {
  if (!(await feed.take(MAGIC.length)).equals(MAGIC))
    throw new Damaged('is no Avro file: it does not begin with "Obj"');
  const metadata = new Map<string, Buffer>();
  for (let left = await long(feed); left !== 0; left = await long(feed)) {
    if (left < 0) {
      left = -left;
      await long(feed);
    }
    for (; left > 0; left--)
      metadata.set((await sized(feed, MOST_METADATA)).toString(), await sized(feed, MOST_METADATA));
  }
  const sync = Buffer.from(await feed.take(SYNC));
  const codec = metadata.get("avro.codec")?.toString() ?? "null";
  const unpack = Object.hasOwn(codecs, codec) ? codecs[codec] : undefined;
  if (!unpack)
    throw new Damaged(
      `is compressed with Avro's codec "${codec}", which is not read; ${Object.keys(codecs).join(", ")} are`,
    );
  try {
    const schema = parseSchema(JSON.parse(metadata.get("avro.schema")?.toString() ?? "null"), "its head");
    return { schema, sync, end: feed.at, unpack };
  } catch (error) {
    throw new Damaged(`can't be read by the schema that it states: ${messageOf(error)}`, { cause: error });
  }
}

export interface AvroBlock {
  /** Where it begins, and where the next one does, in bytes. */
  readonly at: number;
  readonly next: number;
  readonly count: number;
  readonly bytes: Buffer;
}

/** @throws Damaged with the place */
export async function* avroBlocks(feed: ByteFeed, head: AvroHead): AsyncGenerator<AvroBlock, void> {
  while (!(await feed.ended())) {
    const { at } = feed;
    const count = await long(feed);
    const stored = await sized(feed, MOST_BLOCK);
    const sync = await feed.take(SYNC);
    if (count < 0 || !sync.equals(head.sync))
      throw new Damaged(`is damaged: what stands at byte ${at} is no block that ends with the file's marker`);
    let bytes: Buffer;
    try {
      bytes = await head.unpack(stored);
    } catch (error) {
      throw new Damaged(`is damaged, in the block at byte ${at}: ${messageOf(error)}`, { cause: error });
    }
    yield { at, next: feed.at, count, bytes };
  }
}
