/** priority-lanes under the delivery ledger: what passes when, and when records count as finished at their source. */
import assert from "node:assert/strict";
import type { Emission, Message } from "../../nodes/lib/delivery/contract";
import { laboratory, runtimeWithTestNodes, type SourceRecord } from "../delivery/nodes";
import { flowOf, type FlowNode, type Harness } from "../harness";

type Done = (error?: unknown) => void;

const CLASSES = [
  { name: "urgent", from: 1, share: 1, useful: "", most: "" },
  { name: "ordinary", from: 0, share: 1, useful: "", most: "" },
];

const lanes = (settings: Record<string, unknown> = {}): FlowNode => ({
  id: "node",
  type: "citystream-priority-lanes",
  classes: CLASSES,
  atOnce: 1,
  ...settings,
  wires: settings["wires"] ?? [["k"], ["shed"], ["report"]],
});
const flow = (settings: Record<string, unknown> = {}, ...more: FlowNode[]): FlowNode[] =>
  flowOf(
    { id: "s", type: "test-source", wires: [["node"]] },
    lanes(settings),
    { id: "k", type: "test-sink" },
    { id: "shed", type: "test-sink" },
    { id: "report", type: "test-collect" },
    ...more,
  );

const record = (n: number, extra: object = {}) => ({
  payload: n,
  source: { kind: "test", topic: "t", partition: 0, offset: n },
  ...extra,
});
const deliver = (source: SourceRecord, n: number, extra: object = {}): void =>
  source.deliver(n, () => n, { ...record(n), ...extra });

/** A message with these records. */
function deliverBatch(source: SourceRecord, id: number, records: readonly object[]): void {
  source.source?.deliver(
    {
      records: records.length,
      bytes: 100,
      message: (elements) => {
        source.tries.set(id, (source.tries.get(id) ?? 0) + 1);
        return { topic: "t", payload: elements?.map((index) => records[index]) ?? records };
      },
    },
    (verdict, failure) => source.outcomes.set(id, { verdict, failure }),
  );
}

/** A sink at `k` whose messages the test finishes. */
function open(): { readonly message: Message; readonly done: Done }[] {
  const all: { message: Message; done: Done }[] = [];
  laboratory.sink = (id, message, done) => (id === "k" ? void all.push({ message, done }) : done());
  return all;
}
const arrived = (at = "k") => laboratory.at(at).map(({ payload }) => payload);

