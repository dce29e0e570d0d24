/** Time-outs, nodes that can't show when they are done, and missing destinations, in a real Node-RED. */
import assert from "node:assert/strict";
import { until, type FlowNode, type Harness } from "../harness";
import { change, delay, fn, sink, switchOn } from "./builders";
import { flowOf } from "./flow";
import { laboratory, runtimeWithTestNodes, type SourceRecord } from "./nodes";

describe("limits of the delivery ledger", () => {
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
  const finished = (count = 1): Promise<void> =>
    until(`${count} records finished`, () => source.outcomes.size === count, 10_000);
  const noneLeft = (): void => assert.equal(laboratory.delivery?.report().tokens, 0);

  it("times out what never finishes, names the node, and ignores what comes of it later", async () => {
    const late: (() => void)[] = [];
    laboratory.sink = (_id, _message, done) => void late.push(() => done());
    await start([change([]), { ...sink(), name: "stuck" }], {
      timeout: 600,
      retry: { attempts: 2, initialDelay: 1, maxDelay: 2 },
    });
    source.deliver(1);
    await finished();
    const { verdict, failure } = source.outcomes.get(1) ?? {};
    assert.equal(verdict, "dead-lettered");
    assert.match(failure?.error.message ?? "", /not finished within 0.6 s: it rests in test-sink "stuck" \(k\)/u);
    for (const done of late) done();
    assert.equal(source.outcomes.size, 1);
    noneLeft();
  });

  it("does not time out a queue whose node goes on completing", async () => {
    let chain = Promise.resolve();
    laboratory.sink = (_id, _message, done) => {
      chain = chain.then(() => new Promise((resolve) => setTimeout(resolve, 100))).then(() => done());
    };
    await start([change([]), sink()], { timeout: 500 });
    for (let id = 0; id < 15; id += 1) source.deliver(id);
    await finished(15);
    assert.equal(source.count("delivered"), 15);
    assert.deepEqual(
      [...source.tries.values()].filter((tries) => tries > 1),
      [],
    );
  });

  it("times out what a join keeps for ever, and a delay only after its own time", async () => {
    await start(
      [
        fn("a", "return msg.payload === 1 ? [msg, null] : [null, msg];", [["j"], ["d"]]),
        {
          id: "j",
          type: "join",
          mode: "custom",
          build: "array",
          property: "payload",
          propertyType: "msg",
          key: "topic",
          joiner: "",
          useparts: false,
          accumulate: false,
          timeout: "",
          count: "3",
          wires: [["k"]],
        },
        { ...delay({ timeout: "900" }), id: "d" },
        sink(),
      ],
      { timeout: 300, retry: { attempts: 1, initialDelay: 1, maxDelay: 2 } },
    );
    source.deliver(1);
    source.deliver(2);
    await finished(2);
    assert.match(source.outcomes.get(1)?.failure?.error.message ?? "", /it rests in join/u);
    assert.equal(source.outcomes.get(2)?.verdict, "delivered");
  });

  it("believes nodes that can't call done after a grace time, and names them", async () => {
    await start([
      fn("a", "return msg;", [["o", "p"]]),
      { id: "o", type: "test-one-argument" },
      { id: "p", type: "test-one-argument", passes: "now", wires: [["k"]] },
      sink(),
    ]);
    const begun = performance.now();
    source.deliver(1);
    await finished();
    assert.ok(performance.now() - begun > 700);
    assert.equal(source.outcomes.get(1)?.verdict, "delivered");
    assert.deepEqual(
      laboratory.delivery?.report().unverified.map(({ id }) => id),
      ["o"],
      "p sends before it returns",
    );
    assert.match(
      runtime.logs.map((entry) => String(entry.msg)).join("\n"),
      /\[test-one-argument \(o\)\] can't show when it has finished/u,
    );
  });

  it("fails what comes to a node that takes no messages", async () => {
    await start([fn("a", "return msg;", [["x"]]), { id: "x", type: "test-deaf" }]);
    source.deliver(1);
    await finished();
    assert.match(source.deadLetters[0]?.error.message ?? "", /takes no messages/u);
  });

  it("fails what a switch can't judge", async () => {
    await start([
      switchOn([{ t: "eq", v: "1", vt: "num" }], [["k"]], { property: "$error('broken')", propertyType: "jsonata" }),
      sink(),
    ]);
    source.deliver(1);
    await finished();
    assert.equal(source.outcomes.get(1)?.verdict, "dead-lettered");
    noneLeft();
  });

  it("counts what is sent after a record was finished as late, by node", async () => {
    await start([
      {
        id: "a",
        type: "trigger",
        op1: "1",
        op2: "2",
        op1type: "str",
        op2type: "str",
        duration: "50",
        extend: false,
        units: "ms",
        reset: "",
        bytopic: "all",
        topic: "topic",
        outputs: 1,
        wires: [["k"]],
      },
      sink(),
    ]);
    source.deliver(1);
    await finished();
    await until("the second message of the trigger", () => laboratory.at("k").length === 2, 5_000);
    assert.deepEqual(
      laboratory.delivery
        ?.report()
        .lateSends.filter(({ node }) => node.id === "a")
        .map(({ node, count }) => [node.id, count]),
      [["a", 1]],
    );
  });

  it("keeps records whose source is wired to nothing, until it is", async () => {
    await start([{ ...sink(), d: true, id: "a" }]);
    source.deliver(1);
    await until("several tries", () => (source.tries.get(1) ?? 0) > 3, 5_000);
    assert.equal(source.outcomes.size, 0);
  });

  it("acknowledges when only one of several wires leads to a disabled node", async () => {
    await start([fn("a", "return msg;", [["k", "off"]]), sink(), { ...sink("off"), d: true }]);
    source.deliver(1);
    await finished();
    assert.equal(source.outcomes.get(1)?.verdict, "delivered");
  });

  it("leaves messages without a token alone, even beside tracked ones", async () => {
    await start([
      fn("a", "return msg;", [["k"]]),
      fn("u", "await new Promise((r) => setTimeout(r, 5)); return msg;", [["k"]]),
      sink(),
    ]);
    for (let round = 0; round < 20; round += 1) {
      runtime.receive("u", { payload: "untracked" });
      source.deliver(round);
    }
    await finished(20);
    await until("all at the sink", () => laboratory.at("k").length === 40, 5_000);
    assert.equal(source.count("delivered"), 20);
    assert.equal(
      laboratory.at("k").filter((message) => message.payload === "untracked" && "_delivery" in message).length,
      0,
    );
  });
});
