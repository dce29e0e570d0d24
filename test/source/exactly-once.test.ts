/** kafka in, exactly once: what a committed reader finds in Kafka after flows that split, fail, repeat and time out. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { flowOf, nodeRed, until, type FlowNode, type Harness } from "../harness";
import {
  clusterFor,
  clusterNode,
  collect,
  committedOf,
  kafkaIn,
  kafkaOut,
  newTopic,
  readAll,
  record,
  unique,
  write,
  type Cluster,
} from "../lib/kafka/harness";

const fn = (id: string, func: string, wires: string[][], more: object = {}): FlowNode => ({
  id,
  type: "function",
  func,
  outputs: wires.length,
  wires,
  ...more,
});

const join = (count: number): FlowNode => ({
  id: "join",
  type: "join",
  mode: "custom",
  build: "array",
  property: "payload",
  propertyType: "msg",
  count: String(count),
  joiner: "\\n",
  joinerType: "str",
  wires: [["out"]],
});

describe("kafka in, exactly once", function exactlyOnce() {
  this.timeout(240_000);
  let cluster: Cluster;
  let red: Harness;
  let folder: string;

  const values = async (topic: string): Promise<unknown[]> =>
    (await readAll(cluster.kafka, topic)).map(({ value }) => JSON.parse(String(value)) as unknown);
  const sorted = (list: readonly unknown[]): unknown[] => list.toSorted((a, b) => Number(a) - Number(b));
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
  const fill = (topic: string, count: number, partitions = 1): Promise<unknown> =>
    write(
      cluster.kafka,
      numbers(count).map((n) => record(topic, n, { partition: n % partitions })),
    );
  const exact = (topic: string, group: string, more: Record<string, unknown> = {}): FlowNode =>
    kafkaIn(topic, group, { delivery: "exactlyOnce", deadLetterFolder: folder, wires: [["f"]], ...more });
  const deploy = async (...nodes: FlowNode[]): Promise<void> => {
    red.logs.length = 0;
    await red.deploy(flowOf(clusterNode(cluster.brokers), ...nodes));
  };
  const committed = (group: string, topic: string, offset: number): Promise<void> =>
    until(
      `group has committed ${offset}`,
      async () => (await committedOf(cluster.kafka, group, topic)) === offset,
      60_000,
      async () => [await committedOf(cluster.kafka, group, topic), red.logs.slice(-5).map(({ msg }) => String(msg))],
    );
  /** A transaction's end reaches its partitions one after the other: so wait for as many, then for those alone. */
  const holds = async (topic: string, expected: readonly unknown[]): Promise<void> => {
    let found: unknown[] = [];
    await until(
      `${topic} holds ${expected.length} records`,
      async () => (found = await values(topic)).length >= expected.length,
      60_000,
      () => found.slice(0, 20),
    );
    assert.deepEqual(sorted(found), sorted(expected));
  };
  const names = async (partitions = 1) => ({
    input: await newTopic(cluster.kafka, partitions),
    output: await newTopic(cluster.kafka, partitions),
    group: unique("group"),
  });

  before(async function services() {
    cluster = await clusterFor(this);
    red = await nodeRed();
  });
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-exact-"));
  });
  afterEach(async () => {
    await red?.deploy([]);
    rmSync(folder, { recursive: true, force: true });
  });
  after(() => cluster?.close());

  it("commits results of two topics and the offsets together", async () => {
    const { input, output, group } = await names(2);
    const second = await newTopic(cluster.kafka);
    await fill(input, 1000, 2);
    await deploy(
      exact(input, group),
      fn("f", "return [[msg, { payload: msg.payload + 5000 }], { payload: msg.payload * 10 }];", [["out"], ["second"]]),
      kafkaOut(output, { wires: [[]] }),
      kafkaOut(second, { id: "second", wires: [[]] }),
    );
    await committed(group, input, 1000);
    await holds(output, sorted(numbers(1000).flatMap((n) => [n, n + 5000])));
    await holds(
      second,
      numbers(1000).map((n) => n * 10),
    );
  });

  it("undoes everything of a unit when a branch fails after another has written, and sends it again", async () => {
    const { input, output, group } = await names();
    await fill(input, 50);
    await deploy(
      exact(input, group),
      fn("f", "if (msg.payload !== 30) return [msg, null]; return [msg, msg];", [["out"], ["late"]]),
      {
        id: "late",
        type: "delay",
        pauseType: "delay",
        timeout: "200",
        timeoutUnits: "milliseconds",
        wires: [["fails"]],
      },
      fn("fails", "const n = context.get('n') ?? 0; context.set('n', n + 1); if (n < 2) throw new Error('not yet');", [
        [],
      ]),
      kafkaOut(output, { wires: [["stored"]] }),
      collect("stored"),
    );
    await committed(group, input, 50);
    await holds(output, numbers(50));
    assert.ok(red.collected("stored").length >= 150, `${red.collected("stored").length} were written, in three tries`);
    assert.deepEqual(readdirSync(folder), []);
  });

  for (const mode of ["record", "batch"] as const)
    it(`leaves of a record that failed for good a dead letter and no results, in ${mode} mode`, async () => {
      const { input, output, group } = await names();
      const dead = unique("dead");
      await fill(input, 20);
      // In batch mode kafka out itself names the element: the others of its batch are written, and undone.
      const flow =
        mode === "record"
          ? [
              fn("f", "return [msg, msg];", [["out"], ["fails"]]),
              fn("fails", "if (msg.payload === 7) throw new Error('never'); return null;", [[]]),
            ]
          : [
              fn("f", `for (const one of msg.payload) if (one.payload !== 7) one.topic = "${output}"; return msg;`, [
                ["out"],
              ]),
            ];
      await deploy(
        exact(input, group, { mode, deadLetterTopic: dead, attempts: 2 }),
        ...flow,
        kafkaOut(mode === "record" ? output : "", { wires: [[]] }),
      );
      await committed(group, input, 20);
      let [found, letters]: unknown[][] = [[], []];
      await until(
        "every record is written or a dead letter",
        async () => {
          [found, letters] = [await values(output), await values(dead)];
          return found.length + letters.length >= 20;
        },
        60_000,
        () => ({ found, letters }),
      );
      assert.deepEqual(sorted([...(found ?? []), ...(letters ?? [])]), numbers(20));
      assert.deepEqual(letters, [7]);
    });

  it("waits for a server that is away without asking it for each record, and commits once it is back", async () => {
    const { input, output, group } = await names();
    await fill(input, 300);
    let [up, asked] = [false, 0];
    const server = http.createServer((request, response) => {
      asked += 1;
      if (up) response.end();
      else request.socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      await deploy(
        exact(input, group, { breakerFailures: 5, breakerPause: 0.3, initialDelay: 20, maxDelay: 100, attempts: 2 }),
        fn("f", "return [msg, msg];", [["out"], ["store"]]),
        kafkaOut(output, { wires: [[]] }),
        {
          id: "store",
          type: "http request",
          name: "store",
          method: "GET",
          ret: "txt",
          paytoqs: "ignore",
          senderr: true,
          url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
          wires: [[]],
        },
      );
      const isAway = (): boolean => / store, \d\d:\d\d:\d\d$/u.test(red.status("in")?.text ?? "");
      await until("the source names the node", isAway, 60_000, () => red.status("in"));
      // Without a pause each try would ask for all 300.
      const before = asked;
      await until("ten more tries", () => asked >= before + 10, 60_000);
      await until("it still waits", isAway, 60_000, () => red.status("in"));
      assert.equal(await committedOf(cluster.kafka, group, input), 0);
      assert.deepEqual(await values(output), []);
      up = true;
      await committed(group, input, 300);
      await holds(output, numbers(300));
      assert.deepEqual(readdirSync(folder), []);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it("puts what can't be decoded among the dead letters of the same transaction", async () => {
    const { input, output, group } = await names();
    const dead = unique("dead");
    await write(cluster.kafka, [record(input, 1), record(input, Buffer.from("{broken")), record(input, 2)]);
    await deploy(
      exact(input, group, { deadLetterTopic: dead }),
      fn("f", "return msg;", [["out"]]),
      kafkaOut(output, { wires: [[]] }),
    );
    await committed(group, input, 3);
    await holds(output, [1, 2]);
    assert.equal((await readAll(cluster.kafka, dead))[0]?.value?.toString(), "{broken");
  });

  it("does not write what outlives its try: the message, a clone of it, a new message", async () => {
    const { input, output, group } = await names();
    await fill(input, 1);
    // The first try rests in the function until it has timed out, and then sends in each way there is.
    await deploy(
      exact(input, group, { timeout: 1, transactionTimeout: 30 }),
      fn(
        "f",
        `const n = context.get('n') ?? 0; context.set('n', n + 1);
         if (n > 0) { node.send(msg); node.done(); return null; }
         setTimeout(() => { node.send({ payload: 'new' }); node.send(RED.util.cloneMessage(msg)); msg.payload = 'late'; node.send(msg); node.done(); }, 4000);
         return null;`,
        [["out"]],
      ),
      kafkaOut(output, { wires: [[]] }),
    );
    await committed(group, input, 1);
    await until(
      "the late ones were refused",
      () => red.logs.filter(({ msg }) => /must be written exactly once/.test(String(msg))).length >= 3,
      30_000,
    );
    await holds(output, [0]);
  });

  it("commits what was joined of records that were read together", async () => {
    const { input, output, group } = await names();
    await fill(input, 6);
    await deploy(
      exact(input, group, { transactionInterval: 1000 }),
      fn("f", "return msg;", [["join"]]),
      join(6),
      kafkaOut(output, { wires: [[]] }),
    );
    await committed(group, input, 6);
    await holds(output, [numbers(6)]);
  });

  it("refuses what was joined over partitions, and says why", async () => {
    const { input, output, group } = await names(2);
    await fill(input, 2, 2);
    await deploy(
      exact(input, group, { attempts: 2, transactionInterval: 20 }),
      fn("f", "return msg;", [["join"]]),
      join(2),
      kafkaOut(output, { wires: [[]] }),
    );
    await until(
      "the error says so",
      () => red.logs.some(({ msg }) => /were put together: exactly once holds for each partition/.test(String(msg))),
      60_000,
    );
    await committed(group, input, 2);
    assert.deepEqual(await values(output), []);
  });

  it("lets what is in the flow finish when it is closed, and leaves the rest undone", async () => {
    const { input, output, group } = await names();
    await fill(input, 5);
    await deploy(
      exact(input, group, { drain: 1 }),
      fn("f", "return msg;", [["got"]]),
      collect("got", true),
      kafkaOut(output),
    );
    await red.arrived("got", 5);
    for (const { done } of red.collected("got").slice(0, 3)) done();
    await red.deploy([]);
    assert.equal(await committedOf(cluster.kafka, group, input), 0);
    await deploy(exact(input, group), fn("f", "return msg;", [["out"]]), kafkaOut(output, { wires: [[]] }));
    await committed(group, input, 5);
    await holds(output, numbers(5));
  });
});
