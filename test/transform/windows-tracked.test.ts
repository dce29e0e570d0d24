/** window-batcher under the delivery ledger: when records count as finished at their source. */
import assert from "node:assert/strict";
import { laboratory, runtimeWithTestNodes, type SourceRecord } from "../delivery/nodes";
import { flowOf, type FlowNode } from "../harness";
import type { Emission } from "../../nodes/lib/delivery/contract";

const T0 = Date.UTC(2017, 1, 28, 15);

const flow = (settings: Record<string, unknown> = {}, late: string[] = ["late"]): FlowNode[] =>
  flowOf(
    { id: "s", type: "test-source", wires: [["node"]] },
    { id: "node", type: "citystream-window-batcher", disorder: "0", key: "key", ...settings, wires: [["k"], late] },
    { id: "k", type: "test-sink" },
    { id: "late", type: "test-sink" },
  );

/** Record `id`, a second after the one before; `batch` records in one message. */
function deliver(source: SourceRecord, id: number, batch = 0, seconds = id): void {
  const record = (n: number) => ({
    key: "a",
    timestamp: T0 + (seconds + n) * 1000,
    payload: id + n,
    source: { kind: "test", topic: "t", partition: 0, offset: id + n },
  });
  const all = Array.from({ length: batch }, (_, n) => record(n));
  source.source?.deliver(
    {
      records: Math.max(1, batch),
      bytes: 100,
      message: (elements) => {
        source.tries.set(id, (source.tries.get(id) ?? 0) + 1);
        return batch > 0 ? { payload: elements?.map((index) => all[index]) ?? all } : record(0);
      },
    },
    (verdict, failure) => source.outcomes.set(id, { verdict, failure }),
  );
}

const windows = () =>
  laboratory.at("k").map((message) => (message.payload as { payload: number }[]).map(({ payload }) => payload));
const finished = (source: SourceRecord) => [...source.outcomes.keys()].sort((a, b) => a - b);

