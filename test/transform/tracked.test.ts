/** The transforms under the delivery ledger: what a source learns of its records. */
import assert from "node:assert/strict";
import { flowOf } from "../harness";
import type { FlowNode } from "../harness";
import { laboratory, runtimeWithTestNodes, type SourceRecord } from "../delivery/nodes";

const GOOD = {
  device_id: "s",
  status: 0,
  time: 1_488_322_800,
  lat: 35,
  lon: 129,
  temp: 20,
  light: 1,
  alcohol_gas: 1,
  co_gas: 1,
  dust: 1,
};

const chain = (...between: FlowNode[]) =>
  flowOf(
    { id: "s", type: "test-source", wires: [[between[0]?.id ?? "k"]] },
    ...between,
    { id: "k", type: "test-sink" },
    { id: "k2", type: "test-sink" },
  );
const check = (refused: string[]): FlowNode => ({
  id: "check",
  type: "citystream-sensor-check",
  wires: [["weigh"], refused],
});
const weigh: FlowNode = { id: "weigh", type: "citystream-priority-weigher", wires: [["k"], ["k2"]] };

/** A batch of ten records with coordinates; every third breaks a mandatory rule. */
const batch = (id: number) =>
  Array.from({ length: 10 }, (_, i) => ({
    payload: { ...GOOD, device_id: i % 3 === 2 ? "" : `s-${i}`, temp: 20 + 10 * id },
    timestamp: id * 1000,
    source: { kind: "test", offset: id * 10 + i },
  }));

/** Delivers a batch as sources do: a retry sends only the elements that are named. */
function deliverBatch(source: SourceRecord, id: number): void {
  const all = batch(id);
  source.source?.deliver(
    {
      records: all.length,
      bytes: 100,
      message: (elements) => ({ payload: elements?.map((index) => all[index]) ?? all }),
    },
    (verdict, failure) => source.outcomes.set(id, { verdict, failure }),
  );
}

describe("sensor-check and priority-weigher under the ledger", () => {
  beforeEach(() => laboratory.reset());

  it("finish a batch at its source when both lanes of it are done, and only then", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(chain(check(["k2"]), weigh));
    const source = laboratory.source("s");
    const open: (() => void)[] = [];
    laboratory.sink = (_id, _message, done) => void open.push(done);
    source.deliver(0, batch);
    source.deliver(1, batch);
    // Ordinary and refused records of both batches, and the urgent ones of the second.
    await red.until("all lanes are reached", () => open.length === 4);
    assert.equal(source.outcomes.size, 0);
    open.slice(0, -1).forEach((done) => done());
    await red.until("one is finished", () => source.outcomes.size === 1);
    open.at(-1)?.();
    await red.until("both are finished", () => source.count("delivered") === 2);
    assert.equal(laboratory.delivery?.report().tokens, 0);
  });

  it("give exactly the refused records of a batch to the dead letters where no wire takes them", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(chain(check([]), weigh));
    const source = laboratory.source("s");
    deliverBatch(source, 0);
    await red.until("it is finished", () => source.outcomes.size === 1);
    assert.equal(source.outcomes.get(0)?.verdict, "dead-lettered");
    const dead = source.deadLetters.flatMap(({ message }) => message.payload as { source: { offset: number } }[]);
    assert.deepEqual(
      dead.map((element) => element.source.offset),
      [2, 5, 8],
    );
    assert.match(source.deadLetters[0]?.error.message ?? "", /device_id = "" has length 0/);
    const arrived = laboratory.at("k2").flatMap((message) => message.payload as { source: { offset: number } }[]);
    assert.deepEqual(
      arrived.map((element) => element.source.offset),
      [0, 1, 3, 4, 6, 7, 9],
    );
  });

  it("weigh a record that is tried again as they did at first", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(chain(weigh));
    const source = laboratory.source("s");
    let tries = 0;
    laboratory.sink = (id, _message, done) => done(id === "k" && ++tries < 3 ? new Error("not yet") : undefined);
    source.deliver(0, batch);
    source.deliver(1, batch);
    await red.until("both are delivered", () => source.count("delivered") === 2);
    assert.equal(tries, 3);
    const priorities = laboratory
      .at("k")
      .map((message) => (message.payload as { priority: number }[]).map((e) => e.priority));
    assert.deepEqual(priorities[0]?.slice(0, 2), [5, 5]);
    assert.deepEqual(priorities[1], priorities[0]);
    assert.deepEqual(priorities[2], priorities[0]);
  });
});
