import assert from "node:assert/strict";
import { ConfigError, Rejected } from "../../../nodes/lib/errors";
import { type AvroCodec, avro } from "../../../nodes/lib/formats/avro";
import type { ParquetCodec } from "../../../nodes/lib/formats/parquet/messages";
import { parquet } from "../../../nodes/lib/formats/parquet/parquet";
import { ParquetThread } from "../../../nodes/lib/formats/parquet/thread";
import type { RecordFormat } from "../../../nodes/lib/formats/record-format";
import { parseSchema } from "../../../nodes/lib/formats/schema/parse";
import type { RecordType } from "../../../nodes/lib/formats/schema/type";
import { type ReadBack, type Reader, type Row, readBack } from "../lake/read-back";
import { expected, reading, records, schema } from "./records";
import { written } from "./written";

interface Case {
  readonly title: string;
  readonly codecs: readonly string[];
  readonly readers: readonly Reader[];
  make(schema: RecordType | undefined, codec: string, thread: ParquetThread): RecordFormat;
}
const cases: readonly Case[] = [
  {
    title: "Avro",
    codecs: ["none", "deflate", "snappy", "zstd"],
    readers: ["fastavro"],
    make: (type, codec) => avro(type, codec as AvroCodec),
  },
  {
    title: "Parquet",
    codecs: ["none", "snappy", "gzip", "zstd"],
    readers: ["pyarrow", "duckdb"],
    make: (type, codec, thread) => parquet(type, codec as ParquetCodec, thread),
  },
];

