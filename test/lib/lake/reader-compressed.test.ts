import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { compressRawSnappy } from "../../../nodes/lib/compression/snappy";
import { compressZstd } from "../../../nodes/lib/compression/zstd";
import { csv } from "../../../nodes/lib/formats/csv";
import { ndjson } from "../../../nodes/lib/formats/ndjson";
import { packings } from "../../../nodes/lib/formats/packing";
import { textFile } from "../../../nodes/lib/formats/text-file";
import { readBack } from "./read-back";
import { temporaryFolder } from "./stores";
import { readWhole } from "./whole";
import { reading } from "../formats/records";
import { written } from "../formats/written";

const many = Array.from({ length: 20_000 }, (_, id) => reading(id));
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, at) => `${JSON.stringify({ n: from + at })}\n`).join("");
const numbers = (payloads: readonly unknown[]): unknown[] => payloads.map((one) => (one as { n: unknown }).n);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

describe("reading compressed text of a lake", () => {
  let folder: string;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  const put = (name: string, content: string | Buffer): void => writeFileSync(path.join(folder, name), content);

  for (const [title, lineFormat] of [
    ["NDJSON", () => ndjson],
    ["CSV", () => csv()],
  ] as const)
    for (const name of ["gzip", "zstd", "snappy"] as const)
      it(`brings back what hdfs sink wrote as ${title} with ${name}, which is several pieces`, async () => {
        const [file] = await written(textFile(lineFormat(), packings[name]), many);
        const { payloads, troubles } = await readWhole(path.dirname(file?.file ?? ""), { options: { batch: 500 } });
        assert.deepEqual(troubles, []);
        const plain = title === "NDJSON" ? many : many.map((one) => ({ ...one, ok: String(one["ok"]) }));
        assert.deepEqual(payloads, plain);
      });

  it("goes on in the middle of each, with the very next record", async () => {
    const content = Buffer.from(lines(0, 3_000));
    const pieces = [content.subarray(0, 9_000), content.subarray(9_000)];
    for (const [name, bytes] of [
      ["a.ndjson.gz", Buffer.concat(pieces.map((piece) => gzipSync(piece)))],
      ["a.ndjson.zst", Buffer.concat(pieces.map((piece) => compressZstd(piece)))],
      [
        "a.ndjson.snappy",
        (
          await written(
            textFile(ndjson, packings.snappy),
            upTo(3_000).map((n) => ({ n })),
          )
        ).map(({ file }) => readFileSync(file))[0] ?? Buffer.alloc(0),
      ],
    ] as const) {
      folder = temporaryFolder();
      put(name, bytes);
      const options = { positionFile: path.join(temporaryFolder(), "position.json") };
      const first = await readWhole(folder, { options, finish: 1_234 });
      const second = await readWhole(folder, { options });
      assert.deepEqual(numbers(first.payloads), upTo(1_234), name);
      assert.deepEqual(numbers(second.payloads), upTo(3_000).slice(1_234), name);
    }
  });

  it("names the place of the damage, says what to do, and reads the other files", async () => {
    const content = Buffer.from(lines(0, 50_000));
    const cut = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length / 2);
    const broken = (bytes: Buffer, at: number): Buffer => {
      const copy = Buffer.from(bytes);
      copy.fill(0xff, at, at + 100_000);
      return copy;
    };
    const snappy = await packings.snappy.pack(content);
    put("b1.ndjson.gz", cut(gzipSync(content)));
    put("b2.ndjson.gz", Buffer.concat([gzipSync(lines(0, 1)), Buffer.from("no gzip")]));
    put("b3.ndjson.gz", Buffer.concat([gzipSync(lines(1, 2)), Buffer.alloc(300_000), Buffer.from("x")]));
    put("b4.ndjson.zst", cut(compressZstd(content)));
    put("b5.ndjson.zst", broken(compressZstd(content), 40_000));
    put("b6.ndjson.zst", "no zstd at all, but text");
    put("b7.ndjson.snappy", cut(snappy));
    put("b8.ndjson.snappy", broken(snappy, 8));
    put("b9.ndjson.snappy", Buffer.from("ff060000734e61507059", "hex"));
    put("z.ndjson", lines(7, 8));
    const { troubles, payloads } = await readWhole(folder, { troubles: 9, options: { batch: 1_000 } });
    const expected = [
      /b1\.ndjson\.gz ends in the middle of its gzip data, after byte \d+\. Put a good copy in its place, or move it/u,
      /b2\.ndjson\.gz is no gzip file or is damaged, between bytes \d+ and \d+/u,
      /b3\.ndjson\.gz is damaged: what follows byte \d+ is no gzip data/u,
      /b4\.ndjson\.zst ends in the middle of its zstd data, after byte \d+/u,
      /b5\.ndjson\.zst is no zstd file or is damaged, near byte \d+/u,
      /b6\.ndjson\.zst is no zstd file or is damaged, near byte 4: damaged Zstandard: no frame begins here/u,
      /b7\.ndjson\.snappy ends too early, after byte \d+/u,
      /b8\.ndjson\.snappy is damaged, in the Snappy data from byte 8 on/u,
      /b9\.ndjson\.snappy is in Snappy's framing format; what is read is Hadoop's/u,
    ];
    for (const [at, pattern] of expected.entries()) assert.match(troubles[at] ?? "", pattern);
    assert.equal(numbers(payloads).at(-1), 7, "the file behind them was read");
  });

  it("takes no more memory than a codec may ask for", async () => {
    // frames that want 1 GB to look back on, and a Snappy chunk that promises 4 GB
    put("a.ndjson.zst", Buffer.from("28b52ffd00a0010000", "hex"));
    const huge = Buffer.alloc(20);
    huge.writeUInt32BE(1 << 20, 0);
    huge.writeUInt32BE(12, 4);
    compressRawSnappy(Buffer.from("abc")).copy(huge, 8);
    Buffer.from("ffffffff0f", "hex").copy(huge, 8);
    put("b.ndjson.snappy", huge);
    const { troubles } = await readWhole(folder, { troubles: 2 });
    assert.match(troubles[0] ?? "", /needs 1024 MB to look back on, where 128 MB are the most/u);
    assert.match(troubles[1] ?? "", /it cannot hold the 4294967295 bytes that it promises/u);
  });

  it("reads gzip and zstd of other tools", async function other() {
    this.timeout(120_000);
    const read = await readBack(this);
    const file = path.join(folder, "a.csv");
    await read("compressed", [file]);
    for (const name of ["a.csv.gz", "a.csv.zst"]) {
      const { payloads } = await readWhole(folder, { where: name });
      assert.deepEqual(
        payloads,
        Array.from({ length: 5_000 }, (_, n) => ({ n, site: `서울-${n % 7}` })),
      );
    }
  });
});
