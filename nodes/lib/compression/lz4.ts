/**
 * LZ4 blocks in LZ4 frames (github.com/lz4/lz4: doc/lz4_Block_format.md, doc/lz4_Frame_format.md). Frames are written
 * as Kafka's Java client writes them: independent blocks of 64 KB, without checksums but the header's.
 */
import { tooLarge } from "./limit";
import { BLOCK, copy, makeMatchFinder, repeat, SHORTEST, type MatchFinder } from "./matches";
import { xxh32 } from "./xxh32";

const MAGIC = 0x184d2204;
/** Frames that others may put between, to be passed over: 0x184D2A50 to 0x184D2A5F. */
const SKIPPABLE = 0x184d2a50;
const VERSION = 0x40;
const INDEPENDENT = 0x20;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const DICTIONARY = 0x01;
const BLOCK_OF_64_KB = 0x40;
/** In a block's size: the bytes are as they were. */
const AS_IT_WAS = 0x80000000;

/** Thrown for bytes that are no LZ4 frame or were damaged. */
const damaged = (what: string): RangeError => new RangeError(`damaged LZ4: ${what}`);

const writeLength = (into: Buffer, at: number, length: number): number => {
  for (; length >= 255; length -= 255) into[at++] = 255;
  into[at++] = length;
  return at;
};

/** Writes one block; `into` needs room for its worst case. @returns where it ends */
const compressBlock = (finder: MatchFinder, bytes: Uint8Array, from: number, to: number, into: Buffer, at: number) => {
  const { list, used } = finder.find(bytes, from, to);
  for (let i = 0; i < used; i += 3) {
    const literals = list[i]!;
    const length = list[i + 1]! - SHORTEST;
    const offset = list[i + 2]!;
    into[at++] = (Math.min(literals, 15) << 4) | (offset === 0 ? 0 : Math.min(length, 15));
    if (literals >= 15) at = writeLength(into, at, literals - 15);
    copy(bytes, from, from + literals, into, at);
    at += literals;
    if (offset === 0) break;
    into[at++] = offset & 0xff;
    into[at++] = offset >>> 8;
    if (length >= 15) at = writeLength(into, at, length - 15);
    from += literals + length + SHORTEST;
  }
  return at;
};

/** One LZ4 frame. */
export const compressLz4 = (bytes: Uint8Array): Buffer => {
  const blocks = Math.ceil(bytes.length / BLOCK);
  // in a block's worst case each 255 bytes take one more
  const into = Buffer.allocUnsafe(15 + bytes.length + Math.ceil(bytes.length / 255) + blocks * 20);
  into.writeUInt32LE(MAGIC, 0);
  into[4] = VERSION | INDEPENDENT;
  into[5] = BLOCK_OF_64_KB;
  into[6] = (xxh32(into, 4, 6) >>> 8) & 0xff;
  let at = 7;
  const finder = makeMatchFinder(bytes.length);
  for (let from = 0; from < bytes.length; from += BLOCK) {
    const to = Math.min(from + BLOCK, bytes.length);
    const end = compressBlock(finder, bytes, from, to, into, at + 4);
    if (end - at - 4 < to - from) {
      into.writeUInt32LE(end - at - 4, at);
      at = end;
    } else {
      into.writeUInt32LE((AS_IT_WAS | (to - from)) >>> 0, at);
      into.set(bytes.subarray(from, to), at + 4);
      at += 4 + to - from;
    }
  }
  into.writeUInt32LE(0, at);
  return into.subarray(0, at + 4);
};

/** Grows as it is filled, up to one block more than `most` bytes. */
class Output {
  bytes: Buffer;
  at = 0;
  constructor(
    size: number,
    private readonly most: number,
  ) {
    this.bytes = Buffer.allocUnsafe(Math.min(size, most));
  }
  reserve(more: number): void {
    this.check();
    if (this.at + more <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.at + more, Math.min(2 * this.bytes.length, this.most)));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }
  check(): void {
    if (this.at > this.most) throw tooLarge(this.most);
  }
}

