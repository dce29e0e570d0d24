/**
 * Lanes under kill -9 and deploys: kafka-in → priorities → priority-lanes, most of what waits on disk → slow work →
 * kafka-out, killed in mid-flow. An observer that reads the results from Kafka counts: nothing is missing.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { startChild, type NodeRedChild } from "../harness/child";
import { flowOf, until, type FlowNode } from "../harness";
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

const RECORDS = 4000;
const KILLS = 2;
/** Every so many is urgent. */
const URGENT = 20;
const SPAN = 200;

describe("lanes under kill -9", () => {
  let cluster: Cluster;
  let folder: string;
  let child: NodeRedChild | undefined;

  before(async function services() {
    cluster = await clusterFor(this);
    folder = mkdtempSync(path.join(tmpdir(), "citystream-lanes-"));
  });
  after(async () => {
    await child?.kill9();
    await cluster?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const flow = (input: string, output: string, group: string, atOnce: number): FlowNode[] =>
    flowOf(
      clusterNode(cluster.brokers),
      kafkaIn(input, group, {
        mode: "batch",
        batchRecords: 50,
        spanRecords: SPAN,
        commitInterval: 50,
        wires: [["urgency"]],
      }),
      {
        id: "urgency",
        type: "function",
        outputs: 1,
        func: `for (const record of msg.payload) record.priority = record.payload.id % ${URGENT} === 0 ? 1 : 0; return msg;`,
        wires: [["lanes"]],
      },
      {
        id: "lanes",
        type: "citystream-priority-lanes",
        classes: [
          { name: "urgent", from: 1, share: 1, useful: "", most: "" },
          { name: "ordinary", from: 0, share: 1, useful: "", most: "" },
        ],
        atOnce,
        memory: 0.05,
        wires: [["work"], [], []],
      },
      { id: "work", type: "delay", pauseType: "delay", timeout: "5", timeoutUnits: "milliseconds", wires: [["out"]] },
      kafkaOut(output, { wires: [[]] }),
    );

  it(`lose nothing in ${KILLS} kills, whatever waits on disk`, async function killed() {
    this.timeout(300_000);
    const input = await newTopic(cluster.kafka, 2);
    const output = await newTopic(cluster.kafka, 1);
    const group = unique("lanes");
    await write(
      cluster.kafka,
      Array.from({ length: RECORDS }, (_, id) => record(input, { id, text: "x".repeat(200) }, { partition: id % 2 })),
    );
    const flowFile = path.join(folder, "lanes.json");
    const stored = async (): Promise<number[]> =>
      (await readAll(cluster.kafka, output)).map(({ value }) => (JSON.parse(String(value)) as { id: number }).id);
    let onDisk = 0;
    let first: number[] = [];
    for (let kill = 0; kill <= KILLS; kill++) {
      writeFileSync(flowFile, JSON.stringify(flow(input, output, group, 4 + kill)));
      child = await startChild({ userDir: folder, flowFile });
      const goal = Math.round((RECORDS * (kill + 1)) / (KILLS + 1));
      await until(
        kill < KILLS ? `${goal} results` : "every record committed",
        async () =>
          kill < KILLS ? (await stored()).length >= goal : (await committedOf(cluster.kafka, group, input)) === RECORDS,
        120_000,
        async () => ({ results: (await stored()).length, committed: await cluster.kafka.committed(group, input) }),
      );
      if (kill === 0) {
        onDisk = readdirSync(path.join(folder, "citystream/lanes/lanes")).length;
        first = await stored();
      }
      await child.kill9();
      child = undefined;
    }
    const all = await stored();
    const missing = Array.from({ length: RECORDS }, (_, id) => id).filter((id) => !all.includes(id));
    const urgent = RECORDS / URGENT;
    console.log(
      `      ${all.length} results of ${RECORDS}: ${missing.length} missing, ${all.length - RECORDS} repeated`,
    );
    assert.deepEqual(missing, []);
    assert.ok(onDisk > 0, "something waited on disk when it was killed");
    const early = first.slice(0, 2 * urgent + SPAN).filter((id) => id % URGENT === 0).length;
    assert.ok(early > urgent / 2, `${early} of ${urgent} urgent records were among the first`);
  });
});
