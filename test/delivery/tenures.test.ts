/** Emissions of partitions that have moved, in a real Node-RED: whoever has the partition now has their records as well. */
import assert from "node:assert/strict";
import { until, type FlowNode } from "../harness";
import { fn, sink } from "./builders";
import { flowOf } from "./flow";
import { laboratory, runtimeWithTestNodes, type SourceRecord } from "./nodes";

describe("emissions whose tenure is over", () => {
  beforeEach(() => laboratory.reset());
  afterEach(async () => (await runtimeWithTestNodes()).deploy([]));

  const start = async (nodes: FlowNode[]): Promise<SourceRecord> => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flowOf(nodes));
    const source = laboratory.source("s");
    await until("the source runs", () => source.running);
    return source;
  };
  const tenure = (over: boolean) => ({ topic: "t", partition: 0, over, confirm: () => Promise.resolve(!over) });
  const failing = fn("a", "const error = new Error('away'); error.code = 'ECONNREFUSED'; throw error;", [["k"]]);

  it("are not tried again, and make no dead letter", async () => {
    const source = await start([failing, sink()]);
    const moves = tenure(false);
    source.deliver(1, undefined, {}, { tenure: moves });
    await until("it is tried again", () => (source.tries.get(1) ?? 0) > 1);
    assert.equal(source.outcomes.size, 0);
    moves.over = true;
    await until("it is given back", () => source.count("abandoned") === 1);
    source.deliver(2, undefined, {}, { tenure: moves });
    await until("another one is given back", () => source.count("abandoned") === 2);
    assert.deepEqual([source.tries.get(2), source.deadLetters.length], [1, 0]);
  });

  it("finish where nothing fails", async () => {
    const source = await start([fn("a", "return msg;", [["k"]]), sink()]);
    source.deliver(1, undefined, {}, { tenure: tenure(true) });
    await until("it is delivered", () => source.count("delivered") === 1);
  });
});
