import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { pathTemplate } from "../../../nodes/lib/lake/find";
import { localStore } from "../../../nodes/lib/lake/local";
import { LakeReader } from "../../../nodes/lib/lake/reader";
import type { LakeDelivery, Reading, ReaderOptions } from "../../../nodes/lib/lake/reading";
import { until } from "../../harness/words";
import { temporaryFolder } from "./stores";

const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, at) => `${JSON.stringify({ n: from + at })}\n`).join("");
const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

describe("reading a lake", () => {
  let folder: string;
  let readers: LakeReader[];
  beforeEach(() => {
    folder = temporaryFolder();
    readers = [];
  });
  afterEach(async () => {
    for (const reader of readers) await reader.close();
  });
  const file = (name: string, content: string | Buffer): void => {
    mkdirSync(path.dirname(path.join(folder, "lake", name)), { recursive: true });
    writeFileSync(path.join(folder, "lake", name), content);
  };

  /** A reader whose deliveries stay open until they are finished by the test, or at once. */
  function open(options: Partial<ReaderOptions> = {}, atOnce = true) {
    const deliveries: LakeDelivery[] = [];
    const troubles: string[] = [];
    const warnings: string[] = [];
    const reader = new LakeReader(
      localStore(path.join(folder, "lake")),
      {
        records: {
          encoding: "utf-8",
          separator: ",",
          columns: [],
          numbers: "automatic",
          nullWords: ["NA"],
          timeColumns: [],
          utcOffset: "",
        },
        rowLimit: 1_000_000,
        batch: 1,
        span: { records: 1_000, bytes: 1e9 },
        positionFile: path.join(folder, "position.json"),
        ...options,
      },
      {
        deliver(delivery) {
          deliveries.push(delivery);
          if (atOnce) setImmediate(() => delivery.finished());
        },
        pressure: () => undefined,
        trouble: (error) => troubles.push(error.message),
        warn: (text) => warnings.push(text),
      },
    );
    readers.push(reader);
    const values = (): unknown[] =>
      deliveries.flatMap(({ items }) => items.map(({ payload }) => (payload as { n: unknown }).n));
    const read = async (where = "", whole = false): Promise<Reading> => {
      const reading = await reader.read(pathTemplate(where, "Path").render({}), whole);
      await reading.finished();
      return reading;
    };
    return { reader, deliveries, troubles, warnings, values, read };
  }

  it("brings every row of every file once, by name, in batches that keep to a file", async () => {
    file("b/air+0+0000000000+0000000002.ndjson", lines(3, 6));
    file("a.csv.gz", gzipSync("n,s\n0,a\n1,NA\n2,c\n"));
    file("b/_air+0+0000000000+0000000002.ndjson.01234567.offsets", '{"ranges":[[0,0],[2,2]]}');
    file("c.orc", "ORC");
    const { read, deliveries, values } = open({ batch: 2 });
    const { finished, ...reading } = await read();
    assert.ok(finished);
    assert.deepEqual(reading, { path: "", files: 2, records: 6, unreadable: 0, leftOut: 1 });
    assert.deepEqual(values(), upTo(6));
    assert.deepEqual(
      deliveries.map(({ items }) => items.length),
      [2, 1, 2, 1],
    );
    assert.deepEqual(deliveries[0]?.items[1]?.payload, { n: 1, s: null });
    assert.deepEqual(deliveries[2]?.items[0]?.range, { topic: "air", partition: 0, first: 0, last: 2 });
  });

  it("leaves out what was finished before, over restarts, and brings what was not", async () => {
    file("a.ndjson", lines(0, 5));
    file("b.csv", "n,s\n5,x\n6,x\n7,x\n");
    const first = open({}, false);
    await first.reader.read(pathTemplate("", "Path").render({}));
    assert.deepEqual(first.values(), upTo(8));
    for (const at of [0, 1, 2, 3, 4, 5, 7]) first.deliveries[at]?.finished();
    await first.reader.close();
    const second = open();
    const reading = await second.read();
    assert.deepEqual([second.values(), reading.files, reading.records], [[6, 7], 1, 2]);
    assert.equal(second.deliveries[0]?.items[0]?.row.line, 3);
    file("c.ndjson", lines(8, 9));
    await second.read();
    assert.deepEqual(second.values(), [6, 7, 8]);
    await second.reader.close();
    const third = open();
    await third.read();
    assert.deepEqual([third.values(), third.warnings], [[], []]);
  });

  it("does not bring again what is still under way when it looks again", async () => {
    file("a.ndjson", lines(0, 3));
    const { reader, values, deliveries } = open({}, false);
    const all = pathTemplate("", "Path").render({});
    await reader.read(all);
    file("b.ndjson", lines(3, 4));
    await reader.read(all);
    assert.deepEqual(values(), upTo(4));
    for (const delivery of deliveries) delivery.finished();
  });

  it("reads on in a file that has grown, and anew one that was replaced, which it says", async () => {
    file("grown.ndjson", lines(0, 2));
    file("replaced.ndjson", lines(10, 12));
    const first = open();
    await first.read();
    await first.reader.close();
    appendFileSync(path.join(folder, "lake/grown.ndjson"), lines(2, 4));
    file("replaced.ndjson", lines(20, 21));
    const second = open();
    await second.read();
    assert.deepEqual(second.values(), [2, 3, 20]);
    assert.match(second.warnings.join(), /replaced\.ndjson has changed since it was read/u);
  });

  it("keeps to its span, and lets held records be", async () => {
    file("a.ndjson", lines(0, 20));
    const { reader, deliveries } = open({ span: { records: 4, bytes: 1e9 } }, false);
    const reading = reader.read(pathTemplate("", "Path").render({}));
    await until("four are under way", () => deliveries.length === 4);
    for (const delivery of deliveries.slice(0, 4)) delivery.held(true);
    await until("four more are", () => deliveries.length === 8);
    for (let done = 0; done < 20; done++) {
      await until(`${done + 1} came`, () => deliveries.length > done);
      deliveries[done]?.finished();
    }
    await (await reading).finished();
    assert.equal(deliveries.length, 20);
  });

  it("tells rows that are none, alone, and goes on", async () => {
    file("a.csv", 'n,s\n0,x\n1\n2,"a"b\n3,x\n');
    const { deliveries, read } = open({ batch: 10 });
    const { records, unreadable } = await read();
    assert.deepEqual([records, unreadable], [4, 2]);
    assert.deepEqual(
      deliveries.map(({ items }) => items.map(({ error, row }) => [row.line, error === undefined])),
      [[[2, true]], [[3, false]], [[4, false]], [[5, true]]],
    );
  });

  it("waits for a file that can't be read, and then goes on where it broke off", async () => {
    const whole = gzipSync(lines(0, 5_000), { level: 0 });
    file("a.ndjson.gz", whole.subarray(0, whole.length / 2));
    const { reader, values, troubles } = open({ batch: 500 });
    const reading = reader.read(pathTemplate("", "Path").render({}));
    await until("it is told", () => troubles.length > 0);
    assert.match(troubles[0] ?? "", /a\.ndjson\.gz ends in the middle of its gzip data/u);
    file("a.ndjson.gz", whole);
    await (await reading).finished();
    assert.deepEqual([...new Set(values())], upTo(5_000));
  });

  it("forgets files that are gone when its path is all it reads, not when the whole lake is", async () => {
    const positions = (): string[] =>
      Object.keys((JSON.parse(readFileSync(path.join(folder, "position.json"), "utf8")) as { files: object }).files);
    for (const name of ["a", "b"]) file(`d/${name}.ndjson`, lines(0, 1));
    const first = open();
    await first.read("d", true);
    await first.reader.close();
    assert.deepEqual(positions(), ["d/a.ndjson", "d/b.ndjson"]);
    const second = open();
    await second.read("nowhere", true);
    await second.reader.close();
    assert.deepEqual(positions(), ["d/a.ndjson", "d/b.ndjson"]);
    const third = open();
    await third.read("d/a.*", true);
    await third.reader.close();
    assert.deepEqual(positions(), ["d/a.ndjson"]);
  });

  it("reads everything again each time when nothing is to be remembered", async () => {
    file("a.ndjson", lines(0, 2));
    const { read, values } = open({ positionFile: undefined as never });
    await read();
    await read();
    assert.deepEqual(values(), [0, 1, 0, 1]);
  });

  it("stops in the middle when it is closed", async () => {
    file("a.ndjson", lines(0, 20));
    const { reader, deliveries } = open({ span: { records: 4, bytes: 1e9 } }, false);
    const reading = reader.read(pathTemplate("", "Path").render({}));
    const ended = assert.rejects(reading, /aborted/u);
    await until("four are under way", () => deliveries.length === 4);
    await reader.close();
    await ended;
    assert.equal(deliveries.length, 4);
  });
});
