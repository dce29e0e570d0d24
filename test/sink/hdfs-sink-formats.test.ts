import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import { laboratory, runtimeWithTestNodes } from "../delivery/nodes";
import { flowOf, type FlowNode, type Harness } from "../harness";
import { expected, records, schema } from "../lib/formats/records";
import { type ReadBack, type Reader, readBack } from "../lib/lake/read-back";
import { temporaryFolder } from "../lib/lake/stores";

const flow = (folder: string, more: Record<string, unknown>): FlowNode[] =>
  flowOf(
    { id: "lake", type: "citystream-lake", address: `file://${folder}`, user: "", timeout: 10 },
    { id: "s", type: "test-source", drain: 5000, wires: [["sink"]] },
    {
      id: "sink",
      type: "citystream-hdfs-sink",
      lake: "lake",
      directory: "d",
      rotateIdle: 0.5,
      wires: [["stored"]],
      ...more,
    },
    { id: "stored", type: "test-collect" },
  );
const coordinates = (offset: number): object => ({ kind: "kafka", topic: "air", partition: 3, offset, group: "g" });

describe("hdfs sink's formats", () => {
  let red: Harness;
  let read: ReadBack;
  before(async function () {
    read = await readBack(this);
    red = await runtimeWithTestNodes();
  });
  beforeEach(() => laboratory.reset());
  afterEach(() => red.deploy([]));

  const filesIn = (folder: string): string[] =>
    readdirSync(path.join(folder, "d"))
      .filter((name) => !name.startsWith("_"))
      .sort()
      .map((name) => path.join(folder, "d", name));
  const delivered = async (values: readonly unknown[]): Promise<void> => {
    const source = laboratory.source("s");
    for (const [offset, value] of values.entries())
      source.deliver(offset, () => value as object, { source: coordinates(offset) });
    await red.until("all are acknowledged", () => source.outcomes.size === values.length, 60_000);
  };

  const kinds: readonly (readonly [string, string, readonly Reader[]])[] = [
    ["avro", "avroCompression", ["fastavro"]],
    ["parquet", "parquetCompression", ["pyarrow", "duckdb"]],
  ];
  for (const [format, codecField, readers] of kinds) {
    it(`writes ${format} by a schema that ${readers.join(" and ")} read back equal, with each record's place in Kafka`, async function whole() {
      this.timeout(120_000);
      const folder = temporaryFolder();
      const settings = { format, [codecField]: "zstd", schema: JSON.stringify(schema), coordinates: true };
      await red.deploy(flow(folder, settings));
      await delivered(records);
      const [file = "", ...others] = filesIn(folder);
      assert.deepEqual([path.basename(file), others], [`air+3+0000000000+0000000002.${format}`, []]);
      for (const reader of readers) {
        const located = expected.map((row, offset) => ({ ...row, _topic: "air", _partition: 3, _offset: offset }));
        assert.deepEqual((await read(reader, [file]))[0], located, reader);
      }
    });

    it(`stores in ${format} what fits, and dead-letters the record that does not, by its path`, async function misfit() {
      this.timeout(120_000);
      const folder = temporaryFolder();
      await red.deploy(flow(folder, { format, schema: JSON.stringify(schema) }));
      await delivered([records[0], { ...records[1], where: { lat: "north" } }, records[2]]);
      const outcome = laboratory.source("s").outcomes.get(1);
      assert.equal(outcome?.verdict, "dead-lettered");
      assert.match(String(outcome?.failure?.error.message), /"where.lat" is "north"; the schema wants double/);
      const [rows] = await read(readers[0] ?? "pyarrow", filesIn(folder));
      assert.deepEqual(rows, [expected[0], expected[2]]);
    });

    it(`learns ${format}'s schema, and begins a new file when it changes`, async function learned() {
      this.timeout(120_000);
      const folder = temporaryFolder();
      // a file is published before the next record, so that its schema is settled
      await red.deploy(flow(folder, { format, rotateRecords: 2 }));
      await delivered([{ a: null }, { a: 1 }, { a: 2.5 }, { a: 3, 시각: "늦게" }]);
      const rows = (await read(readers[0] ?? "pyarrow", filesIn(folder))).flat();
      const name = format === "avro" ? "_uC2DC_uAC01" : "시각";
      assert.deepEqual(rows, [{ a: null }, { a: 1 }, { a: 2.5, [name]: null }, { a: 3, [name]: "늦게" }]);
    });
  }

  it("writes lines in gzip and zstd that DuckDB reads, CSV with its header", async function lines() {
    this.timeout(120_000);
    for (const format of ["ndjson", "csv"])
      for (const [compression, extension] of [
        ["gzip", "gz"],
        ["zstd", "zst"],
      ]) {
        const folder = temporaryFolder();
        laboratory.reset();
        await red.deploy(flow(folder, { format, compression, coordinates: true }));
        await delivered([
          { site: "서울", n: 1 },
          { site: "부산", n: null },
        ]);
        const [file = ""] = filesIn(folder);
        assert.equal(path.basename(file), `air+3+0000000000+0000000001.${format}.${extension}`);
        assert.deepEqual(
          (await read("duckdb", [file]))[0],
          [
            { site: "서울", n: 1, _topic: "air", _partition: 3, _offset: 0 },
            { site: "부산", n: null, _topic: "air", _partition: 3, _offset: 1 },
          ],
          format,
        );
        await red.deploy([]);
      }
  });

  it("says at its deployment what is wrong with the schema", async () => {
    red.logs.length = 0;
    await red.deploy(
      flow(temporaryFolder(), { format: "parquet", schema: '{"type":"record","name":"R","fields":[]}' }),
    );
    await red.until("it is said", () =>
      red.logs.some(({ msg }) => /Parquet can't have a record without fields/.test(String(msg))),
    );
  });
});
