import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Service } from "../../tools/services";
import { serviceFor } from "../../tools/services/for-test";
import { laboratory, runtimeWithTestNodes } from "../delivery/nodes";
import { flowOf, type FlowNode, type Harness } from "../harness";
import { freshRoot, temporaryFolder } from "../lib/lake/stores";

const lakeNode = (address: string, user = ""): FlowNode => ({
  id: "lake",
  type: "citystream-lake",
  address,
  user,
  timeout: 10,
});
const sink = (more: Record<string, unknown> = {}): FlowNode => ({
  id: "sink",
  type: "citystream-hdfs-sink",
  lake: "lake",
  directory: "{{payload.site}}",
  rotateIdle: 0.2,
  wires: [["stored"]],
  ...more,
});
const flow = (address: string, more: Record<string, unknown> = {}, user = ""): FlowNode[] =>
  flowOf(lakeNode(address, user), { id: "s", type: "test-source", drain: 5000, wires: [["sink"]] }, sink(more), {
    id: "stored",
    type: "test-collect",
  });
const coordinates = (offset: number, topic = "air"): object => ({
  kind: "kafka",
  topic,
  partition: 0,
  offset,
  group: "g",
});
const reading = (id: number): object => ({ site: `site-${id % 2}`, id });

/** Files below a folder, relative, without those of the writer itself. */
const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .filter((name) => !name.startsWith("+tmp"))
    .sort();
const linesIn = (folder: string): { id: number }[] =>
  filesIn(folder)
    .filter((name) => !path.basename(name).startsWith("_"))
    .flatMap((name) => readFileSync(path.join(folder, name), "utf8").trimEnd().split("\n"))
    .map((line) => JSON.parse(line) as { id: number });
const ids = (folder: string): number[] =>
  linesIn(folder)
    .map(({ id }) => id)
    .sort((a, b) => a - b);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