describe("priority-lanes under the ledger", () => {
  let red: Harness;
  before(async () => {
    red = await runtimeWithTestNodes();
  });
  beforeEach(() => laboratory.reset());
  after(() => red.deploy([]));

  it("lets the next one go when the one before has finished on every branch, the urgent first", async () => {
    const at = open();
    await red.deploy(
      flow(
        { wires: [["c"], [], []] },
        { id: "c", type: "junction", wires: [["k", "k2"]] },
        { id: "k2", type: "test-sink" },
      ),
    );
    const second: Done[] = [];
    laboratory.sink = (id, message, done) => (id === "k" ? void at.push({ message, done }) : void second.push(done));
    const source = laboratory.source("s");
    [0, 0, 1, 0, 2].forEach((priority, n) => deliver(source, n, { priority }));
    await red.until("the first is below", () => at.length === 1 && second.length === 1);
    at[0]?.done();
    assert.deepEqual(arrived(), [0]);
    second[0]?.();
    for (let n = 1; n < 5; n++) {
      await red.until("the next is below", () => at.length === n + 1 && second.length === n + 1);
      assert.equal(source.count("delivered"), n);
      at[n]?.done();
      second[n]?.();
    }
    await red.until("all are finished", () => source.count("delivered") === 5);
    assert.deepEqual(arrived(), [0, 2, 4, 1, 3]);
    assert.equal(laboratory.delivery?.report().tokens, 0);
  });

  it("holds what waits without a time-out and not as part of the span, up to its own bound", async () => {
    const at = open();
    let held = 0;
    laboratory.options = { timeout: 300, onHeld: (_emission: Emission, records: number) => (held += records) };
    await red.deploy(flow({ maxRecords: 3 }));
    const source = laboratory.source("s");
    for (let n = 0; n < 6; n++) deliver(source, n);
    await red.until("three wait at the node's cost", () => held === 3);
    let finished = 0;
    await red.until(
      "the one below timed out, and what waits did not",
      () => {
        for (; finished < at.length; finished++) if (finished > 0) at[finished]?.done();
        return source.count("delivered") === 6;
      },
      20_000,
    );
    assert.equal(source.tries.get(0), 2);
    for (let n = 1; n < 6; n++) assert.equal(source.tries.get(n), 1);
  });

  it("brings the failure below to the source: tried again, then a dead letter with the sink's reason", async () => {
    await red.deploy(flow());
    const source = laboratory.source("s");
    let fails = 0;
    laboratory.sink = (_id, message, done) =>
      done(
        message.payload === 1
          ? new Error("refused")
          : message.payload === 2 && fails++ === 0
            ? new Error("not yet")
            : undefined,
      );
    for (let n = 0; n < 4; n++) deliver(source, n);
    await red.until("all are finished", () => source.outcomes.size === 4);
    assert.deepEqual(
      [0, 1, 2, 3].map((n) => source.outcomes.get(n)?.verdict),
      ["delivered", "dead-lettered", "delivered", "delivered"],
    );
    assert.equal(source.outcomes.get(1)?.failure?.error.message, "refused");
    assert.equal(source.outcomes.get(1)?.failure?.node?.id, "k");
    assert.equal(laboratory.at("k").length, 7, "one, one, two and three tries");
  });

  it("splits a batch by its elements' priorities, finishes it with the last and fails only what failed", async () => {
    await red.deploy(flow({ batches: "split" }));
    const source = laboratory.source("s");
    const at = open();
    deliverBatch(source, 0, [record(0), record(1, { priority: 3 }), record(2), record(3, { priority: 1 }), 7 as never]);
    for (let n = 0; n < 4; n++) {
      await red.until("the next is below", () => at.length === n + 1);
      assert.equal(source.outcomes.size, 0);
      at[n]?.done(at[n]?.message.payload === 3 ? new Error("refused") : undefined);
    }
    await red.until("the failed one comes again", () => at.length === 5);
    assert.deepEqual(arrived(), [1, 3, 0, 2, 3]);
    assert.equal(at[4]?.message.topic, "t");
    at[4]?.done();
    await red.until("it is finished", () => source.outcomes.size === 1);
    assert.equal(source.outcomes.get(0)?.verdict, "dead-lettered");
    assert.equal(source.deadLetters.length, 1);
    assert.match(source.deadLetters[0]?.error.message ?? "", /element 4 of the batch is no record but 7/);
  });

  it("keeps a batch whole by its highest priority, and elements that a sink names fail alone", async () => {
    await red.deploy(flow({ batches: "whole" }));
    const source = laboratory.source("s");
    const at = open();
    deliver(source, 100);
    await red.until("the first is below", () => at.length === 1);
    deliver(source, 101);
    deliverBatch(source, 0, [record(0), record(1, { priority: 3 }), record(2)]);
    at[0]?.done();
    await red.until("the batch passes", () => at.length === 2);
    const elements = [{ index: 2, error: new Error("refused") }];
    at[1]?.done(Object.assign(new Error("one of three"), { elements }));
    await red.until("the other passes", () => at.length === 3);
    at[2]?.done();
    await red.until("the element comes again", () => at.length === 4);
    assert.deepEqual(
      (at[3]?.message.payload as { payload: number }[]).map(({ payload }) => payload),
      [2],
    );
    at[3]?.done();
    await red.until("all are finished", () => source.count("delivered") === 3);
  });

  it("keeps a key's order: the next waits until the one before has finished", async () => {
    await red.deploy(flow({ atOnce: 10, keepOrder: true, key: "key" }));
    const source = laboratory.source("s");
    const at = open();
    for (let n = 0; n < 6; n++) deliver(source, n, { key: n % 2 === 0 ? "a" : "b", priority: n });
    await red.until("one of each key is below", () => at.length === 2);
    assert.deepEqual(arrived(), [0, 1]);
    at[1]?.done();
    await red.until("the next of b", () => at.length === 3);
    assert.deepEqual(arrived(), [0, 1, 3]);
    at[0]?.done();
    await red.until("the next of a", () => at.length === 4);
    at[2]?.done();
    at[3]?.done();
    await red.until("the last", () => at.length === 6);
    at[4]?.done();
    at[5]?.done();
    await red.until("all are finished", () => source.count("delivered") === 6);
  });

  it("sheds only what the settings say, by the second output, and counts it", async () => {
    const classes = [
      { name: "urgent", from: 1, share: 1, useful: "40 ms", most: "" },
      { name: "ordinary", from: 0, share: 1, useful: "", most: 2 },
    ];
    await red.deploy(flow({ classes, expired: "shed" }));
    const source = laboratory.source("s");
    const at = open();
    deliver(source, 0);
    await red.until("the first is below", () => at.length === 1);
    deliver(source, 1, { priority: 1 });
    for (let n = 2; n < 6; n++) deliver(source, n);
    await red.until("three are shed", () => laboratory.at("shed").length === 3);
    assert.deepEqual(
      laboratory.at("shed").map(({ payload, shed }) => [payload, (shed as { reason: string }).reason]),
      [
        [2, "class"],
        [3, "class"],
        [1, "deadline"],
      ],
    );
    await red.until("what was shed is finished", () => source.count("delivered") === 3);
    red.receive("node", { action: "report", topic: "now" });
    const [report] = await red.arrived("report", 1);
    assert.equal(report?.topic, "now");
    const { waiting, underWay, shed, classes: counts } = report?.payload as Record<string, unknown>;
    assert.deepEqual(
      { waiting, underWay, shed },
      { waiting: 2, underWay: 1, shed: { deadline: 1, class: 2, full: 0 } },
    );
    assert.deepEqual(
      (counts as Record<string, unknown>[]).map(({ name, waiting: waits, passed, shed: gone }) => [
        name,
        waits,
        passed,
        gone,
      ]),
      [
        ["urgent", 0, 0, 1],
        ["ordinary", 2, 1, 2],
      ],
    );
    for (let n = 0; n < 3; n++) {
      await red.until("the next is below", () => at.length === n + 1);
      at[n]?.done();
    }
    await red.until("all are finished", () => source.count("delivered") === 6);
    assert.equal(laboratory.delivery?.report().tokens, 0);
  });

  it("fails what is shed where no wire takes it", async () => {
    await red.deploy(flow({ maxRecords: 1, full: "shed", wires: [["k"], [], []] }));
    const source = laboratory.source("s");
    const at = open();
    for (let n = 0; n < 3; n++) deliver(source, n);
    await red.until("one is a dead letter", () => source.deadLetters.length === 1);
    assert.match(
      source.deadLetters[0]?.error.message ?? "",
      /shed from class "ordinary" after \d+ ms: there is no more room; wire the second output/,
    );
    at[0]?.done();
    await red.until("the next is below", () => at.length === 2);
    at[1]?.done();
    await red.until("all are finished", () => source.outcomes.size === 3);
    assert.deepEqual(arrived(), [0, 2]);
  });

  it("does not wait for what a window below gathers, and asks sinks that gather to write", async () => {
    await red.deploy(
      flowOf(
        { id: "s", type: "test-source", wires: [["node"]] },
        lanes({ atOnce: 2, wires: [["w"], [], []] }),
        { id: "w", type: "citystream-window-batcher", by: "count", records: 5, key: "", wires: [["k"], []] },
        { id: "k", type: "test-sink" },
      ),
    );
    const source = laboratory.source("s");
    for (let n = 0; n < 10; n++) deliver(source, n);
    await red.until("two windows of five through two at a time", () => source.count("delivered") === 10);
    laboratory.reset();
    await red.deploy(
      flowOf(
        { id: "s", type: "test-source", wires: [["node"]] },
        lanes({ atOnce: 2, wires: [["w"], [], []] }),
        { id: "w", type: "citystream-test-window", size: 100, wires: [["k"]] },
        { id: "k", type: "test-sink" },
      ),
    );
    const other = laboratory.source("s");
    for (let n = 0; n < 10; n++) deliver(other, n);
    await red.until("all but what no other waits for", () => other.count("delivered") >= 8);
    assert.deepEqual(
      laboratory.at("k").map(({ payload }) => (payload as unknown[]).length),
      [2, 2, 2, 2],
    );
  });

  it("lets what waits come again when it is deployed, finished once", async () => {
    const at = open();
    await red.deploy(flow());
    const source = laboratory.source("s");
    for (let n = 0; n < 20; n++) deliver(source, n);
    await red.until("the first is below", () => at.length === 1);
    await red.deploy(flow({ atOnce: 2 }), "nodes");
    let finished = 0;
    await red.until(
      "all are finished",
      () => {
        for (; finished < at.length; finished++) at[finished]?.done();
        return source.count("delivered") === 20;
      },
      20_000,
    );
    assert.equal(laboratory.delivery?.report().tokens, 0);
    assert.equal(new Set(arrived()).size, 20);
    assert.equal(source.tries.get(0), 1, "what was below went on");
  });

  it("drops what its source has ended meanwhile, since that brings it again", async () => {
    const at = open();
    await red.deploy(flow());
    const source = laboratory.source("s");
    for (let n = 0; n < 3; n++) deliver(source, n);
    await red.until("the first is below", () => at.length === 1);
    source.source?.recall(({ records }) => records === 1);
    await red.until("all are abandoned", () => source.count("abandoned") === 3);
    deliver(source, 3);
    at[0]?.done();
    await red.until("the new one passes", () => at.length === 2);
    assert.deepEqual(arrived(), [0, 3]);
    at[1]?.done();
    await red.until("it is finished", () => source.count("delivered") === 1);
  });

  it("keeps its rate", async () => {
    await red.deploy(flow({ atOnce: "", rate: 100 }));
    const source = laboratory.source("s");
    const begin = performance.now();
    for (let n = 0; n < 60; n++) deliver(source, n);
    await red.until("all are finished", () => source.count("delivered") === 60);
    const took = performance.now() - begin;
    assert.ok(took > 480, `60 at 100 a second took ${took} ms`);
  });

  it("is a wall to no failure of one record in a full batch on disk", async () => {
    await red.deploy(flow({ memory: 0 }));
    const source = laboratory.source("s");
    const at = open();
    deliver(source, 100);
    await red.until("the first is below", () => at.length === 1);
    const body = { text: "x".repeat(1000), when: new Date(5), bytes: Buffer.from([1, 2]) };
    deliverBatch(
      source,
      0,
      Array.from({ length: 50 }, (_, n) => record(n, { payload: { n, ...body }, priority: n % 2 })),
    );
    let fails = 0;
    let finished = 0;
    await red.until(
      "all are finished",
      () => {
        for (; finished < at.length; finished++) {
          const { message, done } = at[finished]!;
          const fail = (message.payload as { n?: number }).n === 31 && fails++ === 0;
          done(fail ? new Error("not yet") : undefined);
        }
        return source.count("delivered") === 2;
      },
      20_000,
    );
    assert.equal(at.length, 52);
    for (const { message } of at.slice(1)) {
      const { n, ...rest } = message.payload as { n: number };
      assert.deepEqual(rest, body);
      assert.deepEqual(message["source"], record(n).source);
    }
    const order = at.slice(1, 51).map(({ message }) => (message.payload as { n: number }).n);
    assert.deepEqual(order, [
      ...Array.from({ length: 25 }, (_, i) => 2 * i + 1),
      ...Array.from({ length: 25 }, (_, i) => 2 * i),
    ]);
    assert.deepEqual(at[51]?.message.payload, { n: 31, ...body });
  });
});
