/** Nodes that have something left to do for a record when its message is done, as those with state do, in a real Node-RED. */
import assert from "node:assert/strict";
import type { DeliverySource, Hold, Retained } from "../../nodes/lib/delivery/contract";
import { until, type FlowNode, type Harness } from "../harness";
import { sink } from "./builders";
import { flowOf } from "./flow";
import { laboratory, runtimeWithTestNodes, type SourceRecord } from "./nodes";

describe("what is retained under the delivery ledger", () => {
  let runtime: Harness;
  let source: SourceRecord;
  /** Retained by the sink, in order. */
  let retained: Retained[];
  before(async () => {
    runtime = await runtimeWithTestNodes();
  });
  beforeEach(() => laboratory.reset());
  after(() => runtime.deploy([]));

  const nodes = (more: object = {}): FlowNode[] => [{ id: "s", type: "test-source", wires: [["k"]], ...more }, sink()];
  /** A sink that retains each record and is done with its message at once. */
  const start = async (options: typeof laboratory.options = {}, hold: Partial<Hold> = {}): Promise<void> => {
    laboratory.options = options;
    retained = [];
    laboratory.sink = (_id, message, done, node) => {
      const one = laboratory.delivery?.retain(node, message, { records: 1, bytes: 10, ...hold });
      assert.ok(one);
      retained.push(one);
      done();
    };
    await runtime.deploy(flowOf(nodes()));
    source = laboratory.source("s");
  };

  it("is waited for, whether the message or it is finished first", async () => {
    await start();
    const open: (() => void)[] = [];
    laboratory.sink = (_id, message, done, node) => {
      const one = laboratory.delivery?.retain(node, message, { records: 1, bytes: 10 });
      if (message["record"] === 0) one?.release();
      else open.push(() => one?.release());
      if (message["record"] === 0) open.push(done);
      else done();
    };
    for (const id of [0, 1]) source.deliver(id);
    await until("both came", () => open.length === 2);
    source.deliver(2);
    await until("the third came", () => open.length === 3);
    assert.equal(source.outcomes.size, 0);
    for (const end of open.splice(0)) end();
    await until("all are delivered", () => source.count("delivered") === 3);
    assert.equal(laboratory.delivery?.report().tokens, 0);
  });

  it("fails its record, which comes again", async () => {
    await start();
    source.deliver(0);
    await until("it came", () => retained.length === 1);
    retained[0]?.fail(new Error("the disk is full"));
    // Twice is once.
    retained[0]?.release();
    await until("it came again", () => retained.length === 2);
    retained[1]?.release();
    await until("it is delivered", () => source.count("delivered") === 1);
    assert.equal(source.tries.get(0), 2);
  });

  it("does not time out, rests outside of the span, and is asked for when the source has no room", async () => {
    let held = 0;
    let asked = 0;
    await start(
      { timeout: 100, onHeld: (_emission, records) => (held += records) },
      {
        relieve: () => {
          asked++;
          for (const one of retained.splice(0)) one.release();
        },
      },
    );
    for (const id of [0, 1, 2]) source.deliver(id);
    await until("all rest", () => held === 3);
    // What is held without a word times out meanwhile.
    laboratory.sink = (_id, _message, done) => (source.tries.get(3) === 2 ? done() : undefined);
    source.deliver(3);
    await until("another has timed out, and come again", () => source.count("delivered") === 1);
    assert.deepEqual([...source.outcomes.keys()], [3]);
    source.source?.pressure();
    await until("all are delivered", () => source.count("delivered") === 4);
    assert.deepEqual([asked, source.tries.get(0)], [1, 1]);
  });

  it("comes again when a deploy has closed the node before it was released", async () => {
    await start();
    source.deliver(0);
    await until("it came", () => retained.length === 1);
    laboratory.sink = undefined;
    await runtime.deploy(flowOf([nodes()[0] as FlowNode, { ...sink(), name: "another" }]), "nodes");
    await until("it is delivered", () => source.count("delivered") === 1);
    assert.equal(source.tries.get(0), 2);
    retained[0]?.release();
    assert.equal(laboratory.delivery?.report().tokens, 0);
  });

  it("belongs to what the node keeps, not to what it sends in the same turn", async () => {
    await start();
    const own: Retained[] = [];
    let sends: DeliverySource | undefined;
    laboratory.sink = (id, message, done, node) => {
      // What it sends is never finished.
      if (id !== "k") return;
      const one = laboratory.delivery?.retain(node, message, { records: 1, bytes: 10 });
      if (one) own.push(one);
      sends = laboratory.delivery?.source(node, {
        retry: { attempts: 1, initialDelay: 1, maxDelay: 1 },
        timeout: 60_000,
        deadLetters: { write: () => Promise.resolve(), close: () => Promise.resolve() },
      });
      sends?.deliver({ records: 1, bytes: 1, message: () => ({ payload: "a window" }) }, () => undefined);
      done();
    };
    await runtime.deploy(flowOf([...nodes().slice(0, 1), { ...sink(), wires: [["other"]] }, sink("other")]));
    source = laboratory.source("s");
    source.deliver(0);
    await until("what it sends has come", () => laboratory.at("other").length === 1);
    own[0]?.release();
    await until("it is delivered", () => source.count("delivered") === 1);
    // No node closes it: it would send again and again, in the process of all tests.
    await sends?.close(0);
  });
});