describe("hdfs sink", () => {
  let red: Harness;
  before(async () => {
    red = await runtimeWithTestNodes();
  });
  beforeEach(() => laboratory.reset());
  afterEach(() => red.deploy([]));

  describe("on HDFS", () => {
    let hdfs: Service<"hdfs">;
    before(async function () {
      hdfs = await serviceFor(this, "hdfs");
    });
    const list = async (folder: string): Promise<Record<string, unknown>[]> => {
      const answer = await fetch(`${hdfs.url}/webhdfs/v1${folder}?op=LISTSTATUS`);
      const body = (await answer.json()) as { FileStatuses: { FileStatus: Record<string, unknown>[] } };
      return body.FileStatuses.FileStatus;
    };

    it("keeps two copies in blocks of 16 MB, as the name node itself says, and sends what is stored", async () => {
      const root = freshRoot();
      await red.deploy(flow(`${hdfs.url}${root}`, { replication: 2, blockSize: 16 }, hdfs.user));
      const source = laboratory.source("s");
      for (const id of upTo(4)) source.deliver(id, reading, { source: coordinates(id) });
      const stored = await red.arrived("stored", 4);
      await red.until("all are acknowledged", () => source.count("delivered") === 4);
      const files = (await list(`${root}/site-1`)).filter((one) => !String(one["pathSuffix"]).startsWith("_"));
      assert.deepEqual(
        files.map(({ pathSuffix, replication, blockSize, type }) => [pathSuffix, replication, blockSize, type]),
        [["air+0+0000000001+0000000003.ndjson", 2, 16 * 1024 * 1024, "FILE"]],
      );
      const content = await fetch(
        `${hdfs.url}/webhdfs/v1${root}/site-1/air%2B0%2B0000000001%2B0000000003.ndjson?op=OPEN`,
      );
      assert.equal(await content.text(), '{"site":"site-1","id":1}\n{"site":"site-1","id":3}\n');
      const first = stored.find(({ payload }) => (payload as { site: string }).site === "site-0");
      assert.deepEqual(first?.["stored"], {
        lake: `${hdfs.url}${root}`,
        files: ["site-0/air+0+0000000000+0000000002.ndjson"],
      });
    });

    it("makes a record's directory the moment it arrives", async () => {
      const root = freshRoot();
      await red.deploy(flow(`${hdfs.url}${root}`, { rotateIdle: 0, rotateAge: 3600 }, hdfs.user));
      laboratory.source("s").deliver(1, reading, { source: coordinates(1) });
      await red.until("the directory is there", async () => {
        const answer = await fetch(`${hdfs.url}/webhdfs/v1${root}/site-1?op=GETFILESTATUS`);
        return answer.status === 200;
      });
      assert.equal(laboratory.source("s").outcomes.size, 0);
    });

    it("waits red where it may not write, and says why", async () => {
      red.logs.length = 0;
      await red.deploy(flow(`${hdfs.url}/`, { directory: "x", replication: 1 }, "nobody"));
      laboratory.source("s").deliver(1, reading, { source: coordinates(1) });
      await red.until("it is red", () => red.status("sink")?.fill === "red");
      assert.ok(red.logs.some((entry) => /Permission denied: user=nobody.*Records wait/.test(String(entry.msg))));
      assert.equal(laboratory.source("s").outcomes.size, 0);
    });
  });

  it("stores a batch, and fails only the elements that can't be stored", async () => {
    const folder = temporaryFolder();
    await red.deploy(flow(`file://${folder}`));
    const payload = upTo(6).map((id) => ({
      payload: id === 2 ? { id } : id === 4 ? { site: "..", id } : reading(id),
      source: coordinates(id),
    }));
    const source = laboratory.source("s");
    source.source?.deliver(
      { records: 6, bytes: 100, message: (elements) => ({ payload: elements?.map((at) => payload[at]) ?? payload }) },
      (verdict, failure) => source.outcomes.set(0, { verdict, failure }),
    );
    await red.until("it is settled", () => source.outcomes.size === 1);
    assert.equal(source.outcomes.get(0)?.verdict, "dead-lettered");
    const errors = source.outcomes.get(0)?.failure?.elements?.map(({ index, error }) => [index, error.message]);
    assert.equal(errors?.length, 2);
    assert.match(String(errors?.[0]), /^2,Directory "{{payload.site}}": {{payload.site}} is missing/);
    assert.match(String(errors?.[1]), /^4,The lake can't make a directory named ".."/);
    assert.deepEqual(ids(folder), [0, 1, 3, 5]);
  });

  it("acknowledges nothing before it is stored, and everything when the source has no room", async () => {
    const folder = temporaryFolder();
    await red.deploy(flow(`file://${folder}`, { rotateIdle: 0, rotateAge: 3600 }));
    const source = laboratory.source("s");
    for (const id of upTo(10)) source.deliver(id, reading, { source: coordinates(id) });
    await red.until("both directories are there", () => readdirSync(folder).length === 3);
    assert.deepEqual([source.outcomes.size, filesIn(folder)], [0, []]);
    source.source?.pressure();
    await red.until("all are acknowledged", () => source.count("delivered") === 10);
    assert.deepEqual(ids(folder), upTo(10));
  });

  it("stores what is open when it is closed, and what comes again not twice", async () => {
    const folder = temporaryFolder();
    const open = { rotateIdle: 0, rotateAge: 3600 };
    await red.deploy(flow(`file://${folder}`, open));
    const source = laboratory.source("s");
    for (const id of upTo(20)) source.deliver(id, reading, { source: coordinates(id) });
    await red.until("both directories are there", () => readdirSync(folder).length === 3);
    await red.deploy(flow(`file://${folder}`, open));
    await red.until("all are settled", () => source.outcomes.size === 20);
    assert.deepEqual(ids(folder), upTo(20));
    // the source could not know: it sends everything again, and some more
    const again = laboratory.source("s");
    for (const id of upTo(25)) again.deliver(100 + id, () => reading(id), { source: coordinates(id) });
    await red.until(
      "what is stored is acknowledged",
      () => [...again.outcomes.keys()].filter((id) => id >= 100).length === 20,
    );
    again.source?.pressure();
    await red.until("all are", () => [...again.outcomes.keys()].filter((id) => id >= 100).length === 25);
    assert.deepEqual(ids(folder), upTo(25));
  });

  it("writes CSV with chosen columns, compressed, and whole records when asked", async () => {
    const folder = temporaryFolder();
    await red.deploy(flow(`file://${folder}`, { directory: "csv", format: "csv", columns: "id, site" }));
    const source = laboratory.source("s");
    for (const id of upTo(2)) source.deliver(id, reading, { source: coordinates(id) });
    await red.until("stored", () => source.count("delivered") === 2);
    assert.equal(
      readFileSync(path.join(folder, "csv/air+0+0000000000+0000000001.csv"), "utf8"),
      "id,site\n0,site-0\n1,site-1\n",
    );
    await red.deploy(flow(`file://${folder}`, { directory: "whole", content: "record" }));
    source.deliver(2, reading, { source: coordinates(2), key: "k", timestamp: 5 });
    await red.until("stored", () => source.count("delivered") === 3);
    assert.deepEqual(JSON.parse(readFileSync(path.join(folder, "whole/air+0+0000000002+0000000002.ndjson"), "utf8")), {
      payload: reading(2),
      key: "k",
      timestamp: 5,
      headers: {},
      source: coordinates(2),
    });
  });

  it("puts records into directories by their time, alone and in batches, and again into the same", async () => {
    const folder = temporaryFolder();
    const byTime = { directory: "dt={{time:yyyy-MM-dd}}/hour={{time:HH}}", zone: "Asia/Seoul" };
    await red.deploy(flow(`file://${folder}`, byTime));
    const at = (iso: string): number => Date.parse(iso);
    const source = laboratory.source("s");
    source.deliver(0, reading, { source: coordinates(0), timestamp: at("2026-05-01T14:59:59.999Z") });
    const batch = [1, 2].map((id) => ({
      payload: reading(id),
      source: coordinates(id),
      timestamp: at(`2026-05-01T1${4 + id}:00:00Z`),
    }));
    source.source?.deliver(
      { records: 2, bytes: 100, message: (elements) => ({ payload: elements?.map((one) => batch[one]) ?? batch }) },
      (verdict, failure) => source.outcomes.set(1, { verdict, failure }),
    );
    source.deliver(3, reading, { source: coordinates(3), payload: { ...reading(3) } });
    await red.until("all are settled", () => source.outcomes.size === 3);
    assert.deepEqual(filesIn(folder), [
      "dt=2026-05-01/hour=23/air+0+0000000000+0000000000.ndjson",
      "dt=2026-05-02/hour=00/air+0+0000000001+0000000001.ndjson",
      "dt=2026-05-02/hour=01/air+0+0000000002+0000000002.ndjson",
    ]);
    const { verdict, failure } = source.outcomes.get(3) ?? {};
    assert.equal(verdict, "dead-lettered");
    assert.match(
      String(failure?.error),
      /Record time: timestamp is missing in this record; name a property with its time/,
    );
    await red.deploy(flow(`file://${folder}`, { ...byTime, time: "payload.time", rotateTime: 60 }));
    const again = laboratory.source("s");
    again.deliver(10, () => ({ id: 0, time: "2026-05-01T23:59:59+09:00" }), { source: coordinates(0) });
    again.deliver(11, () => ({ id: 4, time: at("2026-05-01T14:00:00Z") / 1000 }), { source: coordinates(4) });
    again.deliver(12, () => ({ id: 5, time: "2026-05-01T14:01:01Z" }), { source: coordinates(5) });
    await red.until("all are delivered", () => [10, 11, 12].every((id) => again.outcomes.has(id)));
    assert.deepEqual(ids(folder), [0, 1, 2, 4, 5]);
    assert.equal(filesIn(path.join(folder, "dt=2026-05-01/hour=23")).length, 3, "a file a minute");
  });

  it("stores by the clock what is open", async () => {
    const folder = temporaryFolder();
    const began = Date.now();
    await red.deploy(flow(`file://${folder}`, { rotateIdle: 0, rotateAge: 3600, rotateSchedule: "*/2 * * * * *" }));
    laboratory.source("s").deliver(0, reading, { source: coordinates(0) });
    await red.until("it is delivered", () => laboratory.source("s").count("delivered") === 1);
    assert.ok(Math.floor(Date.now() / 2000) > Math.floor(began / 2000) && Date.now() - began < 4000);
  });

  it("refuses wrong settings by name", async () => {
    const wrong: [FlowNode[], RegExp][] = [
      [flow("nowhere"), /"nowhere" is not an address/],
      [flow("file:///tmp/x", { directory: "{{payload.site" }), /Directory.*not closed/],
      [flow("file:///tmp/x", { directory: "a/../b" }), /Directory.*not allowed/],
      [flow("file:///tmp/x", { lake: "" }), /Lake: is not chosen/],
      [flow("file:///tmp/x", { directory: "{{time:YYYY}}" }), /Directory: "YYYY" is no pattern of a time/],
      [flow("file:///tmp/x", { zone: "Seoul" }), /Time zone: "Seoul" is no time zone/],
      [flow("file:///tmp/x", { rotateSchedule: "hourly" }), /Schedule: "hourly" is no schedule/],
      [flow("file:///tmp/x", { rotateRecords: 0 }), /Records: 0 is below 1/],
    ];
    for (const [nodes, message] of wrong) {
      red.logs.length = 0;
      await red.deploy(nodes);
      assert.ok(
        red.logs.some((entry) => message.test(String(entry.msg))),
        `${message}: ${red.logs.map((entry) => String(entry.msg)).join("; ")}`,
      );
      assert.equal(red.status("sink")?.fill, "red");
    }
  });
});
