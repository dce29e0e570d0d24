import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { decompress } from "../../../vendor/fzstd";
import { gunzipSync } from "node:zlib";
import { ndjson } from "../../../nodes/lib/formats/ndjson";
import { packings } from "../../../nodes/lib/formats/packing";
import { textFile } from "../../../nodes/lib/formats/text-file";
import { hadoopText } from "../lake/hadoop-text";
import { reading } from "./records";
import { written } from "./written";

// several pieces of a megabyte
const many = Array.from({ length: 20_000 }, (_, id) => reading(id));
const text = many.map((one) => `${JSON.stringify(one)}\n`).join("");

describe("compressed files of lines", () => {
  it("are one stream to gzip's and zstd's readers, though made of several pieces", async () => {
    const [zipped] = await written(textFile(ndjson, packings.gzip), many);
    assert.equal(gunzipSync(readFileSync(zipped?.file ?? "")).toString(), text);
    const [packed] = await written(textFile(ndjson, packings.zstd), many);
    assert.equal(Buffer.from(decompress(readFileSync(packed?.file ?? ""))).toString(), text);
    assert.match(`${zipped?.file} ${packed?.file}`, /\.ndjson\.gz .*\.ndjson\.zst$/);
  });

  it("are read by Hadoop's shell when they end in .snappy or .gz", async function hadoop() {
    for (const packing of [packings.snappy, packings.gzip]) {
      const [file] = await written(textFile(ndjson, packing), many);
      const read = await hadoopText(this, file?.file ?? "");
      assert.equal(read.length, text.length, packing.extension);
      assert.equal(read, text, packing.extension);
    }
  });
});
