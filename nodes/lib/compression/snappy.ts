/**
 * Snappy (github.com/google/snappy, format_description.txt), raw or in the frames of Java's snappy library
 * (github.com/xerial/snappy-java, SnappyOutputStream), which Kafka's Java client writes and all clients read.
 */
import { tooLarge } from "./limit";
import { BLOCK, copy, makeMatchFinder, repeat, type MatchFinder } from "./matches";

/** 0x82 "SNAPPY" 0x00, version 1, readable by version 1. */
const XERIAL = Buffer.from("82534e41505059000000000100000001", "hex");
const MAGIC = XERIAL.subarray(0, 8);
/** No byte of Snappy stands for more than 22: 64 bytes are repeated by 3. */
const MOST_EXPANSION = 22;

const damaged = (what: string): RangeError => new RangeError(`damaged Snappy: ${what}`);

const writeLiterals = (bytes: Uint8Array, from: number, count: number, into: Buffer, at: number): number => {
  const tag = count - 1;
  if (tag < 60) into[at++] = tag << 2;
  else if (tag < 256) {
    into[at++] = 60 << 2;
    into[at++] = tag;
  } else {
    into[at++] = 61 << 2;
    into[at++] = tag & 0xff;
    into[at++] = tag >>> 8;
  }
  copy(bytes, from, from + count, into, at);
  return at + count;
};

const writeRepeat = (offset: number, length: number, into: Buffer, at: number): number => {
  while (length > 0) {
    // no rest of less than 4: those would need a longer form
    const part = length <= 64 ? length : length < 68 ? 60 : 64;
    if (part >= 4 && part <= 11 && offset < 2048) {
      into[at++] = 1 | ((part - 4) << 2) | ((offset >>> 8) << 5);
      into[at++] = offset & 0xff;
    } else {
      into[at++] = 2 | ((part - 1) << 2);
      into[at++] = offset & 0xff;
      into[at++] = offset >>> 8;
    }
    length -= part;
  }
  return at;
};

/** Writes bytes[from…to), at most a block, as raw Snappy; `into` needs room for its worst case. @returns where it ends */
const writeSize = (size: number, into: Buffer, at: number): number => {
  let rest = size;
  for (; rest >= 128; rest >>>= 7) into[at++] = (rest & 0x7f) | 0x80;
  into[at++] = rest;
  return at;
};

const compressBlock = (finder: MatchFinder, bytes: Uint8Array, from: number, to: number, into: Buffer, at: number) => {
  const { list, used } = finder.find(bytes, from, to);
  for (let i = 0; i < used; i += 3) {
    const literals = list[i]!;
    const length = list[i + 1]!;
    if (literals > 0) at = writeLiterals(bytes, from, literals, into, at);
    if (length > 0) at = writeRepeat(list[i + 2]!, length, into, at);
    from += literals + length;
  }
  return at;
};

/** Room for so many bytes, if none of them repeats. */
const mostOf = (size: number): number => 5 + size + Math.ceil(size / BLOCK) * (32 + BLOCK / 6);

/** Raw Snappy, without frames: one stream of any size, as Avro and Hadoop have it. */
export const compressRawSnappy = (bytes: Uint8Array): Buffer => {
  const into = Buffer.allocUnsafe(mostOf(bytes.length));
  let at = writeSize(bytes.length, into, 0);
  const finder = makeMatchFinder(bytes.length);
  for (let from = 0; from < bytes.length; from += BLOCK)
    at = compressBlock(finder, bytes, from, Math.min(from + BLOCK, bytes.length), into, at);
  return into.subarray(0, at);
};

/** Snappy in Java's frames. */
export const compressSnappy = (bytes: Uint8Array): Buffer => {
  const blocks = Math.ceil(bytes.length / BLOCK);
  const into = Buffer.allocUnsafe(XERIAL.length + bytes.length + blocks * (32 + BLOCK / 6));
  XERIAL.copy(into);
  let at = XERIAL.length;
  const finder = makeMatchFinder(bytes.length);
  for (let from = 0; from < bytes.length; from += BLOCK) {
    const to = Math.min(from + BLOCK, bytes.length);
    const end = compressBlock(finder, bytes, from, to, into, writeSize(to - from, into, at + 4));
    into.writeInt32BE(end - at - 4, at);
    at = end;
  }
  return into.subarray(0, at);
};

const decompressRaw = (bytes: Uint8Array, left: number, most: number): Buffer => {
  let at = 0;
  let size = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at++];
    if (byte === undefined || at > 5) throw damaged("its length is cut off");
    size += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
  }
  if (size > MOST_EXPANSION * bytes.length) throw damaged(`it cannot hold the ${size} bytes that it promises`);
  if (size > left) throw tooLarge(most);
  const into = Buffer.allocUnsafe(size);
  let to = 0;
  while (at < bytes.length) {
    const tag = bytes[at++]!;
    if ((tag & 3) === 0) {
      let count = tag >>> 2;
      if (count >= 60) {
        const width = count - 59;
        count = 0;
        for (let i = 0; i < width; i++) count += (bytes[at + i] ?? 0) * 256 ** i;
        at += width;
      }
      count++;
      if (at + count > bytes.length || to + count > size) throw damaged("bytes reach over the end");
      copy(bytes, at, at + count, into, to);
      at += count;
      to += count;
      continue;
    }
    let length = (tag >>> 2) + 1;
    let offset = 0;
    if ((tag & 3) === 1) {
      length = ((tag >>> 2) & 7) + 4;
      offset = ((tag >>> 5) << 8) | (bytes[at] ?? 0);
      at += 1;
    } else {
      const width = (tag & 3) === 2 ? 2 : 4;
      for (let i = 0; i < width; i++) offset += (bytes[at + i] ?? 0) * 256 ** i;
      at += width;
    }
    if (at > bytes.length) throw damaged("a repeat is cut off");
    if (offset === 0 || offset > to || to + length > size) throw damaged("a repeat reaches over an end");
    repeat(into, to, offset, length);
    to += length;
  }
  if (to !== size) throw damaged(`it holds ${to} bytes instead of the ${size} that it promises`);
  return into;
};

/** The content of raw Snappy. @throws RangeError for damaged bytes, and for those that hold more than `most` */
export const decompressRawSnappy = (bytes: Uint8Array, most: number): Buffer => decompressRaw(bytes, most, most);

/**
 * The content of Snappy, raw or in Java's frames.
 * @throws RangeError for damaged bytes, and for those that hold more than `most`
 */
export const decompressSnappy = (bytes: Buffer, most = Infinity): Buffer => {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return decompressRaw(bytes, most, most);
  const parts: Buffer[] = [];
  let left = most;
  for (let at = XERIAL.length; at < bytes.length;) {
    const size = at + 4 <= bytes.length ? bytes.readInt32BE(at) : -1;
    at += 4;
    if (size < 0 || at + size > bytes.length) throw damaged("a frame is cut off");
    const part = decompressRaw(bytes.subarray(at, at + size), left, most);
    left -= part.length;
    parts.push(part);
    at += size;
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
};
