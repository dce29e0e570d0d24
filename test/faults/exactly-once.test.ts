/**
 * Exactly once under kill -9 and a frozen process: numbered records flow kafka-in → function (two results of each) → delay
 * → two topics, and Kafka's own console consumer counts what a committed reader finds. CITYSTREAM_KILLS and
 * CITYSTREAM_BROKER_KILLS: how many.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { flowOf, until, type FlowNode } from "../harness";
import { startChild, type NodeRedChild } from "../harness/child";
import {
  clusterFor,
  clusterNode,
  committedOf,
  kafkaIn,
  kafkaOut,
  newTopic,
  record,
  unique,
  write,
  type Cluster,
} from "../lib/kafka/harness";
import { readCommittedByJava } from "../lib/kafka/java";

const PATIENCE = 180_000;

const place = { wires: [] as string[][] };

describe("exactly once under faults", function faults() {
  this.timeout(900_000);
  let cluster: Cluster;
  let folder: string;
  const children = new Set<NodeRedChild>();

  const start = async (name: string, flow: FlowNode[]): Promise<NodeRedChild> => {
    const userDir = path.join(folder, name);
    mkdirSync(userDir, { recursive: true });
    const flowFile = path.join(folder, `${name}.json`);
    writeFileSync(flowFile, JSON.stringify(flow));
    const child = await startChild({ userDir, flowFile });
    children.add(child);
    return child;
  };
  const kill = async (child: NodeRedChild): Promise<void> => {
    await child.kill9();
    children.delete(child);
  };
  const flowTo = (input: string, group: string, a: string, b: string): FlowNode[] =>
    flowOf(
      clusterNode(cluster.brokers),
      kafkaIn(input, group, {
        delivery: "exactlyOnce",
        transactionInterval: 60,
        transactionRecords: 200,
        drain: 2,
        deadLetterFolder: path.join(folder, "dead"),
        wires: [["f"]],
      }),
      {
        ...place,
        id: "f",
        type: "function",
        func: "return [[msg, { payload: msg.payload + 1000000 }], { payload: msg.payload + 2000000 }];",
        outputs: 2,
        wires: [["delay"], ["b"]],
      },
      {
        ...place,
        id: "delay",
        type: "delay",
        pauseType: "random",
        randomFirst: "1",
        randomLast: "40",
        randomUnits: "milliseconds",
        wires: [["a"]],
      },
      kafkaOut(a, { id: "a", wires: [[]] }),
      kafkaOut(b, { id: "b", wires: [[]] }),
    );
  const topics = async () => ({
    input: await newTopic(cluster.kafka, 2),
    a: await newTopic(cluster.kafka, 2),
    b: await newTopic(cluster.kafka, 1),
    group: unique("exact"),
  });
  const fill = (topic: string, from: number, to: number): Promise<unknown> =>
    write(
      cluster.kafka,
      Array.from({ length: to - from }, (_, n) => record(topic, from + n, { partition: n % 2 })),
    );
  /** What a committed reader finds, against what must be there: of each record two results in one topic, one in the other. */
  const exactly = async (a: string, b: string, count: number): Promise<void> => {
    const expected = new Set(
      [0, 1_000_000, 2_000_000].flatMap((kind) => Array.from({ length: count }, (_, n) => kind + n)),
    );
    // Behind the last result of each partition: were there one result too many, one of these would not be among the first.
    const ends = [record(a, -1, { partition: 0 }), record(a, -2, { partition: 1 }), record(b, -3, { partition: 0 })];
    await write(cluster.kafka, ends);
    const read = await readCommittedByJava(cluster.brokers, [a, b], expected.size + ends.length);
    const found = read.map(Number).filter((n) => n >= 0);
    const distinct = new Set(found);
    const counts = {
      sent: expected.size,
      arrived: found.length,
      missing: [...expected].filter((n) => !distinct.has(n)).length,
      repeated: found.length - distinct.size,
      invented: [...distinct].filter((n) => !expected.has(n)).length,
    };
    console.log(`      ${JSON.stringify(counts)}`);
    if (counts.missing > 0) {
      const lost = [...expected].filter((n) => !distinct.has(n));
      console.log(
        `      ends of partitions read: ${read.length - found.length} of ${ends.length}; missing: ${lost.join(" ")}`,
      );
    }
    assert.deepEqual(counts, { sent: expected.size, arrived: expected.size, missing: 0, repeated: 0, invented: 0 });
    assert.equal(read.length - found.length, ends.length, "the ends of all partitions were read");
  };

  before(async function services() {
    cluster = await clusterFor(this, true);
    folder = mkdtempSync(path.join(tmpdir(), "citystream-exactly-"));
  });
  afterEach(async () => {
    await Promise.all([...children].map(kill));
  });
  after(async () => {
    await cluster?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const kills = Number(process.env["CITYSTREAM_KILLS"] ?? 3);
  it(`each result is there once after ${kills} kills -9`, async () => {
    const { input, a, b, group } = await topics();
    const count = 1500 * (kills + 1);
    await fill(input, 0, count);
    const flow = flowTo(input, group, a, b);
    const committed = (): Promise<number> => committedOf(cluster.kafka, group, input);
    let before = 0;
    for (let killed = 1; killed <= kills; killed++) {
      const child = await start("killed", flow);
      const goal = Math.min(count - 1, before + 700 + Math.floor(Math.random() * 700));
      await until(
        `${goal} records committed, after ${before}`,
        async () => (await committed()) >= goal,
        PATIENCE,
        committed,
      );
      // Anywhere in a transaction.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
      await kill(child);
      const now = await committed();
      assert.ok(now >= before, `the committed offset moved back from ${before} to ${now}`);
      before = now;
    }
    const child = await start("killed", flow);
    await until("everything committed", async () => (await committed()) === count, PATIENCE, committed);
    await child.stop();
    children.delete(child);
    await exactly(a, b, count);
  });

  it("a process that was frozen while its partitions moved can neither write nor commit when it goes on", async () => {
    const { input, a, b, group } = await topics();
    const count = 6000;
    await fill(input, 0, count);
    const flow = flowTo(input, group, a, b);
    const committed = (): Promise<number> => committedOf(cluster.kafka, group, input);
    const frozen = await start("frozen", flow);
    await until("some committed", async () => (await committed()) >= 500, PATIENCE, committed);
    frozen.process.kill("SIGSTOP");
    const stopped = await committed();
    assert.ok(stopped < count, "frozen before the end");
    await start("heir", flow);
    await until("the heir goes on", async () => (await committed()) >= stopped + 500, PATIENCE, committed);
    frozen.process.kill("SIGCONT");
    await until("everything committed", async () => (await committed()) === count, PATIENCE, committed);
    // Records that come later show that both work on, in one group.
    await fill(input, count, count + 1000);
    await until("the rest committed", async () => (await committed()) === count + 1000, PATIENCE, committed);
    await exactly(a, b, count + 1000);
  });

  const brokerKills = Number(process.env["CITYSTREAM_BROKER_KILLS"] ?? 1);
  it("a broker that is killed in the middle of transactions and comes back costs and repeats nothing", async () => {
    const { input, a, b, group } = await topics();
    const count = 1000 + 3000 * brokerKills;
    await fill(input, 0, count);
    const committed = (): Promise<number> => committedOf(cluster.kafka, group, input);
    await start("broker", flowTo(input, group, a, b));
    for (let killed = 0; killed < brokerKills; killed++) {
      const goal = (await committed()) + 400;
      await until("some committed", async () => (await committed()) >= goal, PATIENCE, committed);
      // Anywhere in a transaction.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
      await cluster.service.kill9();
      await cluster.service.start();
    }
    await until("everything committed", async () => (await committed().catch(() => 0)) === count, PATIENCE, committed);
    await exactly(a, b, count);
  });
});
