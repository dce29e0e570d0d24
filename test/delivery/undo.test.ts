/** What comes of tries that were ended, in a real Node-RED: nothing of it may be taken for a result of a later try. */
import assert from "node:assert/strict";
import type { DeliverySource, FailedTry, Message } from "../../nodes/lib/delivery/contract";
import { until, type FlowNode, type Harness } from "../harness";
import { fn, sink } from "./builders";
import { flowOf } from "./flow";
import { laboratory, runtimeWithTestNodes } from "./nodes";

describe("tries that can be undone", () => {
  let runtime: Harness;
  let verdicts: Map<number, string>;
  let failures: Map<number, FailedTry>;

  before(async () => {
    runtime = await runtimeWithTestNodes();
  });
  beforeEach(() => {
    laboratory.reset();
    verdicts = new Map();
    failures = new Map();
  });
  after(() => runtime.deploy([]));

  const start = async (nodes: FlowNode[], timeout = 60_000): Promise<void> => {
    laboratory.options = { timeout };
    await runtime.deploy(flowOf(nodes));
  };
  const source = (): DeliverySource => {
    const found = laboratory.source("s").source;
    assert.ok(found, "the source is there");
    return found;
  };
  const deliver = (id: number): void =>
    source().deliver(
      {
        records: 1,
        bytes: 1,
        message: () => ({ payload: id, record: id }),
        undo(failed) {
          failures.set(id, failed);
          return true;
        },
      },
      (verdict) => verdicts.set(id, verdict),
    );
  const origins = (message: Message): unknown => {
    const found = laboratory.delivery?.emissionsOf(message);
    return found === "ended" ? found : found?.length;
  };

  it("come back to their source when they fail, with the cause", async () => {
    await start([fn("a", "throw new Error('no such sensor');", [[]])]);
    deliver(1);
    await until("the verdict", () => verdicts.get(1) === "abandoned");
    assert.equal(failures.get(1)?.tries, 1);
    assert.match(failures.get(1)?.failure.error.message ?? "", /no such sensor/u);
  });

  it("are known through functions, clones and joins while they live", async () => {
    const seen: unknown[] = [];
    laboratory.sink = (_id, message, done) => {
      seen.push(origins(message));
      done();
    };
    await start([
      fn("a", "return [[msg, { payload: 'other' }]];", [["j"]]),
      {
        id: "j",
        type: "join",
        mode: "custom",
        build: "array",
        property: "payload",
        propertyType: "msg",
        count: "4",
        wires: [["k"]],
      },
      sink(),
    ]);
    deliver(1);
    deliver(2);
    await until("both delivered", () => verdicts.size === 2);
    assert.deepEqual(seen, [2]);
  });

  it("are known as ended when a join puts what was left of them together with newer records, which then fail too", async () => {
    const seen: unknown[] = [];
    let passed = false;
    laboratory.sink = (id, message, done) => {
      if (id === "k") seen.push([origins(message), message.payload]);
      else passed = true;
      done();
    };
    await start([
      fn("a", "return msg;", [["j", "beside"]]),
      {
        id: "j",
        type: "join",
        mode: "custom",
        build: "array",
        property: "payload",
        propertyType: "msg",
        count: "2",
        wires: [["k"]],
      },
      sink(),
      sink("beside"),
    ]);
    deliver(1);
    await until("it rests in the join", () => passed);
    source().recall(() => true);
    await until("it is back", () => verdicts.get(1) === "abandoned");
    deliver(2);
    await until("the joined message and the verdict", () => seen.length === 1 && verdicts.has(2));
    assert.deepEqual(seen, [["ended", [1, 2]]]);
    assert.equal(verdicts.get(2), "abandoned");
    assert.match(failures.get(2)?.failure.error.message ?? "", /a try that had ended/u);
    assert.equal(failures.get(2)?.tries, 0);
  });
});
