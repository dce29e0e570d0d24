import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { serviceFor } from "../../tools/services/for-test";
import { laboratory, runtimeWithTestNodes } from "../delivery/nodes";
import { flowOf, until, type FlowNode, type Harness } from "../harness";
import { freshRoot, temporaryFolder } from "../lib/lake/stores";

const ndjson = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, at) => `${JSON.stringify({ n: from + at, site: "서울" })}\n`).join("");
const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

describe("lake read", () => {
  let red: Harness;
  let folder: string;
  before(async () => {
    red = await runtimeWithTestNodes();
  });
  beforeEach(() => {
    laboratory.reset();
    folder = temporaryFolder();
  });
  afterEach(() => red.deploy([]));

  const file = (name: string, content: string): void => {
    mkdirSync(path.dirname(path.join(folder, "lake", name)), { recursive: true });
    writeFileSync(path.join(folder, "lake", name), content);
  };
  const lakeNode = (more: object = {}): FlowNode => ({
    id: "lake",
    type: "citystream-lake",
    address: `file://${path.join(folder, "lake")}`,
    timeout: 5,
    ...more,
  });
  const lakeRead = (more: object = {}): FlowNode => ({
    id: "in",
    type: "citystream-lake-read",
    lake: "lake",
    positionFile: path.join(folder, "position.json"),
    deadLetterFolder: path.join(folder, "letters"),
    initialDelay: 1,
    maxDelay: 10,
    attempts: 2,
    wires: [["out"], ["all"]],
    ...more,
  });
  const collect = (id = "out", more: object = {}): FlowNode => ({ id, type: "test-collect", ...more });
  const flow = (more: object = {}, out: object = {}): FlowNode[] =>
    flowOf(lakeNode(), lakeRead(more), collect("out", out), collect("all"));
  const numbers = (id = "out"): number[] =>
    red.collected(id).map(({ message }) => (message.payload as { n: number }).n);
  const letters = (): { error: { message: string }; message: { payload: unknown; source: object } }[] => {
    const where = path.join(folder, "letters");
    return readdirSync(where).flatMap((name) =>
      readFileSync(path.join(where, name), "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as ReturnType<typeof letters>[number]),
    );
  };

  it("sends a record a row, says where it stands, and tells when all are finished", async () => {
    file("air/dt=1/air+3+0000000007+0000000008.ndjson", ndjson(0, 2));
    file("air/dt=1/_air+3+0000000007+0000000008.ndjson.01234567.offsets", '{"ranges":[[7,8]]}');
    file("air/dt=2/b.csv", "n,_topic,_partition,_offset\n2,air,1,9\n");
    await red.deploy(flow({ path: "air/dt=*", topic: "back" }));
    const [first, second, third] = await red.arrived("out", 3);
    assert.deepEqual(
      [first?.payload, first?.topic, third?.payload],
      [{ n: 0, site: "서울" }, "back", { n: 2, _topic: "air", _partition: 1, _offset: 9 }],
    );
    assert.deepEqual((third?.["source"] as { origin: unknown }).origin, {
      kind: "kafka",
      topic: "air",
      partition: 1,
      offset: 9,
    });
    assert.deepEqual(second?.["source"], {
      kind: "lake",
      path: "air/dt=1/air+3+0000000007+0000000008.ndjson",
      row: 2,
      offset: Buffer.byteLength(ndjson(0, 1)),
      file: { topic: "air", partition: 3, first: 7, last: 8 },
    });
    const [all] = await red.arrived("all", 1);
    assert.deepEqual(all?.payload, { path: "air/dt=*", files: 2, records: 3, unreadable: 0, leftOut: 0 });
    await red.until("the end", () => red.status("in")?.text === "all read, records 3");
  });

  it("sends batches whose records have what single messages have, and event time", async () => {
    file("a.csv", "n,time\n0,2026-01-01 09:00:00\n1,2026-01-01 09:00:03\n2,x\n");
    await red.deploy(flow({ mode: "batch", batch: 10, timeColumns: "time", utcOffset: "+09:00" }));
    const [batch] = await red.arrived("out", 1);
    const records = batch?.payload as { payload: { n: number }; timestamp: number; source: { row: number } }[];
    assert.deepEqual(
      records.map(({ payload, timestamp, source }) => [payload.n, timestamp, source.row]),
      [
        [0, Date.UTC(2026, 0, 1), 2],
        [1, Date.UTC(2026, 0, 1, 0, 0, 3), 3],
      ],
    );
    await until("the row without time is a dead letter", () => letters().length === 1);
    assert.match(letters()[0]?.error.message ?? "", /a\.csv line 4: column time holds no time/u);
    assert.deepEqual(letters()[0]?.message.payload, { $base64: Buffer.from("2,x").toString("base64") });
  });

  it("brings back from a real HDFS what hdfs sink stored there: whole records, each once, over a restart", async function () {
    const hdfs = await serviceFor(this, "hdfs");
    const lake = lakeNode({ address: `${hdfs.url}${freshRoot()}`, user: hdfs.user });
    const sink: FlowNode = {
      id: "sink",
      type: "citystream-hdfs-sink",
      lake: "lake",
      directory: "{{payload.site}}",
      content: "record",
      rotateRecords: 50,
      rotateIdle: 0.2,
      wires: [[]],
    };
    await red.deploy(flowOf(lake, { id: "s", type: "test-source", drain: 5_000, wires: [["sink"]] }, sink));
    const source = laboratory.source("s");
    const origin = (offset: number): object => ({ kind: "kafka", topic: "air", partition: 0, offset, group: "g" });
    for (const id of upTo(200))
      source.deliver(id, (n) => ({ n, site: "서울" }), {
        source: origin(id),
        key: `k${id}`,
        timestamp: 1_700_000_000_000 + id,
        headers: { unit: "µg" },
      });
    await red.until("all are stored", () => source.count("delivered") === 200, 60_000);
    // the second half of the records is not finished when Node-RED lets go
    await red.deploy(flowOf(lake, lakeRead({ path: "*", batch: 1 }), collect("out", { manual: true }), collect("all")));
    const back = await red.arrived("out", 200, 60_000);
    const [seventh] = back.filter(({ payload }) => (payload as { n: number }).n === 7);
    assert.equal(seventh?.["key"], "k7");
    assert.deepEqual([seventh["timestamp"], seventh["headers"]], [1_700_000_000_007, { unit: "µg" }]);
    assert.deepEqual((seventh["source"] as { origin: unknown }).origin, origin(7));
    const first = red.collected("out").slice(0, 75);
    for (const { done } of first) done();
    await red.deploy([]);
    await red.deploy(flowOf(lake, lakeRead({ path: "*" }), collect(), collect("all")));
    await red.arrived("all", 1, 60_000);
    const finished = first.map(({ message }) => (message.payload as { n: number }).n);
    assert.deepEqual(
      [...finished, ...numbers()].sort((a, b) => a - b),
      upTo(200),
    );
  });

  it("fills whole files of a sink, however fast it reads", async () => {
    file("air/a.ndjson", ndjson(0, 40_000));
    await red.deploy(
      flowOf(
        lakeNode(),
        lakeRead({ path: "air", mode: "batch", wires: [["sink"], ["all"]] }),
        {
          id: "sink",
          type: "citystream-hdfs-sink",
          lake: "lake",
          directory: "again",
          rotateRecords: 10_000,
          rotateIdle: 0,
          wires: [[]],
        },
        collect("all"),
      ),
    );
    await red.arrived("all", 1);
    const again = path.join(folder, "lake", "again");
    const sizes = readdirSync(again)
      .filter((name) => name.endsWith(".ndjson"))
      .map((name) => readFileSync(path.join(again, name), "utf8").trimEnd().split("\n").length);
    assert.deepEqual(sizes, [10_000, 10_000, 10_000, 10_000]);
  });

  it("goes on after a deploy with what was not finished", async () => {
    file("a.ndjson", ndjson(0, 60));
    file("b.ndjson", ndjson(60, 100));
    await red.deploy(flow({}, { manual: true }));
    await red.arrived("out", 100);
    for (const { done } of red.collected("out").slice(0, 40)) done();
    await red.deploy([]);
    await red.deploy(flow());
    await red.arrived("all", 1);
    assert.deepEqual(numbers(), upTo(100).slice(40));
  });

  it("finds new files by itself, and at once when a message comes", async () => {
    file("a.ndjson", ndjson(0, 1));
    await red.deploy(flow({ interval: 0.05 }));
    await red.arrived("all", 1);
    file("b.ndjson", ndjson(1, 2));
    await red.arrived("all", 2);
    await red.deploy(flow({ interval: 3_600 }));
    await red.arrived("all", 1);
    file("c.ndjson", ndjson(2, 3));
    red.receive("in", {});
    await red.arrived("all", 2);
    assert.deepEqual(numbers(), [2]);
  });

  it("reads what a message names, and has finished with the message when the records are finished", async () => {
    file("seoul/a.ndjson", ndjson(0, 3));
    file("busan/b.ndjson", ndjson(3, 5));
    const trigger = { id: "s", type: "test-source", wires: [["in"]] };
    const settings = { path: "{{payload.site}}", trigger: "message", again: "all" };
    await red.deploy(flowOf(lakeNode(), trigger, lakeRead(settings), collect("out", { manual: true }), collect("all")));
    const source = laboratory.source("s");
    source.deliver(1, () => ({ site: "seoul" }));
    await red.arrived("out", 3);
    assert.deepEqual([source.outcomes.size, red.collected("all").length], [0, 0]);
    for (const { done } of red.collected("out")) done();
    const [all] = await red.arrived("all", 1);
    assert.deepEqual(all?.payload, { path: "seoul", files: 1, records: 3, unreadable: 0, leftOut: 0 });
    await red.until("the message is finished", () => source.count("delivered") === 1);
    source.deliver(2, () => ({ site: "busan" }));
    source.deliver(3, () => ({ site: ".." }));
    await red.arrived("out", 5);
    for (const { done } of red.collected("out").slice(3)) done();
    await red.until("both are settled", () => source.outcomes.size === 3);
    assert.deepEqual(
      [source.outcomes.get(2)?.verdict, source.outcomes.get(3)?.verdict],
      ["delivered", "dead-lettered"],
    );
    assert.deepEqual(numbers(), upTo(5));
  });

  it("leaves a message unfinished when it is closed in the middle of it", async () => {
    file("a.ndjson", ndjson(0, 3));
    const trigger = { id: "s", type: "test-source", wires: [["in"]] };
    const settings = { trigger: "message", again: "all" };
    await red.deploy(flowOf(lakeNode(), trigger, lakeRead(settings), collect("out", { manual: true }), collect("all")));
    const source = laboratory.source("s");
    source.deliver(1);
    await red.arrived("out", 3);
    red.collected("out")[0]?.done();
    await red.deploy([]);
    assert.notEqual(source.outcomes.get(1)?.verdict, "delivered");
  });

  it("tries a record again as it was in the file, whatever the flow made of it, then gives it up", async () => {
    file("a.ndjson", ndjson(0, 3));
    const spoil =
      "msg.payload.tries = (msg.payload.tries || 0) + 1; if (msg.payload.n === 1) throw new Error(`try ${msg.payload.tries}`); return msg;";
    await red.deploy(
      flowOf(
        lakeNode(),
        lakeRead({ wires: [["f"], ["all"]] }),
        { id: "f", type: "function", func: spoil, wires: [["out"]] },
        collect(),
        collect("all"),
      ),
    );
    await red.arrived("all", 1);
    assert.deepEqual(numbers(), [0, 2]);
    assert.match(letters()[0]?.error.message ?? "", /try 1/u);
    assert.deepEqual(letters()[0]?.message.payload, { n: 1, site: "서울" });
  });

  it("is red while its lake is out of reach", async () => {
    red.logs.length = 0;
    const away = lakeNode({ address: "http://127.0.0.1:1/lake" });
    await red.deploy(flowOf(away, lakeRead(), collect(), collect("all")));
    await red.until("red", () => red.status("in")?.fill === "red");
    assert.ok(red.logs.some(({ msg }) => /127\.0\.0\.1:1.*trying again until it works/su.test(String(msg))));
  });

  for (const [what, settings, reason] of [
    ["no lake", { lake: "" }, /Lake: is not chosen/u],
    ["a path out of the lake", { path: "../x" }, /Path: "\.\." is not allowed/u],
    ["a path from a message that none starts", { path: "{{topic}}" }, /Path: it takes parts from a message/u],
    ["a separator of two characters", { separator: "||" }, /Separator: "\|\|" is not one character/u],
    ["two time columns", { timeColumns: "a,b" }, /Time columns: name one column, or year/u],
  ] as const)
    it(`says what is wrong with its settings: ${what}`, async () => {
      red.logs.length = 0;
      await red.deploy(flow(settings));
      await red.until("red", () => red.status("in")?.fill === "red");
      assert.ok(
        red.logs.some(({ msg }) => reason.test(String(msg))),
        `logged: ${red.logs.map(({ msg }) => String(msg)).join("; ")}`,
      );
    });
});