describe("window-batcher under the ledger", () => {
  beforeEach(() => laboratory.reset());

  it("finishes records when the window's output is done, not before", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow({ size: "3 s" }));
    const source = laboratory.source("s");
    const open: (() => void)[] = [];
    laboratory.sink = (_id, _message, done) => void open.push(done);
    for (let id = 0; id < 5; id++) deliver(source, id);
    await red.until("the window is sent", () => open.length === 1);
    assert.deepEqual(windows(), [[0, 1, 2]]);
    assert.deepEqual(finished(source), []);
    open[0]?.();
    await red.until("its records are finished", () => source.outcomes.size === 3);
    assert.deepEqual(finished(source), [0, 1, 2]);
  });

  it("finishes a record of hopping windows with the last of them", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow({ size: "4 s", hop: "2 s" }));
    const source = laboratory.source("s");
    for (let id = 0; id < 7; id++) deliver(source, id);
    // Over: -2…2, 0…4 and 2…6. Records 4 and 5 are in 4…8 too.
    await red.until("three windows are done", () => source.outcomes.size === 4);
    assert.deepEqual(windows(), [
      [0, 1],
      [0, 1, 2, 3],
      [2, 3, 4, 5],
    ]);
    assert.deepEqual(finished(source), [0, 1, 2, 3]);
    assert.equal(source.count("delivered"), 4);
  });

  it("finishes a batch when all its elements are out", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow({ size: "2 s" }));
    const source = laboratory.source("s");
    deliver(source, 0, 5);
    await red.until("two windows came", () => laboratory.at("k").length === 2);
    assert.deepEqual(finished(source), []);
    deliver(source, 6);
    await red.until("the batch is finished", () => source.outcomes.size === 1);
    assert.deepEqual(windows(), [[0, 1], [2, 3], [4]]);
    assert.equal(source.outcomes.get(0)?.verdict, "delivered");
  });

  it("holds records without a time-out, and not as part of the span", async () => {
    const red = await runtimeWithTestNodes();
    let held = 0;
    laboratory.options = { timeout: 300, onHeld: (_emission: Emission, records: number) => (held += records) };
    await red.deploy(flow({ size: "3 s" }));
    const source = laboratory.source("s");
    deliver(source, 0);
    deliver(source, 1);
    await red.until("both rest in the window", () => held === 2);
    const since = Date.now();
    await red.until("long after the time-out", () => Date.now() - since > 1000);
    assert.equal(source.tries.get(0), 1);
    deliver(source, 3);
    await red.until("the window's records are finished", () => source.count("delivered") === 2);
  });

  it("sends nothing when it closes: what it held comes again and makes the whole window", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow({ size: "3 s", hop: "" }));
    const source = laboratory.source("s");
    for (const id of [0, 1]) deliver(source, id);
    await red.until("they came", () => source.tries.get(1) === 1);
    await red.deploy(flow({ size: "3 s", hop: "3 s" }), "nodes");
    assert.deepEqual(windows(), []);
    await red.until("they came again", () => source.tries.get(0) === 2 && source.tries.get(1) === 2);
    for (const id of [2, 3]) deliver(source, id);
    await red.until("they are finished", () => source.count("delivered") === 3);
    assert.deepEqual(windows(), [[0, 1, 2]]);
  });

  it("leaves held records unfinished when all flows stop", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow({ size: "3 s" }));
    const source = laboratory.source("s");
    deliver(source, 0);
    deliver(source, 1);
    await red.until("they came", () => source.tries.get(1) === 1);
    await red.deploy(flow({ size: "3 s" }), "full");
    await red.until("they are abandoned", () => source.outcomes.size === 2);
    assert.equal(source.count("abandoned"), 2);
    assert.deepEqual(windows(), []);
  });

  it("gives late records to the dead letters where no wire takes them, and finishes them where one does", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow({ size: "2 s" }, []));
    const source = laboratory.source("s");
    deliver(source, 4);
    deliver(source, 1);
    await red.until("the late one is finished", () => source.outcomes.size === 1);
    assert.equal(source.outcomes.get(1)?.verdict, "dead-lettered");
    assert.match(source.deadLetters[0]?.error.message ?? "", /is late: windows are over up to/);
    laboratory.reset();
    await red.deploy(flow({ size: "2 s" }));
    const wired = laboratory.source("s");
    deliver(wired, 4);
    deliver(wired, 1);
    await red.until("the late one is delivered", () => wired.count("delivered") === 1);
    assert.equal(laboratory.at("late").length, 1);
  });

  for (const batch of [0, 3]) {
    it(`sends a window that failed again, the very same, ${batch ? "from batches" : "from single records"}`, async () => {
      const red = await runtimeWithTestNodes();
      await red.deploy(flow({ size: "2 s" }));
      const source = laboratory.source("s");
      let failures = 0;
      laboratory.sink = (_id, message, done) => {
        const fails = (message["window"] as { start: number }).start === T0 + 2000 && failures++ < 2;
        done(fails ? new Error("the store is busy") : undefined);
      };
      if (batch > 0) for (const id of [0, 3, 6]) deliver(source, id, batch);
      else for (let id = 0; id < 9; id++) deliver(source, id);
      await red.until("what is over is finished", () => source.count("delivered") === (batch > 0 ? 2 : 8));
      assert.equal(failures, 3);
      assert.deepEqual(source.deadLetters, []);
      assert.equal(laboratory.at("late").length, 0);
      const sent = new Set(windows().map(String));
      assert.deepEqual(sent, new Set(["0,1", "2,3", "4,5", "6,7"]));
      assert.equal(windows().filter((window) => String(window) === "2,3").length, 3);
    });
  }

  it("lets the oldest windows leave when the source waits for what is held, where it is told to", async () => {
    const red = await runtimeWithTestNodes();
    let held = 0;
    laboratory.options = { onHeld: (_emission: Emission, records: number) => (held += records) };
    await red.deploy(flow({ size: "10 s", pressure: "fire" }));
    const source = laboratory.source("s");
    for (const id of [0, 1, 9]) deliver(source, id);
    await red.until("all rest", () => held === 3);
    source.source?.pressure();
    await red.until("they are finished", () => source.count("delivered") === 3);
    const { reason } = laboratory.at("k")[0]?.["window"] as { reason: string };
    assert.equal(reason, "bound");
  });

  it("warns when the source waits and windows wait too", async () => {
    const red = await runtimeWithTestNodes();
    red.logs.length = 0;
    let held = 0;
    laboratory.options = { onHeld: (_emission: Emission, records: number) => (held += records) };
    await red.deploy(flow({ size: "10 s" }));
    const source = laboratory.source("s");
    deliver(source, 0);
    await red.until("it rests", () => held === 1);
    source.source?.pressure();
    await red.until("the warning", () =>
      red.logs.some(({ msg }) => /the source waits and windows hold 1/.test(String(msg))),
    );
    assert.equal(source.outcomes.size, 0);
  });

  it("loses and repeats nothing over 2,000 records in disorder through hopping windows", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow({ size: "20 s", hop: "5 s", disorder: "10 s" }));
    const source = laboratory.source("s");
    // Shuffled within ten seconds: each block of ten backwards.
    for (let block = 0; block < 2000; block += 10) for (let id = block + 9; id >= block; id--) deliver(source, id);
    // The watermark stands at 1,989 s: windows up to 1,985 are over, and with them all records before 1,970.
    await red.until("all that is over is finished", () => source.count("delivered") === 1970);
    const seen = new Map<number, number>();
    for (const window of windows()) {
      assert.deepEqual(
        window,
        window.toSorted((a, b) => a - b),
      );
      for (const id of window) seen.set(id, (seen.get(id) ?? 0) + 1);
    }
    for (let id = 0; id < 1970; id++) assert.equal(seen.get(id), 4, `record ${id}`);
    assert.deepEqual(
      finished(source),
      Array.from({ length: 1970 }, (_, id) => id),
    );
  });
});
