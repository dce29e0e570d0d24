import assert from "node:assert/strict";
import * as fc from "fast-check";
import { compressLz4, decompressLz4 } from "../../../nodes/lib/compression/lz4";
import { compressSnappy, decompressSnappy } from "../../../nodes/lib/compression/snappy";
import { codecByName, zstdWithoutNode } from "../../../nodes/lib/kafka/codecs";
import { compressZstd } from "../../../nodes/lib/compression/zstd";
import { xxh32 } from "../../../nodes/lib/compression/xxh32";
import { anyBytes, samples } from "./blocks";

const formats = [
  ["LZ4", compressLz4, decompressLz4],
  ["Snappy", compressSnappy, decompressSnappy],
] as const;
const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");

for (const [name, compress, decompress] of formats)
  describe(name, () => {
    for (const [what, content] of samples)
      it(`brings back ${what}`, () => {
        const packed = compress(content);
        assert.ok(decompress(packed).equals(content));
        assert.ok(packed.length <= content.length + 32 + content.length / 1000, `${packed.length} bytes`);
      });

    it("brings back whatever it is given", () => {
      fc.assert(
        fc.property(anyBytes, (content) => decompress(compress(content)).equals(content)),
        { numRuns: 200 },
      );
    });

    it("makes JSON of readings less than a third", () => {
      const [, content] = samples[5]!;
      assert.ok(compress(content).length * 3 < content.length, `${compress(content).length} of ${content.length}`);
    });

    it("refuses what is cut off anywhere, or lets it be the shorter content that it then is", () => {
      const content = Buffer.from("미세먼지 농도가 높습니다. ".repeat(30));
      const packed = compress(content);
      for (let end = 1; end < packed.length; end++) {
        let found: Buffer;
        try {
          found = decompress(packed.subarray(0, end));
        } catch (error) {
          assert.ok(error instanceof RangeError, String(error));
          continue;
        }
        assert.equal(found.length, 0, `cut at ${end} it gave ${found.length} bytes`);
      }
    });

    it("throws a RangeError for damaged bytes and nothing else, within a bounded memory", () => {
      const packed = compress(Buffer.from("미세먼지 농도가 높습니다. ".repeat(30)));
      fc.assert(
        fc.property(fc.nat(packed.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
          const spoiled = Buffer.from(packed);
          spoiled[at] = spoiled[at]! ^ flip;
          try {
            return decompress(spoiled).length <= 255 * spoiled.length;
          } catch (error) {
            return error instanceof RangeError;
          }
        }),
        { numRuns: 2000 },
      );
    });
  });

describe("XXH32", () => {
  it("gives the published values", () => {
    const known: [string, number][] = [
      ["", 0x02cc5d05],
      ["a", 0x550d7456],
      ["abc", 0x32d153ff],
      ["Nobody inspects the spammish repetition", 0xe2293b2f],
    ];
    for (const [text, hash] of known) assert.equal(xxh32(Buffer.from(text)), hash, text);
  });
});

