/** The content of compressed files, as a stream of pieces: no more of it is in memory than a piece and what its codec looks back on. */
import { Readable, pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { Decompress } from "../../../vendor/fzstd";
import { messageOf } from "../errors";
import { ByteFeed } from "./byte-feed";
import { Damaged } from "./damaged";
import { decompressRawSnappy } from "./snappy";
import { ZstdFrames } from "./zstd-frames";

/** How a whole file is compressed. */
export type PackingName = "none" | "gzip" | "zstd" | "snappy";

const PIECE = 64 * 1024;
/** Hadoop writes blocks of 256 KB; what says more than this is something else. */
const SNAPPY_BLOCK = 64 * 1024 * 1024;
const SNAPPY_FRAMING = Buffer.from("ff060000734e61507059", "hex");

/** One member or several, as gzip's own tools read them. */
async function* gunzipped(stored: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void> {
  const source = stored[Symbol.asyncIterator]();
  let read = 0;
  let last: Uint8Array = new Uint8Array(0);
  const next = async (): Promise<Uint8Array | undefined> => {
    const { done, value } = await source.next();
    if (done) return undefined;
    read += value.length;
    last = value;
    return value;
  };
  // what ends it does not end the source: there may be more than gzip takes
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for (let chunk = await next(); chunk; chunk = await next()) yield chunk;
  };
  const gunzip = createGunzip({ chunkSize: PIECE });
  try {
    yield* pipeline(Readable.from(counted()), gunzip, () => undefined) as AsyncIterable<Buffer>;
    // zlib takes zeros behind a member for padding, whatever comes after them
    let rest: Uint8Array | undefined = last.subarray(Math.max(0, last.length - (read - gunzip.bytesWritten)));
    for (; rest; rest = await next())
      if (rest.some((byte) => byte !== 0))
        throw new Damaged(`is damaged: what follows byte ${gunzip.bytesWritten} is no gzip data`);
  } catch (error) {
    switch ((error as NodeJS.ErrnoException).code) {
      case "Z_BUF_ERROR":
        throw new Damaged(`ends in the middle of its gzip data, after byte ${read}`, { cause: error });
      case "Z_DATA_ERROR": {
        const place = `between bytes ${gunzip.bytesWritten} and ${read}`;
        throw new Damaged(`is no gzip file or is damaged, ${place}: ${messageOf(error)}`, { cause: error });
      }
      default:
        throw error;
    }
  } finally {
    await source.return?.();
  }
}

/** One frame or several. By a package, on every Node.js: node:zlib's stream ends with the first frame. */
async function* unzstd(stored: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void> {
  const frames = new ZstdFrames();
  let ready: Buffer[] = [];
  const stream = new Decompress((part) => ready.push(Buffer.from(part.buffer, part.byteOffset, part.byteLength)));
  const push = (bytes: Uint8Array, isLast: boolean): void => {
    try {
      frames.pass(bytes);
      if (isLast && !frames.complete) throw new Damaged(`ends in the middle of its zstd data, after byte ${frames.at}`);
      stream.push(bytes, isLast);
    } catch (error) {
      if (error instanceof Damaged) throw error;
      throw new Damaged(`is no zstd file or is damaged, near byte ${frames.at}: ${messageOf(error)}`, { cause: error });
    }
  };
  for await (const chunk of stored)
    for (let at = 0; at < chunk.length; at += PIECE) {
      // its own copy: the package keeps what it can't use yet
      push(Uint8Array.from(chunk.subarray(at, at + PIECE)), false);
      const pieces = ready;
      ready = [];
      yield* pieces;
    }
  push(new Uint8Array(0), true);
  yield* ready;
}

/** Blocks as Hadoop has them in files: of each its size, then chunks of raw Snappy with their sizes until it is reached. */
async function* unsnapped(stored: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void> {
  const feed = new ByteFeed(stored);
  const size = async (): Promise<number> => {
    const at = feed.at;
    const bytes = await feed.take(4);
    const found = bytes.readUInt32BE();
    if (found <= SNAPPY_BLOCK) return found;
    const isFraming = at === 0 && SNAPPY_FRAMING.subarray(0, 4).equals(bytes);
    throw new Damaged(
      isFraming
        ? "is in Snappy's framing format; what is read is Hadoop's, as hdfs sink, Hadoop, Hive and Spark write it"
        : `is no Snappy file as Hadoop has them or is damaged, at byte ${at}`,
    );
  };
  try {
    while (!(await feed.ended())) {
      for (let left = await size(); left > 0;) {
        const chunk = await feed.take(await size());
        const at = feed.at - chunk.length;
        let part: Buffer;
        try {
          part = decompressRawSnappy(chunk, left);
          if (part.length === 0) throw new RangeError("an empty chunk");
        } catch (error) {
          throw new Damaged(`is damaged, in the Snappy data from byte ${at} on: ${messageOf(error)}`, { cause: error });
        }
        left -= part.length;
        yield part;
      }
    }
  } finally {
    await feed.close();
  }
}

/**
 * What a stored file holds.
 * @throws Damaged with the place, counted in stored bytes; what the stored stream throws
 */
export function unpacked(stored: AsyncIterable<Uint8Array>, packing: PackingName): AsyncIterable<Uint8Array> {
  switch (packing) {
    case "gzip":
      return gunzipped(stored);
    case "zstd":
      return unzstd(stored);
    case "snappy":
      return unsnapped(stored);
    default:
      return stored;
  }
}
