import assert from "node:assert/strict";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { avro, type AvroCodec } from "../../../nodes/lib/formats/avro";
import type { RecordFormat } from "../../../nodes/lib/formats/record-format";
import { parseSchema } from "../../../nodes/lib/formats/schema/parse";
import type { RecordType } from "../../../nodes/lib/formats/schema/type";
import type { ParquetCodec } from "../../../nodes/lib/formats/parquet/messages";
import { parquet } from "../../../nodes/lib/formats/parquet/parquet";
import { ParquetThread } from "../../../nodes/lib/formats/parquet/thread";
import { recordOf } from "../../../nodes/source/lake-read/records";
import { readBack } from "./read-back";
import { temporaryFolder } from "./stores";
import { readWhole } from "./whole";
import { reading, records, schema } from "../formats/records";
import { foreign, read as expected } from "../formats/read-records";
import { written } from "../formats/written";

interface Case {
  readonly title: string;
  readonly extension: "avro" | "parquet";
  readonly codecs: readonly string[];
  make(schema: RecordType | undefined, codec: string, thread: ParquetThread): RecordFormat;
}
const cases: readonly Case[] = [
  {
    title: "Avro",
    extension: "avro",
    codecs: ["none", "deflate", "snappy", "zstd"],
    make: (type, codec) => avro(type, codec as AvroCodec),
  },
  {
    title: "Parquet",
    extension: "parquet",
    codecs: ["none", "snappy", "gzip", "zstd"],
    make: (type, codec, thread) => parquet(type, codec as ParquetCodec, thread),
  },
];
const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);
const ids = (payloads: readonly unknown[]): unknown[] => payloads.map((one) => (one as { id: unknown }).id);

for (const { title, extension, codecs, make } of cases)
  describe(`reading ${title} of a lake`, function formats() {
    this.timeout(120_000);
    let thread: ParquetThread;
    beforeEach(() => {
      thread = new ParquetThread();
    });
    afterEach(() => thread.end());

    for (const codec of codecs)
      it(`brings back all kinds of values that hdfs sink wrote, exact: ${codec}`, async () => {
        const [file] = await written(make(parseSchema(schema), codec, thread), records);
        const { payloads, items, troubles } = await readWhole(path.dirname(file?.file ?? ""));
        assert.deepEqual(troubles, []);
        assert.deepEqual(payloads, expected);
        assert.deepEqual(
          items.map(({ row }) => row.line),
          [1, 2, 3],
        );
        // a record made anew is no copy of what flows may have changed
        for (const [at, { reader, row }] of items.entries()) {
          assert.deepEqual(reader.read(row)?.payload, expected[at]);
          assert.notEqual(reader.read(row)?.payload, payloads[at]);
        }
      });

    it("brings back what was learned from the records, by the names that records have", async () => {
      const given = [
        { 이름: "서울", n: 2n ** 60n + 1n, list: [1, 2.5], in: { 가: 1 }, at: new Date(5), raw: Buffer.from("x") },
        { 이름: null, n: 2, list: [], in: {}, at: null, raw: null },
      ];
      const [file] = await written(make(undefined, "none", thread), given);
      const { payloads } = await readWhole(path.dirname(file?.file ?? ""));
      assert.deepEqual(payloads, [given[0], { ...given[1], in: payloads[1] && (payloads[1] as { in: unknown }).in }]);
    });

    it("brings back whole records with their key, headers, time and place in Kafka", async () => {
      const whole = (n: number): Record<string, unknown> => ({
        key: n === 0 ? null : `키${n}`,
        headers: n === 0 ? {} : { unit: "µg" },
        timestamp: 1_777_593_600_000 + n,
        source: { kind: "kafka", topic: "air", partition: 1, offset: n },
        payload: { n },
      });
      const [file] = await written(make(undefined, "none", thread), [whole(0), whole(1)]);
      const { items } = await readWhole(path.dirname(file?.file ?? ""));
      for (const [n, item] of items.entries()) {
        const { key, headers, timestamp, payload, source } = recordOf(item, false, "");
        const { origin } = source as unknown as { origin: unknown };
        const { key: own, ...rest } = whole(n);
        assert.deepEqual({ headers, timestamp, payload, source: origin }, rest);
        assert.equal(key, own ?? undefined);
      }
      assert.equal(items.length, 2);
    });

    it("goes on with the very next record, in the middle of a block, at its end, and in other blocks", async () => {
      const [file] = await written(
        make(undefined, codecs[1] ?? "", thread),
        upTo(120_000).map((id) => reading(id)),
      );
      const folder = path.dirname(file?.file ?? "");
      const positionFile = path.join(temporaryFolder(), "position.json");
      let done = 0;
      for (const finish of [1, 499, 700, 60_001, 50_000]) {
        const { payloads } = await readWhole(folder, {
          finish,
          options: { positionFile, batch: finish > 1_000 ? 100 : 1, span: { records: 5_000, bytes: 1e9 } },
        });
        const from = done;
        assert.equal(payloads.length, finish > 1_000 ? finish - (finish % 100) : finish);
        assert.deepEqual(
          ids(payloads),
          upTo(payloads.length).map((at) => from + at),
        );
        assert.deepEqual(payloads[0], reading(from));
        done += payloads.length;
      }
      const last = await readWhole(folder, { options: { positionFile, batch: 100 } });
      assert.equal(done + last.payloads.length, 120_000);
      assert.equal(last.items.at(-1)?.row.line, 120_000);
      assert.deepEqual((await readWhole(folder, { options: { positionFile } })).payloads, []);
    });

    it("reads back equal what another tool wrote, with several blocks and codecs", async function other() {
      const read = await readBack(this);
      const folder = temporaryFolder();
      await read(`write-${extension}`, [path.join(folder, "a")]);
      const { payloads, troubles, reading: all } = await readWhole(folder, { options: { batch: 100 } });
      assert.deepEqual(troubles, []);
      const files = all?.files ?? 0;
      assert.ok(files >= 3, `${files} files`);
      for (let file = 0; file < files; file++)
        assert.deepEqual(payloads.slice(file * 3_000, (file + 1) * 3_000), upTo(3_000).map(foreign), `file ${file}`);
    });

    it("names file and place of a damage, brings what stands before it, and reads the other files", async () => {
      const [file] = await written(
        make(undefined, codecs[1] ?? "", thread),
        upTo(120_000).map((id) => ({ id })),
      );
      const folder = temporaryFolder();
      const bytes = readFileSync(file?.file ?? "");
      const put = (name: string, content: Buffer): void =>
        writeFileSync(path.join(folder, `${name}.${extension}`), content);
      put("a-cut", bytes.subarray(0, bytes.length - 300));
      put("b-other", Buffer.from("something else, longer than a head"));
      const broken = Buffer.from(bytes);
      broken.fill(0xff, bytes.length >> 2, bytes.length >> 1);
      put("c-broken", broken);
      put("d-empty", Buffer.alloc(0));
      copyFileSync(file?.file ?? "", path.join(folder, `z.${extension}`));
      const { troubles, payloads } = await readWhole(folder, { options: { batch: 1_000 }, troubles: 4 });
      for (const [at, name] of ["a-cut", "b-other", "c-broken", "d-empty"].entries())
        assert.match(
          troubles[at] ?? "",
          new RegExp(
            `/${name}\\.${extension} (?:is|ends|can't be read) .*(?:byte|row|bytes|PAR1|Obj).*Put a good copy in its place`,
            "u",
          ),
        );
      assert.ok(payloads.length >= 120_000);
      assert.deepEqual(ids(payloads.slice(-120_000)), upTo(120_000));
    });
  });
