/** Nodes that hold records on purpose, as our windows and sinks do, in a real Node-RED. */
import assert from "node:assert/strict";
import type { Emission } from "../../nodes/lib/delivery/contract";
import { LowWaterMark, type Positions } from "../../nodes/lib/delivery/low-water-mark";
import { until, type FlowNode, type Harness } from "../harness";
import { change, sink } from "./builders";
import { flowOf } from "./flow";
import { laboratory, runtimeWithTestNodes, type SourceRecord } from "./nodes";

describe("deliberate holds under the delivery ledger", () => {
  let runtime: Harness;
  let source: SourceRecord;
  before(async () => {
    runtime = await runtimeWithTestNodes();
  });
  beforeEach(() => laboratory.reset());
  after(() => runtime.deploy([]));

  const start = async (nodes: FlowNode[], options: typeof laboratory.options = {}): Promise<void> => {
    laboratory.options = options;
    await runtime.deploy(flowOf(nodes));
    source = laboratory.source("s");
  };
  const window = (size: number, more: object = {}): FlowNode => ({
    id: "w",
    type: "citystream-test-window",
    size,
    wires: [["k"]],
    ...more,
  });

  it("settles all inputs of a window with what it sends, and none before", async () => {
    let finish: (() => void) | undefined;
    laboratory.sink = (_id, _message, done) => (finish = () => done());
    await start([change([], [["w"]]), window(10), sink()]);
    for (let id = 0; id < 10; id += 1) source.deliver(id);
    await until("the window at the sink", () => finish !== undefined);
    assert.equal(source.outcomes.size, 0);
    finish?.();
    await until("all finished", () => source.outcomes.size === 10);
    assert.equal(source.count("delivered"), 10);
    assert.equal(laboratory.delivery?.report().tokens, 0);
  });

  it("fails all inputs of a window whose result fails", async () => {
    laboratory.sink = (_id, _message, done) => done(new Error("refused"));
    await start([change([], [["w"]]), window(10), sink()], { retry: { attempts: 1, initialDelay: 1, maxDelay: 1 } });
    for (let id = 0; id < 10; id += 1) source.deliver(id);
    await until("all finished", () => source.outcomes.size === 10);
    assert.equal(source.count("dead-lettered"), 10);
  });

  it("never stops a source whose later records are what closes the window", async () => {
    const mark = new LowWaterMark({ records: 20, bytes: 1_000_000 });
    const positions = new Map<Emission, Positions>();
    await start([change([], [["w"]]), window(100), sink()], {
      onHeld: (emission, records) => mark.held(positions.get(emission) as Positions, records > 0),
    });
    let next = 0;
    let finished = 0;
    const paused: boolean[] = [];
    const feed = setInterval(() => {
      paused.push(mark.paused);
      for (let burst = 0; burst < 15 && next < 1_000 && !mark.paused; burst += 1) {
        const record = next;
        next += 1;
        const emission: Emission = { records: 1, bytes: 10, message: () => ({ payload: record, record }) };
        const place = mark.delivered(record, record + 1, 1, 10);
        positions.set(emission, place);
        source.source?.deliver(emission, () => {
          finished += 1;
          positions.delete(emission);
          mark.finished(place);
        });
      }
    }, 1);
    try {
      await until("all 1,000 records through windows of 100 with a span of 20", () => finished === 1_000, 20_000);
    } finally {
      clearInterval(feed);
    }
    assert.equal(mark.mark, 1_000);
    assert.ok(laboratory.at("k").length === 10);
  });

  it("does not time out what is held on purpose, and asks the holder to let go when the source is paused", async () => {
    await start([change([], [["w"]]), window(1_000), sink()], { timeout: 300 });
    for (let id = 0; id < 3; id += 1) source.deliver(id);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    assert.equal(source.outcomes.size, 0);
    assert.deepEqual([...source.tries.values()], [1, 1, 1]);
    source.source?.pressure();
    await until("all finished", () => source.outcomes.size === 3);
    assert.equal(laboratory.at("k").length, 1, "asked once, it sent what it had");
  });

  it("believes our own nodes that finish their work while they close", async () => {
    const nodes = [
      { id: "s", type: "test-source", drain: 3_000, wires: [["w"]] },
      { ...window(1_000, { closes: "slowly" }), wires: [] },
    ];
    await start(nodes);
    for (let id = 0; id < 3; id += 1) source.deliver(id);
    await until("held", () => laboratory.at("w").length === 3);
    await runtime.deploy(flowOf(nodes), "full");
    assert.equal(source.count("delivered"), 3);
  });

  it("gives the token of inputs that share one, and none for untracked inputs", () => {
    const { delivery } = laboratory;
    assert.equal(delivery?.tokenFor([{ payload: 1 }]), undefined);
    assert.equal(delivery?.tokenFor([]), undefined);
    assert.equal(delivery?.tokenFor([{ _delivery: "00000.zz" }]), undefined);
  });
});
