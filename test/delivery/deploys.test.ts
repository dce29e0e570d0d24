/** Deploys while records are under way: none is lost, none is acknowledged for a node that was closed over it. */
import assert from "node:assert/strict";
import { until, type DeploymentType, type FlowNode, type Harness } from "../harness";
import { delay, fn, join, sink } from "./builders";
import { flowOf } from "./flow";
import { laboratory, runtimeWithTestNodes } from "./nodes";

describe("deploys under the delivery ledger", () => {
  let runtime: Harness;
  before(async () => {
    runtime = await runtimeWithTestNodes();
  });
  beforeEach(() => laboratory.reset());
  after(() => runtime.deploy([]));

  const reached = (id = "k"): Set<unknown> =>
    new Set(laboratory.at(id).flatMap(({ payload }) => payload as number | number[]));

  /** Delivers steadily, deploys `changed` on the way several times, and finds every acknowledged record at the sink. */
  const deployUnderLoad = async (
    type: DeploymentType,
    flow: (round: number) => FlowNode[],
    total = 400,
  ): Promise<void> => {
    await runtime.deploy(flowOf(flow(0)));
    const source = laboratory.source("s");
    const early: number[] = [];
    laboratory.onFinished = (record, verdict) => {
      if (verdict === "delivered" && !reached().has(record)) early.push(record);
    };
    let next = 0;
    const abandoned = new Set<number>();
    const feed = (): void => {
      if (!source.running || source.source === undefined) return;
      // What a closed source had to abandon comes again, as a broker would bring it.
      for (const [id, { verdict }] of source.outcomes) if (verdict === "abandoned") abandoned.add(id);
      for (const id of abandoned) {
        source.outcomes.delete(id);
        abandoned.delete(id);
        source.deliver(id);
      }
      for (let burst = 0; burst < 5 && next < total; burst += 1) source.deliver((next += 1));
    };
    const feeding = setInterval(feed, 5);
    try {
      for (let round = 1; round <= 6; round += 1) {
        await new Promise((resolve) => setTimeout(resolve, 40));
        await runtime.deploy(flowOf(flow(round)), type);
      }
      await until("all records delivered", () => next === total && source.count("delivered") === total, 20_000).catch(
        (error: Error) => {
          throw new Error(
            `${error.message}: ${source.count("delivered")} of ${total}, ${JSON.stringify(laboratory.delivery?.report())}, ${JSON.stringify([...source.outcomes.values()].find(({ verdict }) => verdict === "dead-lettered"))}`,
          );
        },
      );
    } finally {
      clearInterval(feeding);
    }
    assert.deepEqual(early, [], "acknowledged before they reached the sink");
    assert.equal(reached().size, total);
    assert.equal(laboratory.delivery?.report().tokens, 0);
  };

  const changing = (round: number): FlowNode => fn("a", `return msg; // ${round}`, [["d"]]);
  const waiting: FlowNode = { ...delay({ pauseType: "random", randomFirst: "1", randomLast: "60" }), id: "d" };

  for (const type of ["full", "flows", "nodes"] as const) {
    it(`loses nothing in ${type} deploys while a delay holds records`, () =>
      deployUnderLoad(type, (round) => [changing(round), waiting, sink()]));

    it(`loses nothing in ${type} deploys of the node that holds them`, () =>
      deployUnderLoad(type, (round) => [
        fn("a", "return msg;", [["d"]]),
        { ...waiting, randomLast: String(60 + round) },
        sink(),
      ]));

    it(`loses nothing in ${type} deploys while a join holds records`, () =>
      deployUnderLoad(type, (round) => [
        fn("a", "return msg;", [["j"]]),
        join({ timeout: "0.03", name: `join ${round}` }),
        sink(),
      ]));
  }

  it("loses nothing of what a join sends while its destination is being deployed", () =>
    deployUnderLoad("nodes", (round) => [
      fn("a", "return msg;", [["j"]]),
      join({ timeout: "0.003" }),
      { ...sink(), name: `sink ${round}` },
    ]));

  it("loses nothing that is sent to a subflow which is being built", () =>
    deployUnderLoad("nodes", (round) => [
      {
        id: "sub",
        type: "subflow",
        name: "sub",
        in: [{ wires: [{ id: "sf" }] }],
        out: [{ wires: [{ id: "sf", port: 0 }] }],
      },
      { ...fn("sf", `return msg; // ${round}`, [[]]), z: "sub" },
      { ...waiting, id: "a", wires: [["i"]] },
      { id: "i", type: "subflow:sub", wires: [["k"]] },
      sink(),
    ]));

  it("loses nothing when the source itself is deployed", () =>
    deployUnderLoad("nodes", (round) => [
      { id: "s", type: "test-source", name: `source ${round}`, wires: [["a"]] },
      fn("a", "return msg;", [["d"]]),
      waiting,
      sink(),
    ]));

  it("loses nothing when wires change", () =>
    deployUnderLoad("nodes", (round) => [
      {
        id: "a",
        type: "switch",
        property: "payload",
        propertyType: "msg",
        rules: [{ t: "else" }],
        checkall: "true",
        repair: false,
        outputs: 1,
        wires: [[round % 2 ? "d" : "e"]],
      },
      waiting,
      { ...waiting, id: "e" },
      sink(),
    ]));

  it("waits when the source closes for what nodes that stay are still doing", async () => {
    const flow = (name: string): FlowNode[] => [
      { id: "s", type: "test-source", name, drain: 2_000, wires: [["a"]] },
      delay({ timeout: "150" }),
      sink(),
    ];
    await runtime.deploy(flowOf(flow("before")));
    const source = laboratory.source("s");
    source.deliver(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await runtime.deploy(flowOf(flow("after")), "nodes");
    assert.equal(source.outcomes.get(1)?.verdict, "delivered");
  });

  it("abandons at once what closed with the source, however long it may wait", async () => {
    const flow = [{ id: "s", type: "test-source", drain: 10_000, wires: [["a"]] }, delay({ timeout: "5000" }), sink()];
    await runtime.deploy(flowOf(flow));
    const source = laboratory.source("s");
    source.deliver(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const begun = performance.now();
    await runtime.deploy(flowOf(flow), "full");
    assert.ok(performance.now() - begun < 3_000);
    assert.equal(source.outcomes.get(1)?.verdict, "abandoned");
  });

  it("waits for what a join has put into a message of a source that was deployed meanwhile", async () => {
    const flow = (name: string): FlowNode[] => [
      { id: "s", type: "test-source", wires: [["j"]] },
      { id: "s2", type: "test-source", name, wires: [["a"]] },
      delay({ timeout: "100" }, [["j"]]),
      join({ count: "2" }),
      sink(),
    ];
    await runtime.deploy(flowOf(flow("before")));
    const finish: (() => void)[] = [];
    laboratory.sink = (_id, _message, done) => void finish.push(done);
    const [stays, closes] = [laboratory.source("s"), laboratory.source("s2")];
    closes.deliver(2);
    stays.deliver(1);
    await runtime.deploy(flowOf(flow("after")), "nodes");
    assert.equal(closes.outcomes.get(2)?.verdict, "abandoned");
    await until("what was joined", () => finish.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(stays.outcomes.size, 0, "the sink has not finished");
    finish[0]?.();
    await until("delivered", () => stays.outcomes.get(1)?.verdict === "delivered");
  });

  it("sends nothing before flows have started or while they stop", async () => {
    const seen: boolean[] = [];
    laboratory.options = { onFlows: (running) => seen.push(running) };
    await runtime.deploy(
      flowOf([{ id: "s", type: "test-source", wires: [["a"]] }, fn("a", "return msg;", [["k"]]), sink()]),
    );
    assert.deepEqual(seen, [true]);
    const { source } = laboratory.source("s");
    await runtime.deploy([]);
    assert.deepEqual(seen, [true, false]);
    assert.throws(
      () => source?.deliver({ records: 1, bytes: 1, message: () => ({}) }, () => undefined),
      /flows are not running/u,
    );
  });

  it("adds its hooks with the first source and leaves nothing behind with the last", async () => {
    const { hooks } = runtime.RED as unknown as { hooks: { has(name: string): boolean; trigger: unknown } };
    const flow = flowOf([
      fn("a", "return msg;", [["w"]]),
      {
        id: "w",
        type: "switch",
        property: "payload",
        propertyType: "msg",
        rules: [{ t: "else" }],
        checkall: "true",
        outputs: 1,
        wires: [["k"]],
      },
      sink(),
    ]);
    await runtime.deploy([]);
    const { trigger } = hooks;
    await runtime.deploy(flow);
    assert.notEqual(hooks.trigger, trigger);
    assert.equal(hooks.has("onSend"), false, "missing destinations are watched for only while flows are not started");
    const source = laboratory.source("s");
    source.deliver(1);
    await until("delivered", () => source.outcomes.size === 1);
    const instances = ["a", "w", "k"].map((id) => runtime.node(id));
    assert.ok(instances.every((node) => Object.hasOwn(node, "error")));
    assert.ok(Object.hasOwn(instances[1] as object, "updateWires"));
    assert.equal(
      Object.getOwnPropertyDescriptor(instances[1], "send")?.get,
      undefined,
      "the switch has no accessor, which would make all its properties slow",
    );
    await runtime.deploy(
      flow.filter(({ id }) => id !== "s"),
      "nodes",
    );
    for (const name of ["onSend", "preDeliver", "onReceive", "onComplete"]) assert.equal(hooks.has(name), false, name);
    assert.equal(hooks.trigger, trigger);
    assert.deepEqual(
      instances.map((node) => ["error", "warn", "updateWires"].some((name) => Object.hasOwn(node, name))),
      [false, false, false],
    );
    assert.equal(
      typeof Object.getOwnPropertyDescriptor(instances[1], "send")?.value,
      "function",
      "the switch has its own send again",
    );
    runtime.receive("w", { payload: "untracked" });
    await until("the untracked message", () => laboratory.at("k").some(({ payload }) => payload === "untracked"));
  });
});
