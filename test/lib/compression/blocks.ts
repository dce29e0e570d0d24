/** Bytes to compress: what repeats, what does not, and the sizes around the borders of blocks. */
import { createHash } from "node:crypto";
import * as fc from "fast-check";

/** Bytes that no codec can make smaller, always the same. */
export const noise = (length: number): Buffer => {
  const parts: Buffer[] = [];
  for (let n = 0; n * 32 < length; n++) parts.push(createHash("sha256").update(String(n)).digest());
  return Buffer.concat(parts).subarray(0, length);
};

const readings = Buffer.from(
  Array.from({ length: 9000 }, (_, n) =>
    JSON.stringify({ site: `서울-${n % 25}`, pm25: ((n * 7919) % 1500) / 10, time: 1_700_000_000_000 + n * 60_000 }),
  ).join("\n"),
);

export const samples: readonly (readonly [string, Buffer])[] = [
  ["nothing", Buffer.alloc(0)],
  ["one byte", Buffer.from("a")],
  ["12 equal bytes", Buffer.alloc(12, "a")],
  ["13 equal bytes", Buffer.alloc(13, "a")],
  ["Korean text", Buffer.from("미세먼지 농도가 높습니다. ".repeat(300))],
  ["half a megabyte of JSON", readings],
  ["1 MB of one byte", Buffer.alloc(1 << 20, 7)],
  ["1 MB of noise", noise(1 << 20)],
  ["a block less one byte", noise(65_535)],
  ["a block", Buffer.concat([noise(40_000), noise(25_536)])],
  ["a block and one byte", Buffer.concat([noise(40_000), noise(25_537)])],
];

/** Short alphabets make repeats; runs of noise between make long literals. */
export const anyBytes = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.array(fc.constantFrom(1, 2), { maxLength: 300 }).map((list) => Uint8Array.from(list)),
      fc
        .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 70_000 }))
        .map(([byte, n]) => Buffer.alloc(n, byte)),
    ),
    { maxLength: 8 },
  )
  .map((parts) => Buffer.concat(parts));
