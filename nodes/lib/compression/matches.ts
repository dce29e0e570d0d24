/** Repeated parts of a block, found greedily by a hash of four bytes; what LZ4 and Snappy have in common. */

/** Bytes of a block: every earlier byte of it is within reach of a 16-bit offset. */
export const BLOCK = 65_536;
/** Fewest bytes of a repeat. */
export const SHORTEST = 4;
/** LZ4 wants the last 5 bytes of a block as they are, and no repeat to begin in its last 12. */
const LAST_LITERALS = 5;
const LAST_START = 12;
/** Of the hash, for a whole block; less than a block needs less. */
const MOST_BITS = 14;

/** Bytes as they are, then `length` bytes that repeat those `offset` before; the last of a block has length 0. */
export interface Sequences {
  /** literals, length, offset; literals, length, offset; … */
  readonly list: Int32Array;
  /** Entries of `list` in use. */
  used: number;
}

export interface MatchFinder {
  /** The sequences that make up bytes[from…to), at most `BLOCK` of them. Valid until the next call. */
  find(bytes: Uint8Array, from: number, to: number): Sequences;
}

/** @param size bytes to be compressed, in blocks */
export const makeMatchFinder = (size: number): MatchFinder => {
  const longest = Math.min(size, BLOCK);
  const bits = Math.min(MOST_BITS, Math.max(8, 32 - Math.clz32(longest)));
  const shift = 32 - bits;
  /** Where four bytes of this hash were last seen: 1 + the distance from the block's begin. */
  const seen = new Int32Array(1 << bits);
  const sequences: Sequences = { list: new Int32Array(3 * (Math.ceil(longest / SHORTEST) + 2)), used: 0 };
  const { list } = sequences;
  const find = (bytes: Uint8Array, from: number, to: number): Sequences => {
    seen.fill(0);
    let used = 0;
    let kept = from;
    let at = from;
    let misses = 0;
    for (const last = to - LAST_START; at <= last;) {
      const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      const hash = Math.imul(word, 0x9e3779b1) >>> shift;
      let before = seen[hash]! - 1 + from;
      seen[hash] = at - from + 1;
      if (
        before < from ||
        (bytes[before]! | (bytes[before + 1]! << 8) | (bytes[before + 2]! << 16) | (bytes[before + 3]! << 24)) !== word
      ) {
        // what repeats seldom is looked at ever more coarsely
        at += 1 + (misses++ >> 6);
        continue;
      }
      misses = 0;
      let end = at + SHORTEST;
      const offset = at - before;
      for (const most = to - LAST_LITERALS; end < most && bytes[end] === bytes[end - offset];) end++;
      for (; at > kept && before > from && bytes[at - 1] === bytes[before - 1]; before--) at--;
      list[used++] = at - kept;
      list[used++] = end - at;
      list[used++] = offset;
      kept = at = end;
    }
    list[used++] = to - kept;
    list[used++] = 0;
    list[used++] = 0;
    sequences.used = used;
    return sequences;
  };
  return { find };
};

/** Copies `length` bytes from `offset` before `at` to `at`; they may overlap: that repeats them. */
export const repeat = (bytes: Uint8Array, at: number, offset: number, length: number): void => {
  if (length > 24 && offset >= length) bytes.copyWithin(at, at - offset, at - offset + length);
  else for (let end = at + length; at < end; at++) bytes[at] = bytes[at - offset]!;
};

/** Copies bytes[from…to) to `into`. */
export const copy = (bytes: Uint8Array, from: number, to: number, into: Uint8Array, at: number): void => {
  if (to - from > 48) into.set(bytes.subarray(from, to), at);
  else while (from < to) into[at++] = bytes[from++]!;
};
