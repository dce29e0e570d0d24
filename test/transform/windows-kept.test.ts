/** window-batcher with records on disk: what its source is told, and what becomes of windows over deploys and failures. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { laboratory, runtimeWithTestNodes, type SourceRecord } from "../delivery/nodes";
import { flowOf, until, type FlowNode } from "../harness";

const T0 = Date.UTC(2017, 1, 28, 15);

describe("window-batcher with records on disk", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-windows-"));
    laboratory.reset();
  });
  afterEach(async () => {
    laboratory.reset();
    await (await runtimeWithTestNodes()).deploy([]);
    rmSync(folder, { recursive: true, force: true });
  });

  const flow = (settings: Record<string, unknown> = {}, late: string[] = ["late"]): FlowNode[] =>
    flowOf(
      { id: "s", type: "test-source", wires: [["node"]] },
      {
        id: "node",
        type: "citystream-window-batcher",
        kept: "disk",
        stateFolder: folder,
        checkpointEvery: 0.02,
        disorder: "0",
        key: "key",
        size: "3 s",
        initialDelay: 5,
        maxDelay: 20,
        deadLetterFolder: path.join(folder, "letters"),
        ...settings,
        wires: [["k"], late],
      },
      { id: "k", type: "test-sink" },
      { id: "late", type: "test-sink" },
    );
  /** Record `id`, of that second; again and again the same. */
  const deliver = (source: SourceRecord, id: number, seconds = id): void =>
    source.deliver(id, () => id, {
      key: "a",
      timestamp: T0 + seconds * 1000,
      source: { kind: "kafka", topic: "t", partition: 0, offset: id },
    });
  const source = async (): Promise<SourceRecord> => {
    const found = laboratory.sources.get("s");
    assert.ok(found);
    await until("the source runs", () => found.running);
    return found;
  };
  const windows = (): unknown[][] =>
    laboratory.at("k").map((message) => (message.payload as { payload: unknown }[]).map(({ payload }) => payload));
  const letters = (): string =>
    (existsSync(path.join(folder, "letters")) ? readdirSync(path.join(folder, "letters")) : [])
      .map((name) => readFileSync(path.join(folder, "letters", name), "utf8"))
      .join("");

  it("finishes a record once a checkpoint holds it, and its window goes on after a deploy", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow());
    const from = await source();
    for (const id of [0, 1]) deliver(from, id);
    await until("both are delivered", () => from.count("delivered") === 2);
    assert.deepEqual(windows(), []);
    await red.deploy(flow({ name: "again" }));
    const next = await source();
    // Its source was killed before it had committed them.
    for (const id of [0, 1, 2, 3]) deliver(next, id);
    await until("the window came", () => windows().length === 1);
    await until("all are delivered", () => next.count("delivered") === 4);
    assert.deepEqual(windows(), [[0, 1, 2]]);
    assert.equal(laboratory.at("late").length, 0);
    const { reason, count } = laboratory.at("k")[0]?.["window"] as { reason: string; count: number };
    assert.deepEqual([reason, count], ["time", 3]);
  });

  it("does not say that a record is kept before it is", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow({ checkpointEvery: 600 }));
    const from = await source();
    for (const id of [0, 1, 2, 3]) deliver(from, id);
    await until("the window came", () => windows().length === 1);
    assert.equal(from.outcomes.size, 0);
    from.source?.pressure();
    await until("all are delivered", () => from.count("delivered") === 4);
  });

  it("sends a window again that failed below, the very same, while its records' source is done with them", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow());
    const from = await source();
    const texts: string[] = [];
    laboratory.sink = (_id, message, done) => {
      texts.push(JSON.stringify({ ...message, _msgid: "", _delivery: "" }));
      // What is below may do with it what it likes.
      (message.payload as { payload: number }[]).forEach((record) => (record.payload = -1));
      done(texts.length < 3 ? new Error("the store is busy") : undefined);
    };
    for (const id of [0, 1, 2, 3]) deliver(from, id);
    await until("it came three times", () => texts.length === 3);
    await until("its source is done", () => from.count("delivered") === 4);
    assert.equal(new Set(texts).size, 1);
    assert.equal(from.tries.get(0), 1);
    await until("it is forgotten", () => red.status("node")?.text?.includes("1") === true);
  });

  it("gives a window that fails for good to its own dead letters, whole, and goes on", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow({ attempts: 2 }));
    const from = await source();
    laboratory.sink = (_id, message, done) => {
      const fails = (message["window"] as { start: number }).start === T0;
      done(fails ? new Error("no such table") : undefined);
    };
    for (const id of [0, 1, 2, 3, 4, 5, 6]) deliver(from, id);
    await until("the next window came", () => windows().some((window) => String(window) === "3,4,5"));
    await until("the letter is there", () => /no such table/u.test(letters()));
    assert.equal(windows().filter((window) => String(window) === "0,1,2").length, 2);
    await until("their source is done with all", () => from.count("delivered") === 7);
  });

  it("sends after a deploy what had not finished below, and never again what had", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow());
    const from = await source();
    const open: (() => void)[] = [];
    laboratory.sink = (_id, _message, done) => void open.push(done);
    for (let id = 0; id < 10; id++) deliver(from, id);
    await until(
      "three windows are under way, all records at rest",
      () => open.length === 3 && from.outcomes.size === 10,
    );
    open[1]?.();
    await red.deploy(flow({ name: "again" }));
    laboratory.received.clear();
    laboratory.sink = undefined;
    const next = await source();
    deliver(next, 10);
    deliver(next, 12);
    await until("the windows came", () => windows().length === 3);
    assert.deepEqual(windows(), [
      [0, 1, 2],
      [6, 7, 8],
      [9, 10],
    ]);
  });

  it("keeps of hopping windows what those to come need", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow({ size: "4 s", hop: "2 s" }));
    const from = await source();
    for (let id = 0; id < 5; id++) deliver(from, id);
    await until("two windows came", () => windows().length === 2);
    await until("all are delivered", () => from.count("delivered") === 5);
    await red.deploy(flow({ size: "4 s", hop: "2 s", name: "again" }));
    const next = await source();
    for (let id = 4; id < 9; id++) deliver(next, id);
    await until("four windows came", () => windows().length === 4);
    assert.deepEqual(windows(), [
      [0, 1],
      [0, 1, 2, 3],
      [2, 3, 4, 5],
      [4, 5, 6, 7],
    ]);
  });

  it("gives late records to the dead letters of their source where no wire takes them, and to the wire where one does", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow({}, []));
    const from = await source();
    deliver(from, 4);
    deliver(from, 1);
    await until("the late one is finished", () => from.outcomes.get(1)?.verdict === "dead-lettered");
    assert.match(from.deadLetters[0]?.error.message ?? "", /is late: windows are over up to/);
    await red.deploy(flow({ name: "wired" }));
    const wired = await source();
    deliver(wired, 2, 2);
    await until("it is delivered", () => wired.outcomes.get(2)?.verdict === "delivered");
    assert.equal(laboratory.at("late").length, 1);
  });

  it("lets its source wait for windows that do not finish below", async () => {
    const red = await runtimeWithTestNodes();
    let held = 0;
    laboratory.options = { onHeld: (_emission, records: number) => (held += records) };
    await red.deploy(flow({ size: "1 s", maxRecords: 3 }));
    const from = await source();
    const open: (() => void)[] = [];
    laboratory.sink = (_id, _message, done) => void open.push(done);
    for (let id = 0; id < 7; id++) deliver(from, id);
    await until("three are delivered, and six are under way", () => from.outcomes.size === 3 && open.length === 6);
    // Of those that wait for room none rests outside of the span.
    assert.equal(held, 3);
    laboratory.sink = undefined;
    for (const done of open) done();
    await until("all are delivered", () => from.count("delivered") === 7);
  });

  it("lets records wait, red with the reason, while the folder can't be used, and goes on when it can", async () => {
    const file = path.join(folder, "file");
    writeFileSync(file, "");
    const red = await runtimeWithTestNodes();
    laboratory.options = { timeout: 300 };
    await red.deploy(flow({ stateFolder: path.join(file, "state") }));
    const from = await source();
    for (const id of [0, 1, 2, 3]) deliver(from, id);
    await until(
      "it says why",
      () => red.status("node")?.fill === "red" && /ENOTDIR/u.test(red.status("node")?.text ?? ""),
    );
    const since = Date.now();
    await until("long after the time-out", () => Date.now() - since > 1000);
    assert.equal(from.outcomes.size, 0);
    rmSync(file);
    await until("the window came", () => windows().length === 1);
    assert.deepEqual(windows(), [[0, 1, 2]]);
    assert.equal(from.tries.get(0), 1);
    assert.deepEqual(from.deadLetters, []);
  });

  it("fails a record that no disk can hold, and refuses overlapping windows by number", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow());
    const from = await source();
    from.deliver(0, () => ({ call: () => 1 }), { key: "a", timestamp: T0 });
    await until("it is a dead letter", () => from.outcomes.get(0)?.verdict === "dead-lettered");
    assert.match(from.deadLetters[0]?.error.message ?? "", /can't be kept on disk/u);
    await red.deploy(flow({ by: "count", records: 4, recordsHop: 2 }));
    await until("it says what to change", () => red.status("node")?.fill === "red");
    assert.ok(red.logs.some(({ msg }) => /Every \(records\): windows by number/u.test(String(msg))));
  });
});
