import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import type { CompletenessReport } from "../../nodes/lib/stream/completeness/report";
import type { TableRow } from "../../nodes/lib/stream/completeness/table";
import { serviceFor } from "../../tools/services/for-test";
import { laboratory, runtimeWithTestNodes } from "../delivery/nodes";
import { flowOf, type FlowNode, type Harness } from "../harness";
import { openStore } from "../../nodes/lib/lake/open";
import { freshRoot, temporaryFolder } from "../lib/lake/stores";

const START = Date.UTC(2026, 4, 1);
const at = (second: number): number => START + second * 1_000;
type Result = CompletenessReport & { path: string; files: number; bytes: number; leftOut: number };

describe("completeness check", () => {
  let red: Harness;
  before(async () => {
    red = await runtimeWithTestNodes();
  });
  beforeEach(() => laboratory.reset());
  afterEach(() => red.deploy([]));

  const check = (more: object = {}): FlowNode => ({
    id: "check",
    type: "citystream-completeness-check",
    wires: [["result"], ["table"], ["picture"], ["progress"]],
    ...more,
  });
  const collectors = ["result", "table", "picture", "progress"].map((id): FlowNode => ({ id, type: "test-collect" }));
  const source: FlowNode = { id: "s", type: "test-source", wires: [["check"]] };
  const result = async (count = 1): Promise<Result> =>
    (await red.arrived("result", count)).at(-1)?.payload as unknown as Result;

  it("counts what comes, single or in batches, and answers a message with result, table and picture", async () => {
    await red.deploy(flowOf(source, check(), ...collectors));
    const tested = laboratory.source("s");
    const coordinates = (offset: number): object => ({ kind: "kafka", topic: "air", partition: 0, offset });
    tested.deliver(0, () => ({ dust: 1 }), { timestamp: at(0), source: coordinates(0) });
    tested.deliver(1, () =>
      [3, 9, 9].map((second, index) => ({
        payload: { dust: second === 3 ? null : 1 },
        timestamp: at(second),
        source: { kind: "lake", path: "a", row: 1, origin: coordinates(index + 2) },
      })),
    );
    await red.until("they are counted", () => tested.count("delivered") === 2);
    red.receive("check", { topic: "asked", report: true });
    const { rows, columns, interval, offsets, complete, exact } = await result();
    assert.deepEqual([rows, columns, complete, exact], [4, [{ name: "dust", missing: 1 }], false, true]);
    assert.deepEqual(interval?.gaps.listed, [{ from: at(3), to: at(9), missing: 1 }]);
    assert.deepEqual(interval.duplicates.listed, [{ time: at(9), row: 4 }]);
    assert.deepEqual(offsets[0]?.holes.listed, [{ from: 0, to: 2, missing: 1 }]);
    const [table] = await red.arrived("table", 1);
    assert.equal(table?.topic, "asked");
    assert.deepEqual((table?.payload as TableRow[]).at(0), {
      finding: "rows",
      count: 4,
      detail: "2026-05-01 00:00:00 to 2026-05-01 00:00:09",
      good: true,
    });
    const [picture] = await red.arrived("picture", 1);
    assert.match(String(picture?.payload), /^<svg .*dust.*<\/svg>\n$/su);
    await red.until("the status tells", () => red.status("check")?.text === "incomplete, records 4");
  });

  it("begins anew when it is told to, and tells by itself now and then", async () => {
    await red.deploy(flowOf(check({ every: 0.05, key: "sensor", time: "when" }), ...collectors));
    red.receive("check", { payload: { sensor: "a", when: "2026-05-01T00:00:00Z" } });
    red.receive("check", { payload: { sensor: "b", when: "2026-05-01T00:00:00Z" } });
    await red.until("two rows are told", () =>
      red.collected("result").some(({ message }) => (message.payload as unknown as Result).rows === 2),
    );
    const told = red.collected("result").at(-1)?.message.payload as unknown as Result;
    assert.deepEqual([told.keys?.count, told.complete, told.columns], [2, true, []]);
    red.receive("check", { reset: true });
    await red.until(
      "none is told",
      () => (red.collected("result").at(-1)?.message.payload as unknown as Result).rows === 0,
    );
  });

  it("does not stumble over what is no record", async () => {
    await red.deploy(flowOf(source, check(), ...collectors));
    const tested = laboratory.source("s");
    tested.deliver(0, () => [{ payload: { dust: 1 }, timestamp: at(0) }, "broken"]);
    tested.deliver(1, () => "a text", { timestamp: at(3) });
    await red.until("they are counted", () => tested.count("delivered") === 2);
    red.receive("check", { report: true });
    const { rows, unreadable, columns } = await result();
    assert.deepEqual([rows, unreadable.count], [2, 1]);
    assert.deepEqual(columns, [
      { name: "dust", missing: 1 },
      { name: "value", missing: 1 },
    ]);
  });

  describe("over a lake", () => {
    let folder: string;
    beforeEach(() => {
      folder = temporaryFolder();
    });
    const file = (name: string, content: string | Buffer): void => {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      writeFileSync(path.join(folder, name), content);
    };
    const lake = (address = `file://${folder}`, user = ""): FlowNode => ({
      id: "lake",
      type: "citystream-lake",
      address,
      user,
      timeout: 5,
    });
    const over = (more: object = {}): FlowNode => check({ over: "lake", lake: "lake", path: "{{topic}}", ...more });

    it("reads the files that a message names, and is finished with it after the result", async () => {
      file("air/a.csv", "date,dust\n2026-05-01 00:00:00,1\n2026-05-01 00:00:03,\n");
      file("air/b.csv.gz", gzipSync("date,dust\n2026-05-01 00:00:12,1\nx\n"));
      file("air/c.orc", "PAR1");
      await red.deploy(flowOf(lake(), source, over(), ...collectors));
      const tested = laboratory.source("s");
      tested.deliver(0, () => "go", { topic: "air" });
      const { rows, interval, columns, unreadable, files, leftOut, path: where } = await result();
      assert.deepEqual([rows, files, leftOut, where], [3, 2, 1, "air"]);
      assert.deepEqual(interval?.gaps.listed, [{ from: at(3), to: at(12), missing: 2 }]);
      assert.deepEqual(columns, [{ name: "dust", missing: 1 }]);
      assert.match(unreadable.listed[0]?.place ?? "", /^air\/b\.csv\.gz line 3$/u);
      await red.until("the message is finished", () => tested.count("delivered") === 1);
    });

    it("knows offsets from names and indexes, over directories, with the pieces of split records", async () => {
      const line = '{"dust":1}\n';
      file("a/air+0+0000000000+0000000004.ndjson", line.repeat(3));
      file("a/_air+0+0000000000+0000000004.ndjson.01234567.offsets", '{"ranges":[[0,1],[4,4]]}');
      file("b/air+0+0000000002+0000000003.ndjson", line.repeat(2));
      file("b/air+0+0000000006+0000000006.ndjson", line.repeat(2));
      file("b/_air+0+0000000006+0000000006.ndjson.01234567.offsets", '{"ranges":[[6,6]],"pieces":{"6":[0,1]}}');
      file("c/air+0+0000000006+0000000006.ndjson", line);
      file("c/_air+0+0000000006+0000000006.ndjson.01234567.offsets", '{"ranges":[[6,6]],"pieces":{"6":[2]}}');
      await red.deploy(flowOf(lake(), over({ path: "" }), ...collectors));
      red.receive("check", {});
      const { offsets, rows } = await result();
      assert.equal(rows, 8);
      assert.deepEqual(
        offsets.map(({ topic, partition, holes, duplicates }) => ({ topic, partition, holes, duplicates })),
        [{ topic: "air", partition: 0, holes: { count: 1, listed: [{ from: 4, to: 6, missing: 1 }] }, duplicates: 0 }],
      );
    });

    it("reads a real HDFS", async function () {
      const hdfs = await serviceFor(this, "hdfs");
      const address = `${hdfs.url}${freshRoot()}`;
      const store = openStore({ address, user: hdfs.user });
      const rows = Array.from({ length: 50_000 }, (_, slot) => `${new Date(at(slot * 3)).toISOString()},${slot}\n`);
      rows.splice(20_000, 3);
      await store.create("air/a.csv", [Buffer.from(`time,n\n${rows.join("")}`)], { createParent: true });
      store.close();
      await red.deploy(flowOf(lake(address, hdfs.user), over(), ...collectors));
      red.receive("check", { topic: "air" });
      const { rows: counted, interval } = await result();
      assert.deepEqual([counted, interval?.missing, interval?.gaps.count], [49_997, 3, 1]);
    });

    it("fails a message whose files have not the column, for good, and one whose lake is away, for now", async () => {
      file("air/a.csv", "date,dust\n2026-05-01 00:00:00,1\n");
      await red.deploy(flowOf(lake(), source, over({ time: "when" }), ...collectors));
      const tested = laboratory.source("s");
      tested.deliver(0, () => "go", { topic: "air" });
      await red.until("it is settled", () => tested.outcomes.size === 1);
      assert.equal(tested.outcomes.get(0)?.verdict, "dead-lettered");
      assert.match(tested.outcomes.get(0)?.failure?.error.message ?? "", /Time: air\/a\.csv has no column "when"/u);
      await red.deploy(flowOf(lake("http://127.0.0.1:1/lake"), source, over(), ...collectors));
      tested.deliver(1, () => "go", { topic: "air" });
      await red.until("it was tried", () => (tested.tries.get(1) ?? 0) >= 2);
      assert.equal(tested.outcomes.get(1), undefined);
    });

    it("leaves a message unfinished when it is closed in the middle of it", async () => {
      const row = "2026-05-01 00:00:00,1\n";
      file("air/a.csv", `date,dust\n${row.repeat(2_000_000)}`);
      await red.deploy(flowOf(lake(), source, over(), ...collectors));
      const tested = laboratory.source("s");
      tested.deliver(0, () => "go", { topic: "air" });
      await red.until("it has begun", () => red.status("check")?.text?.startsWith("checking") ?? false);
      await red.deploy([]);
      assert.notEqual(tested.outcomes.get(0)?.verdict, "delivered");
      assert.equal(red.collected("result").length, 0);
    });
  });

  for (const [what, settings, reason] of [
    ["no lake", { over: "lake" }, /Lake: is not chosen/u],
    ["a path out of the lake", { over: "lake", path: "a/.." }, /Path: "\.\." is not allowed/u],
    ["a negative interval", { interval: -1 }, /Interval \(s\): -1 is below 0/u],
    ["a time zone's name", { utcOffset: "Asia/Seoul" }, /UTC offset: "Asia\/Seoul" is none/u],
    ["a separator of two characters", { over: "lake", separator: "||" }, /Separator: "\|\|" is not one/u],
    ["a time that is no path", { time: "a[" }, /Time: .* is not a path/u],
  ] as const)
    it(`says what is wrong with its settings: ${what}`, async () => {
      red.logs.length = 0;
      await red.deploy(flowOf(check(settings), ...collectors));
      await red.until("red", () => red.status("check")?.fill === "red");
      assert.ok(
        red.logs.some(({ msg }) => reason.test(String(msg))),
        `logged: ${red.logs.map(({ msg }) => String(msg)).join("; ")}`,
      );
    });
});
