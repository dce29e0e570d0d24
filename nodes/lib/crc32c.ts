/** CRC-32C (Castagnoli), which Kafka's record batches and our spool carry; eight bytes a step ("slicing-by-8"). */

const tables: readonly Int32Array[] = (() => {
  const all = Array.from({ length: 8 }, () => new Int32Array(256));
  const first = all[0] ?? new Int32Array(256);
  for (let n = 0; n < 256; n++) {
    let crc = n;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    first[n] = crc;
  }
  for (let n = 0; n < 256; n++) {
    let crc = first[n] ?? 0;
    for (let t = 1; t < 8; t++) {
      crc = (first[crc & 0xff] ?? 0) ^ (crc >>> 8);
      (all[t] ?? first)[n] = crc;
    }
  }
  return all;
})();
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

/** CRC-32C of `bytes[from…to)`, as an unsigned 32-bit number. */
export const crc32c = (bytes: Uint8Array, from = 0, to = bytes.length): number => {
  let crc = -1;
  let at = from;
  for (const stop = to - 7; at < stop; at += 8) {
    crc =
      t7[(crc ^ bytes[at]!) & 0xff]! ^
      t6[((crc >>> 8) ^ bytes[at + 1]!) & 0xff]! ^
      t5[((crc >>> 16) ^ bytes[at + 2]!) & 0xff]! ^
      t4[(crc >>> 24) ^ bytes[at + 3]!]! ^
      t3[bytes[at + 4]!]! ^
      t2[bytes[at + 5]!]! ^
      t1[bytes[at + 6]!]! ^
      t0[bytes[at + 7]!]!;
  }
  for (; at < to; at++) crc = t0[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return (crc ^ -1) >>> 0;
};
