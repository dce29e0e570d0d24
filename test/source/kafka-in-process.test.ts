/** kafka in in a process of its own, which is killed. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { decodeDeadLetter } from "../../nodes/lib/delivery/dead-letter-format";
import { flowOf, until } from "../harness";
import { startChild } from "../harness/child";
import {
  clusterFor,
  clusterNode,
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
import { temporaryFolder } from "../lib/lake/stores";

describe("kafka in, in a process that is killed", () => {
  let cluster: Cluster;
  before(async function services() {
    cluster = await clusterFor(this);
  });
  after(() => cluster?.close());
  /** How many records a topic has, of producers without transactions. */
  const sizeOf = async (topic: string): Promise<number> =>
    (await cluster.kafka.offsets(topic)).reduce((sum, { low, high }) => sum + high - low, 0);

  const stored = async (topic: string): Promise<number[]> =>
    (await readAll(cluster.kafka, topic)).map(({ value }) => Number(value?.toString()));

  it("goes on as soon as it is started again, long before its session has ended", async function restart() {
    this.timeout(300_000);
    const [topic, out] = [await newTopic(cluster.kafka), await newTopic(cluster.kafka)];
    const folder = temporaryFolder();
    const flowFile = path.join(folder, "flow.json");
    const flow = flowOf(
      clusterNode(cluster.brokers),
      // Only the member's name can bring the partition back within this test.
      kafkaIn(topic, unique("group"), { sessionTimeout: 290, wires: [["out"]] }),
      kafkaOut(out, { wires: [[]] }),
    );
    writeFileSync(flowFile, JSON.stringify(flow));
    for (const round of [1, 2]) {
      await write(cluster.kafka, [record(topic, round)]);
      const child = await startChild({ userDir: folder, flowFile });
      const started = Date.now();
      try {
        // The one before may come again: it may have been killed before it was committed.
        await until(`record ${round} is through`, async () => (await stored(out)).includes(round), 120_000);
        console.log(`      round ${round}: through within ${Date.now() - started} ms of the start`);
      } finally {
        await child.kill9();
      }
    }
  });

  it("at most once: none comes twice over kills, what is missing was committed, and what fails is not sent again", async function once() {
    this.timeout(300_000);
    const COUNT = 6000;
    const [topic, out] = [await newTopic(cluster.kafka), await newTopic(cluster.kafka)];
    const group = unique("group");
    const folder = temporaryFolder();
    const letters = path.join(folder, "letters");
    const flowFile = path.join(folder, "flow.json");
    await write(
      cluster.kafka,
      Array.from({ length: COUNT }, (_, n) => record(topic, n)),
    );
    const flow = flowOf(
      clusterNode(cluster.brokers),
      kafkaIn(topic, group, {
        delivery: "atMostOnce",
        commitRecords: 200,
        spanRecords: 400,
        deadLetterFolder: letters,
        wires: [["slow"]],
      }),
      { id: "slow", type: "delay", pauseType: "delay", timeout: "20", timeoutUnits: "milliseconds", wires: [["fail"]] },
      {
        id: "fail",
        type: "function",
        func: 'if (msg.payload % 1000 === 999) throw new Error("it fails"); return msg;',
        outputs: 1,
        wires: [["out"]],
      },
      kafkaOut(out, { wires: [[]] }),
    );
    writeFileSync(flowFile, JSON.stringify(flow));
    for (const goal of [500, 2000, undefined]) {
      const child = await startChild({ userDir: folder, flowFile });
      try {
        if (goal !== undefined) await until(`${goal} are stored`, async () => (await sizeOf(out)) >= goal, 120_000);
        else
          await until(
            "all is committed and the last is stored",
            async () =>
              (await committedOf(cluster.kafka, group, topic)) === COUNT && (await stored(out)).includes(COUNT - 2),
            120_000,
          );
      } finally {
        await child.kill9();
      }
    }
    const all = await stored(out);
    const distinct = new Set(all);
    const buried = readdirSync(letters)
      .flatMap((file) => readFileSync(path.join(letters, file), "utf8").trim().split("\n"))
      .map((line) => decodeDeadLetter(line).message.payload as number);
    const missing = COUNT - distinct.size - buried.length;
    console.log(
      `      sent ${COUNT}, stored ${all.length}, buried ${buried.length}, missing ${missing}, repeated ${all.length - distinct.size}`,
    );
    assert.equal(all.length, distinct.size, "none came twice");
    assert.ok(missing > 0, "killed after everything was stored");
    // Two kills, each with at most a chunk that is being given out and a span in the flow.
    assert.ok(missing <= 2 * (200 + 400), `${missing} are missing`);
    assert.equal(new Set(buried).size, buried.length);
    assert.ok(buried.every((n) => n % 1000 === 999 && !distinct.has(n)));
  });
});
