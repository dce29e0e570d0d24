/**
 * Writes Zstandard (RFC 8878) where Node.js cannot (before 22.15): literals as they are, repeats by the predefined
 * tables. Packs about as LZ4 does, less than zstd itself; every decoder reads it.
 */
import { BitWriter, FseEncoder, makeFseTable, type FseTable } from "./fse";
import { BLOCK, copy, makeMatchFinder, type Sequences } from "./matches";

/** Magic number, then: one segment, its size in 4 bytes, no checksum. */
const HEADER = Buffer.from("28b52ffda0", "hex");
const RAW = 0;
const COMPRESSED = 2;

/** A number is a code and so many further bits: how many, from this code on. */
const literalBits = [...Array<number>(16).fill(0), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const repeatBits = [...Array<number>(32).fill(0), 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
/** The first number of each code; 3 is the shortest repeat. */
const firsts = (bits: readonly number[], first: number): number[] =>
  bits.map((_, code) => bits.slice(0, code).reduce((sum, count) => sum + 2 ** count, first));
const literalFirsts = firsts(literalBits, 0);
const repeatFirsts = firsts(repeatBits, 3);

const ones = (count: number): number[] => Array<number>(count).fill(1);
const twos = (count: number): number[] => Array<number>(count).fill(2);
const rare = (count: number): number[] => Array<number>(count).fill(-1);

interface Tables {
  readonly literals: FseTable;
  readonly repeats: FseTable;
  readonly offsets: FseTable;
}
/** The predefined distributions (section 3.1.1.3.2.2). */
const tables: Tables = {
  literals: makeFseTable(6, [4, 3, ...twos(11), ...ones(3), ...twos(9), 3, 2, ...ones(5), ...rare(4)]),
  repeats: makeFseTable(6, [1, 4, 3, ...twos(6), ...ones(37), ...rare(7)]),
  offsets: makeFseTable(5, [...ones(6), ...twos(3), ...ones(15), ...rare(5)]),
};

const codeOf = (value: number, all: readonly number[]): number => {
  let low = 0;
  for (let high = all.length; high - low > 1;) {
    const middle = (low + high) >> 1;
    if (all[middle]! <= value) low = middle;
    else high = middle;
  }
  return low;
};

/** Writes what the sequences repeat; there is at least one repeat. @returns where it ends */
const writeSequences = ({ list, used }: Sequences, into: Buffer, at: number): number => {
  const count = used / 3 - 1;
  if (count < 128) into[at++] = count;
  else {
    into[at++] = (count >>> 8) + 128;
    into[at++] = count & 0xff;
  }
  into[at++] = 0;
  const bits = new BitWriter(into, at);
  let encoders: { literals: FseEncoder; repeats: FseEncoder; offsets: FseEncoder } | undefined;
  for (let i = 3 * (count - 1); i >= 0; i -= 3) {
    const literals = list[i]!;
    const length = list[i + 1]!;
    // 1 to 3 mean an earlier offset
    const offset = list[i + 2]! + 3;
    const literalCode = codeOf(literals, literalFirsts);
    const repeatCode = codeOf(length, repeatFirsts);
    const offsetCode = 31 - Math.clz32(offset);
    if (encoders) {
      encoders.offsets.add(offsetCode, bits);
      encoders.repeats.add(repeatCode, bits);
      encoders.literals.add(literalCode, bits);
    } else
      encoders = {
        literals: new FseEncoder(tables.literals, literalCode),
        repeats: new FseEncoder(tables.repeats, repeatCode),
        offsets: new FseEncoder(tables.offsets, offsetCode),
      };
    bits.add(literals - literalFirsts[literalCode]!, literalBits[literalCode]!);
    bits.add(length - repeatFirsts[repeatCode]!, repeatBits[repeatCode]!);
    bits.add(offset, offsetCode);
  }
  encoders?.repeats.close(bits);
  encoders?.offsets.close(bits);
  encoders?.literals.close(bits);
  return bits.close();
};

/** Writes bytes[from…to) as the content of a compressed block. @returns where it ends */
const writeBlock = (sequences: Sequences, bytes: Uint8Array, from: number, into: Buffer, at: number): number => {
  const { list, used } = sequences;
  const literalsAt = at + 3;
  let end = literalsAt;
  for (let i = 0; i < used; i += 3) {
    copy(bytes, from, from + list[i]!, into, end);
    end += list[i]!;
    from += list[i]! + list[i + 1]!;
  }
  const count = end - literalsAt;
  into.writeUIntLE((count << 4) | (3 << 2), at, 3);
  return writeSequences(sequences, into, end);
};

/** One Zstandard frame. */
export const compressZstd = (bytes: Uint8Array): Buffer => {
  const blocks = Math.max(1, Math.ceil(bytes.length / BLOCK));
  // a repeat of 4 bytes may take 7: three states and the bits of its offset
  const into = Buffer.allocUnsafe(HEADER.length + 4 + 2 * bytes.length + blocks * 32);
  HEADER.copy(into);
  into.writeUInt32LE(bytes.length, HEADER.length);
  let at = HEADER.length + 4;
  const finder = makeMatchFinder(bytes.length);
  for (let block = 0; block < blocks; block++) {
    const from = block * BLOCK;
    const to = Math.min(from + BLOCK, bytes.length);
    const sequences = finder.find(bytes, from, to);
    let kind = COMPRESSED;
    let end = sequences.used > 3 ? writeBlock(sequences, bytes, from, into, at + 3) : Infinity;
    if (end - at - 3 >= to - from) {
      kind = RAW;
      into.set(bytes.subarray(from, to), at + 3);
      end = at + 3 + to - from;
    }
    into.writeUIntLE(((end - at - 3) << 3) | (kind << 1) | (block === blocks - 1 ? 1 : 0), at, 3);
    at = end;
  }
  return into.subarray(0, at);
};