describe("formats with a schema", () => {
  let read: ReadBack;
  let thread: ParquetThread;
  before(async function () {
    read = await readBack(this);
  });
  beforeEach(() => {
    thread = new ParquetThread();
  });
  afterEach(() => thread.end());

  for (const { title, codecs, readers, make } of cases) {
    describe(title, function judged() {
      this.timeout(120_000);

      for (const codec of codecs)
        it(`reads back equal by ${readers.join(" and ")}: ${codec}`, async () => {
          const [file] = await written(make(parseSchema(schema), codec, thread), records);
          for (const reader of readers) assert.deepEqual((await read(reader, [file?.file ?? ""]))[0], expected, reader);
        });

      it("keeps 120,000 rows in order, in several blocks or row groups", async () => {
        const row = (id: number): Row => ({ id, even: id % 2 === 0 ? true : null });
        const [file, ...others] = await written(
          make(undefined, codecs[1] ?? "", thread),
          Array.from({ length: 120_000 }, (_, id) => row(id)),
        );
        assert.equal(others.length, 0);
        for (const reader of readers) {
          const [rows = []] = await read(reader, [file?.file ?? ""]);
          assert.equal(rows.length, 120_000);
          const wrong = rows.findIndex((found, id) => JSON.stringify(found) !== JSON.stringify(row(id)));
          assert.equal(wrong, -1, reader);
        }
      });

      it("learns a schema from the records: nulls, wider numbers, nested values, maps, Korean names", async () => {
        const given = [
          {
            이름: null,
            n: 1,
            list: [1],
            in: { a: 1 },
            day: { "2026-05-01": 1 },
            at: new Date(5),
            raw: Buffer.from("x"),
          },
          { 이름: "서울", n: 2.5, list: [], in: { b: "x" }, day: { "2026-05-02": 2.5 }, mixed: 1 },
          { n: 2n ** 60n, in: {}, mixed: "두", none: null },
        ];
        const [file, ...others] = await written(make(undefined, "none", thread), given);
        assert.equal(others.length, 0);
        const name = title === "Avro" ? "_uC774_uB984" : "이름";
        const nulls = { list: null, day: null, at: null, raw: null, mixed: null, none: null };
        const rows: Row[] = [
          {
            [name]: null,
            ...nulls,
            n: 1,
            list: [1],
            in: { a: 1, b: null },
            day: { "2026-05-01": 1 },
            at: "1970-01-01T00:00:00.005000+00:00",
            raw: { bytes: "78" },
          },
          {
            [name]: "서울",
            ...nulls,
            n: 2.5,
            list: [],
            in: { a: null, b: "x" },
            day: { "2026-05-02": 2.5 },
            mixed: "1",
          },
          { [name]: null, ...nulls, n: 2 ** 60, in: { a: null, b: null }, mixed: "두" },
        ];
        for (const reader of readers) assert.deepEqual((await read(reader, [file?.file ?? ""]))[0], rows, reader);
      });

      it("begins a new file when a record does not fit what was learned, and keeps the wider schema", async () => {
        const many = Array.from({ length: 16_000 }, (_, id) => reading(id));
        const format = make(undefined, "none", thread);
        const files = await written(format, [...many, { ...reading(16_000), wind: 2 }, reading(16_001)]);
        assert.deepEqual(
          files.map((file) => file.records),
          [16_000, 2],
        );
        for (const reader of readers) {
          const [, rows = []] = await read(
            reader,
            files.map(({ file }) => file),
          );
          assert.deepEqual(
            rows.map(({ id, wind }) => [id, wind]),
            [
              [16_000, 2],
              [16_001, null],
            ],
          );
        }
      });

      it("refuses a record that does not fit the given schema, by the path of what does not fit, and goes on", async () => {
        const encoder = make(parseSchema(schema), "none", thread).begin();
        const [good = {}] = records;
        const refused = (change: object, message: RegExp): void =>
          assert.throws(
            () => encoder.add({ ...good, ...change }),
            (error: Error) => error instanceof Rejected && message.test(error.message),
          );
        refused({ site: undefined }, /"site" is missing; the schema wants string/);
        refused({ id: 1.5 }, /"id" is 1.5; the schema wants long/);
        refused({ id: 2n ** 63n }, /"id" is 9223372036854775808; the schema wants long/);
        refused({ small: 2 ** 31 }, /"small" is 2147483648; the schema wants int/);
        refused({ price: "1.005" }, /"price" is "1.005"; the schema wants decimal\(12,2\)/);
        refused({ at: "yesterday" }, /"at" is "yesterday"; the schema wants timestamp-millis/);
        refused({ where: { lat: 1, route: [[1], ["x"]] } }, /"where.route\[1\]\[0\]" is "x"; the schema wants long/);
        refused({ level: "ugly" }, /"level" is "ugly"; the schema wants enum/);
        assert.throws(
          () => encoder.add([1]),
          /the payload must be an object whose properties are columns; it is an array/,
        );
        assert.ok((encoder.add(good) ?? 0) > 0);
        assert.ok((await encoder.content()).length > 0);
      });
    });
  }

  it("says what is wrong with a schema, and what Parquet can't have", () => {
    const refused = (given: unknown, message: RegExp): void =>
      assert.throws(
        () => parquet(parseSchema(given), "none", thread),
        (error: Error) => error instanceof ConfigError && message.test(error.message),
      );
    const field = (type: unknown): object => ({ type: "record", name: "R", fields: [{ name: "f", type }] });
    refused("string", /Schema: this is no Avro schema: it is of a string/);
    refused(field("strng"), /Schema: this is no Avro schema: .*strng/);
    refused(field(["long", "string"]), /Parquet can't have a union of several types, which "f" is/);
    refused(field(["null", "R"]), /Parquet can't have a record that holds itself, which "f" is/);
    refused({ type: "record", name: "R", fields: [] }, /Parquet can't have a record without fields/);
  });

  it("keeps unions of several types and records that hold themselves in Avro", async () => {
    const given = {
      type: "record",
      name: "Tree",
      fields: [
        { name: "value", type: ["null", "long", "string"] },
        { name: "below", type: { type: "array", items: "Tree" } },
      ],
    };
    const tree = { value: "가", below: [{ value: 2n ** 62n, below: [{ value: null, below: [] }] }] };
    const [file] = await written(avro(parseSchema(given), "none"), [tree]);
    assert.deepEqual((await read("fastavro", [file?.file ?? ""]))[0], [
      { value: "가", below: [{ value: { number: String(2n ** 62n) }, below: [{ value: null, below: [] }] }] },
    ]);
  });

  it("writes the same bytes for the same records", async () => {
    for (const { make, codecs } of cases) {
      const once = make(undefined, codecs[1] ?? "", thread).begin();
      const again = make(undefined, codecs[1] ?? "", thread).begin();
      for (const encoder of [once, again]) for (let id = 0; id < 5000; id++) encoder.add(reading(id));
      assert.ok(Buffer.concat(await once.content()).equals(Buffer.concat(await again.content())));
    }
  });

  it("leaves the event loop free while Parquet is made", async function free() {
    this.timeout(120_000);
    const format = parquet(undefined, "zstd", thread);
    const encoder = format.begin();
    for (let id = 0; id < 50_000; id++) encoder.add(reading(id));
    let longest = 0;
    let before = performance.now();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - before);
      before = performance.now();
    }, 1);
    before = performance.now();
    const began = performance.now();
    await encoder.content();
    clearInterval(timer);
    const took = performance.now() - began;
    console.log(`      50,000 readings took ${Math.round(took)} ms, the event loop at most ${Math.round(longest)} ms`);
    assert.ok(longest < Math.max(50, took / 2), `the event loop stood for ${longest} of ${took} ms`);
  });

  it("says sizes beside pyarrow's for the same table", async function sizes() {
    this.timeout(120_000);
    const all = Array.from({ length: 50_000 }, (_, id) => reading(id));
    const own: Record<string, number> = {};
    let file = "";
    for (const codec of ["none", "snappy", "gzip", "zstd"] as const) {
      const [one] = await written(parquet(undefined, codec, thread), all);
      own[codec] = one?.bytes ?? 0;
      file = one?.file ?? "";
    }
    const [[theirs = {}] = []] = await read("rewrite", [file]);
    for (const [codec, bytes] of Object.entries(own)) {
      console.log(`      50,000 readings, ${codec}: ${bytes} bytes, pyarrow ${String(theirs[codec])}`);
      assert.ok(bytes < 2 * Number(theirs[codec]), codec);
    }
  });

  it("hands records back when the thread is lost, and starts another for the next file", async () => {
    const lost = new ParquetThread();
    const format = parquet(undefined, "none", lost);
    const encoder = format.begin();
    encoder.add({ a: 1 });
    await encoder.content();
    const open = format.begin();
    for (let id = 0; id < 20_000; id++) open.add(reading(id));
    await lost.end();
    await assert.rejects(open.content(), /Parquet: the thread that makes files was lost/);
    const next = format.begin();
    next.add({ a: 2 });
    assert.ok((await next.content()).length > 0);
    await lost.end();
  });
});