/** Appends the content of the block bytes[at…end) to `output`; repeats may reach back to `base`, not beyond. */
const decompressBlock = (bytes: Buffer, at: number, end: number, output: Output, base: number, most: number): void => {
  output.reserve(most);
  const into = output.bytes;
  const limit = output.at + most;
  let to = output.at;
  /** The rest of a length whose first part was 15. */
  const more = (): number => {
    let sum = 0;
    for (let byte = 255; byte === 255; sum += byte) {
      if (at >= end) throw damaged("a length is cut off");
      byte = bytes[at++]!;
    }
    return sum;
  };
  for (;;) {
    if (at >= end) throw damaged("a block is cut off");
    const token = bytes[at++]!;
    let literals = token >>> 4;
    if (literals === 15) literals += more();
    if (at + literals > end || to + literals > limit) throw damaged("bytes reach over the end of a block");
    copy(bytes, at, at + literals, into, to);
    at += literals;
    to += literals;
    if (at === end) break;
    if (at + 2 > end) throw damaged("an offset is cut off");
    const offset = bytes[at]! | (bytes[at + 1]! << 8);
    at += 2;
    if (offset === 0 || offset > to - base) throw damaged("a repeat reaches before the begin");
    let length = token & 15;
    if (length === 15) length += more();
    length += SHORTEST;
    if (to + length > limit) throw damaged("a repeat reaches over the end of a block");
    repeat(into, to, offset, length);
    to += length;
  }
  output.at = to;
};

/** Appends the content of the frame that begins at `at`. @returns where the frame ends */
const decompressFrame = (bytes: Buffer, at: number, output: Output): number => {
  const descriptor = at + 4;
  const flags = bytes[descriptor] ?? 0;
  const code = ((bytes[descriptor + 1] ?? 0) >>> 4) & 7;
  if ((flags & 0xc0) !== VERSION || code < 4) throw damaged("unknown version or size of blocks");
  if (flags & DICTIONARY) throw damaged("it needs a dictionary");
  const most = 1 << (8 + 2 * code);
  const header = descriptor + 2 + (flags & CONTENT_SIZE ? 8 : 0);
  if (((xxh32(bytes, descriptor, header) >>> 8) & 0xff) !== bytes[header]) throw damaged("the header's checksum");
  const begin = output.at;
  at = header + 1;
  for (;;) {
    if (at + 4 > bytes.length) throw damaged("a frame is cut off");
    const word = bytes.readUInt32LE(at);
    at += 4;
    if (word === 0) break;
    const size = (word & ~AS_IT_WAS) >>> 0;
    const end = at + size;
    if (size > most || end > bytes.length) throw damaged("a block reaches over the end");
    if (flags & BLOCK_CHECKSUM && xxh32(bytes, at, end) !== readChecksum(bytes, end))
      throw damaged("a block's checksum");
    if (word & AS_IT_WAS) {
      output.reserve(size);
      output.bytes.set(bytes.subarray(at, end), output.at);
      output.at += size;
    } else decompressBlock(bytes, at, end, output, flags & INDEPENDENT ? output.at : begin, most);
    at = end + (flags & BLOCK_CHECKSUM ? 4 : 0);
  }
  if (!(flags & CONTENT_CHECKSUM)) return at;
  if (xxh32(output.bytes, begin, output.at) !== readChecksum(bytes, at)) throw damaged("the content's checksum");
  return at + 4;
};

const readChecksum = (bytes: Buffer, at: number): number => (at + 4 <= bytes.length ? bytes.readUInt32LE(at) : -1);

/**
 * The content of LZ4 frames, one after the other.
 * @throws RangeError for damaged bytes, and for those that hold more than `most`
 */
export const decompressLz4 = (bytes: Buffer, most = Infinity): Buffer => {
  const output = new Output(Math.max(1024, 4 * bytes.length), most);
  for (let at = 0; at < bytes.length;) {
    const magic = at + 8 <= bytes.length ? bytes.readUInt32LE(at) : 0;
    if (magic === MAGIC) at = decompressFrame(bytes, at, output);
    else if ((magic & ~0xf) >>> 0 === SKIPPABLE) at += 8 + bytes.readUInt32LE(at + 4);
    else throw damaged("no frame begins here");
  }
  output.check();
  return output.bytes.subarray(0, output.at);
};
