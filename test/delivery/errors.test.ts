/** Errors in a flow, in a real Node-RED: tried again, caught, dead-lettered. */
import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { Outage } from "../../nodes/lib/delivery/contract";
import { BatchFailure, Retriable } from "../../nodes/lib/errors";
import { until, type FlowNode, type Harness } from "../harness";
import { change, delay, fn, sink } from "./builders";
import { flowOf } from "./flow";
import { laboratory, runtimeWithTestNodes, type SourceRecord } from "./nodes";

describe("failures under the delivery ledger", () => {
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

  it("tries again what a node reports by done(error), then dead-letters it with the node's name", async () => {
    await start([fn("a", "throw new Error('no such sensor');", [["k"]], { name: "lookup" }), sink()]);
    source.deliver(1);
    await finished();
    assert.equal(source.deadLetters[0]?.attempts, 3);
    assert.equal(source.outcomes.get(1)?.verdict, "dead-lettered");
    assert.equal(source.outcomes.get(1)?.failure?.node?.name, "lookup");
    assert.match(source.deadLetters[0]?.error.message ?? "", /no such sensor/u);
    noneLeft();
  });

  it("delivers what fails once and succeeds then", async () => {
    await start([
      fn(
        "a",
        "const n = context.get('n') ?? 0; context.set('n', n + 1); if (n === 0) throw new Error('first'); return msg;",
        [["k"]],
      ),
      sink(),
    ]);
    source.deliver(1);
    await finished();
    assert.equal(source.outcomes.get(1)?.verdict, "delivered");
    assert.equal(source.tries.get(1), 2);
  });

  it("fails what a handler throws without a done, after the grace time", async () => {
    await start([fn("a", "return msg;", [["x"]]), { id: "x", type: "test-throws" }]);
    source.deliver(1);
    await finished();
    assert.equal(source.outcomes.get(1)?.verdict, "dead-lettered");
    assert.match(source.deadLetters[0]?.error.message ?? "", /thrown at once/u);
    noneLeft();
  });

  it("fails what a node reports by node.error and then completes cleanly", async () => {
    await start([
      { id: "a", type: "file in", filename: "/nowhere/at/all", filenameType: "str", format: "utf8", wires: [["k"]] },
      sink(),
    ]);
    source.deliver(1);
    await finished();
    assert.equal(source.outcomes.get(1)?.verdict, "dead-lettered");
    assert.match(source.deadLetters[0]?.error.message ?? "", /ENOENT/u);
    noneLeft();
  });

  it("waits for the server of a core http request, which counts no try, and pauses the source meanwhile", async () => {
    const server = http.createServer((_request, response) => response.end("stored"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const outages: (Outage | undefined)[] = [];
    const url = `http://127.0.0.1:${port}/`;
    const request = { type: "http request", method: "GET", ret: "txt", paytoqs: "ignore", senderr: true };
    await start([{ ...request, id: "a", name: "store", url, wires: [["k"]] }, sink()], {
      breaker: { failures: 5, pause: 100 },
      onOutage: (outage) => outages.push(outage),
    });
    try {
      for (let id = 1; id <= 20; id += 1) source.deliver(id);
      // Far more than the three tries that this source has for what fails otherwise.
      await until("ten probes", () => outages.length >= 10, 60_000);
      assert.equal(outages[0]?.node.name, "store");
      assert.match(outages[0]?.error.message ?? "", /ECONNREFUSED/u);
      assert.equal(source.outcomes.size, 0);
      await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
      await until("all delivered", () => source.count("delivered") === 20, 60_000);
      assert.deepEqual(source.deadLetters, []);
      assert.equal(outages.at(-1), undefined);
      noneLeft();
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it("acknowledges a caught error only when the catch branch has finished", async () => {
    await start([
      fn("a", "node.error('handled elsewhere', msg); return null;", [["k"]]),
      { id: "c", type: "catch", scope: ["a"], uncaught: false, wires: [["d"]] },
      { ...delay({ timeout: "150" }), id: "d" },
      sink(),
    ]);
    let atTheSink = -1;
    laboratory.onFinished = () => (atTheSink = laboratory.at("k").length);
    source.deliver(1);
    await finished();
    assert.equal(atTheSink, 1);
    assert.equal(source.outcomes.get(1)?.verdict, "delivered");
    noneLeft();
  });

  it("fails a caught error whose catch branch fails", async () => {
    await start([
      fn("a", "throw new Error('first');", [["k"]]),
      { id: "c", type: "catch", scope: ["a"], uncaught: false, wires: [["b"]] },
      fn("b", "throw new Error('second');", [["k"]]),
      sink(),
    ]);
    source.deliver(1);
    await finished();
    assert.equal(source.outcomes.get(1)?.verdict, "dead-lettered");
    assert.match(source.deadLetters[0]?.error.message ?? "", /second/u);
  });

  it("fails the record when one of several branches fails, after the others have finished", async () => {
    let done = 0;
    laboratory.sink = (_id, _message, end) => setTimeout(() => end(void (done += 1)), 50);
    laboratory.onFinished = () => assert.equal(done, 3);
    await start([fn("a", "return msg;", [["k", "b"]]), fn("b", "throw new Error('b');", [[]]), sink()]);
    source.deliver(1);
    await finished();
    assert.equal(source.outcomes.get(1)?.verdict, "dead-lettered");
  });

  it("fails a joined message's records together", async () => {
    laboratory.sink = (_id, _message, done) => done(new Error("the store refused"));
    await start([
      fn("a", "return msg;", [["j"]]),
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
      sink(),
    ]);
    for (const id of [1, 2, 3]) source.deliver(id);
    await finished(3);
    assert.equal(source.count("dead-lettered"), 3);
    noneLeft();
  });

  it("tries and dead-letters only the elements of a batch that a sink names", async () => {
    laboratory.sink = (_id, message, done) => {
      const payload = message.payload as { source: { offset: number } }[];
      const elements = payload.flatMap((each, index) =>
        each.source.offset === 2 ? [{ index, error: new Error("bad point") }] : [],
      );
      done(elements.length > 0 ? new BatchFailure("1 of the batch", elements) : undefined);
    };
    await start([change([{ t: "set", p: "seen", pt: "msg", to: "1", tot: "num" }]), sink()]);
    source.source?.deliver(
      {
        records: 4,
        bytes: 4,
        message: (elements = [0, 1, 2, 3]) => ({
          payload: elements.map((offset) => ({ payload: offset, source: { kind: "kafka", offset } })),
        }),
      },
      (verdict, failure) => source.outcomes.set(1, { verdict, failure }),
    );
    await finished();
    assert.deepEqual(
      laboratory.at("k").map((message) => (message.payload as unknown[]).length),
      [4, 1, 1],
    );
    assert.equal(source.deadLetters.length, 1);
    assert.deepEqual(
      source.outcomes.get(1)?.failure?.elements?.map((each) => each.index),
      [2],
    );
  });

  it("waits for a server out of reach without using up tries", async () => {
    let away = 8;
    laboratory.sink = (_id, _message, done) => {
      away -= 1;
      done(away < 0 ? undefined : new Retriable("no route", { unreachable: true }));
    };
    await start([change([]), sink()]);
    source.deliver(1);
    await finished();
    assert.equal(source.outcomes.get(1)?.verdict, "delivered");
    assert.equal(source.tries.get(1), 9);
  });
});