describe("LZ4 frames of others", () => {
  // magic, FLG, BD, (content size), header checksum
  const frame = (flags: number, body: Buffer): Buffer => {
    const descriptor = Buffer.from([flags, 0x40]);
    return Buffer.concat([bytes("04224d18"), descriptor, Buffer.from([(xxh32(descriptor) >>> 8) & 255]), body]);
  };
  const checksum = (content: Buffer): Buffer => {
    const sum = Buffer.alloc(4);
    sum.writeUInt32LE(xxh32(content));
    return sum;
  };
  const block = (content: string): Buffer => bytes(content);

  it("are read with checksums of blocks and content, and refused when those do not match", () => {
    const stored = Buffer.from("hello");
    const parts = [bytes("05000080"), stored, checksum(stored), bytes("00000000")];
    assert.equal(String(decompressLz4(frame(0x74, Buffer.concat([...parts, checksum(stored)])))), "hello");
    const wrong = frame(0x74, Buffer.concat([...parts, checksum(Buffer.from("hellO"))]));
    assert.throws(() => decompressLz4(wrong), /content's checksum/);
    const spoiled = Buffer.concat([bytes("05000080"), stored, bytes("00000000"), bytes("00000000")]);
    assert.throws(() => decompressLz4(frame(0x70, spoiled)), /block's checksum/);
  });

  it("are read when their blocks repeat what earlier blocks hold", () => {
    // "abcde" as it is; then a block that repeats 5 bytes from 5 before, and ends with 1 literal
    const body = Buffer.concat([
      bytes("05000080"),
      Buffer.from("abcde"),
      bytes("05000000"),
      block("01 0500 10 66"),
      bytes("00000000"),
    ]);
    assert.equal(String(decompressLz4(frame(0x40, body))), "abcdeabcdef");
    assert.throws(() => decompressLz4(frame(0x60, body)), /before the begin/);
  });

  it("are read one after the other, passing over those that others may put between", () => {
    const skippable = bytes("502a4d18 03000000 010203");
    const both = Buffer.concat([compressLz4(Buffer.from("a")), skippable, compressLz4(Buffer.from("b"))]);
    assert.equal(String(decompressLz4(both)), "ab");
  });
});

describe("Snappy of others", () => {
  it("is read raw, without Java's frames, with repeats in each of the three forms", () => {
    // 4 literals, repeat 4 from 4 (1-byte offset), repeat 3 from 8 (2-byte), repeat 2 from 8 (4-byte)
    const raw = bytes("0d 0c 61626364 01 04 0a 0800 07 08000000");
    assert.equal(String(decompressSnappy(raw)), "abcdabcdabcda");
  });

  it("that promises more than it can hold is refused before memory is taken", () => {
    assert.throws(() => decompressSnappy(bytes("ffffffff0f 00")), /cannot hold the 4294967295 bytes/);
  });
});

describe("Zstandard without Node's", () => {
  const { compress, decompress } = zstdWithoutNode;
  for (const [what, content] of samples)
    it(`brings back ${what}`, async () => {
      const packed = await compress(content);
      assert.ok((await decompress(packed, content.length)).equals(content));
      assert.ok(packed.length <= content.length + 32 + content.length / 1000, `${packed.length} bytes`);
    });

  it("brings back whatever it is given", async () => {
    await fc.assert(
      fc.asyncProperty(anyBytes, async (content) => (await decompress(await compress(content), 1e6)).equals(content)),
      { numRuns: 200 },
    );
  });

  it("is read where many small blocks could hold more than they do", async () => {
    const part = Buffer.alloc(2000, "a");
    const packed = Buffer.concat(Array.from({ length: 100 }, () => compressZstd(part)));
    const most = 100 * part.length;
    assert.ok((await decompress(packed, most)).equals(Buffer.alloc(most, "a")));
    await assert.rejects(decompress(packed, most - 1), RangeError);
  });

  it("that wants to look back further than may be unpacked is refused before memory is taken", async () => {
    // A window of 2^41 bytes; one raw block of a byte, the last.
    await assert.rejects(
      decompress(bytes("28b52ffd 00 f8 090000 61"), 1e9),
      /holds more than 953 MB once it is unpacked/,
    );
  });

  it("is refused when it is cut off anywhere", async () => {
    const packed = await compress(Buffer.from("미세먼지 농도가 높습니다. ".repeat(30)));
    for (let end = 1; end < packed.length; end++)
      await assert.rejects(decompress(packed.subarray(0, end), 1e6), RangeError, `cut at ${end}`);
  });
});

describe("A few bytes that stand for many", () => {
  const MOST = 1024 * 1024;
  const codecs = [
    ...(["gzip", "snappy", "lz4", "zstd"] as const).map((name) => [name, codecByName(name)] as const),
    ["zstd without Node's", zstdWithoutNode] as const,
  ];
  for (const [name, codec] of codecs)
    it(`are unpacked up to a limit and not beyond, with ${name}`, async () => {
      assert.ok(codec);
      for (const size of [MOST - 1, MOST])
        assert.equal((await codec.decompress(await codec.compress(Buffer.alloc(size)), MOST)).length, size);
      for (const size of [MOST + 1, 30 * MOST])
        await assert.rejects(codec.decompress(await codec.compress(Buffer.alloc(size)), MOST), {
          name: "RangeError",
          message: "it holds more than 1 MB once it is unpacked, which is the most that is read",
        });
    });
});
