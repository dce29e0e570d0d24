/**
 * State by key under kill -9: kafka-in → a node with state → kafka-out. What the node says of a record depends on what came
 * before of its card. Killed in mid-flow, each answer must be the one of a run that nobody disturbs, which a flow of its own gives.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { flowOf, type FlowNode } from "../harness";
import {
  clusterFor,
  clusterNode,
  kafkaIn,
  kafkaOut,
  newTopic,
  record,
  write,
  type Cluster,
} from "../lib/kafka/harness";
import { runKilled } from "./lab/killed-flow";

const RECORDS = 6000;
const KILLS = 3;
const CARDS = 25;

/** Amounts that rise, fall and burst, so that nearly each card is challenged and blocked now and then. */
const transaction = (id: number) => ({
  id,
  card: `c-${(id * 7) % CARDS}`,
  amount: id % 211 < 6 ? 900 + id : 10 + ((id * 37) % 90),
  country: id % 97 === 0 ? "BR" : "KR",
});

interface Told {
  readonly id: number;
  /** Action, score and reasons; or a priority. */
  readonly answer: unknown;
}

/** Nodes with the property of their answer, which it is that differs by what came before. */
const NODES = {
  "fraud rules": {
    node: { type: "citystream-fraud-rules", wires: [["told"], ["told"], ["told"]] },
    property: "decision",
    stands: (answer: unknown) => (answer as { action: string }).action !== "pass",
  },
  "priority weigher": {
    node: {
      type: "citystream-priority-weigher",
      key: "payload.card",
      weighed: [{ field: "amount", error: "" }],
      wires: [["told"], ["told"]],
    },
    property: "priority",
    stands: (answer: unknown) => Number(answer) > 0,
  },
} as const;
type Judge = keyof typeof NODES;

describe("state by key under kill -9", () => {
  let cluster: Cluster;
  let folder: string;
  let input: string;

  before(async function services() {
    cluster = await clusterFor(this);
    folder = mkdtempSync(path.join(tmpdir(), "citystream-state-"));
    input = await newTopic(cluster.kafka, 1);
    await write(
      cluster.kafka,
      Array.from({ length: RECORDS }, (_, id) =>
        record(input, transaction(id), { timestamp: Date.UTC(2026, 0, 5) + id * 60_000 }),
      ),
    );
  });
  after(async () => {
    await cluster?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const flow = (judge: Judge, output: string, group: string, settings: Record<string, unknown>): FlowNode[] => {
    const { node, property } = NODES[judge];
    return flowOf(
      clusterNode(cluster.brokers),
      kafkaIn(input, group, { commitInterval: 200, spanRecords: 500, ...settings, wires: [["judge"]] }),
      { id: "judge", ...settings, ...node, wires: node.wires.map((wire) => [...wire]) },
      {
        id: "told",
        type: "function",
        outputs: 1,
        func: `
          const told = ({ payload, ${property} }) => ({ payload: { id: payload.id, answer: ${property} } });
          msg.payload = Array.isArray(msg.payload) ? msg.payload.map(told) : told(msg).payload;
          return msg;`,
        wires: [["slow"]],
      },
      { id: "slow", type: "delay", pauseType: "delay", timeout: "20", timeoutUnits: "milliseconds", wires: [["out"]] },
      kafkaOut(output, { wires: [[]] }),
    );
  };

  const run = (judge: Judge, kills: number, settings: Record<string, unknown>): Promise<Told[]> =>
    runKilled(
      { cluster, folder, input, records: RECORDS, flow: (output, group) => flow(judge, output, group, settings) },
      kills,
    );

  const calm = new Map<Judge, Map<number, unknown>>();
  const undisturbed = async (judge: Judge): Promise<Map<number, unknown>> => {
    const known = calm.get(judge);
    if (known) return known;
    const all = await run(judge, 0, { stateKept: "memory" });
    const answers = new Map(all.map(({ id, answer }) => [id, answer]));
    calm.set(judge, answers);
    return answers;
  };

  for (const [judge, mode] of [
    ["fraud rules", "record"],
    ["fraud rules", "batch"],
    ["priority weigher", "batch"],
  ] as const)
    it(`says the same of every record, however often it is killed and the record comes again (${judge}, ${mode} mode)`, async function killed() {
      this.timeout(300_000);
      const expected = await undisturbed(judge);
      const kept = { stateKept: "disk", checkpointEvery: 0.1, keysInMemory: 10 };
      const all = await run(judge, KILLS, { mode, batchRecords: 50, ...kept });
      const found = new Set(all.map(({ id }) => id));
      const missing = Array.from({ length: RECORDS }, (_, id) => id).filter((id) => !found.has(id));
      const different = all.filter(({ id, answer }) => JSON.stringify(answer) !== JSON.stringify(expected.get(id)));
      const standing = [...expected.values()].filter(NODES[judge].stands);
      console.log(
        `      ${RECORDS} records, ${standing.length} of them stand out: ${missing.length} missing, ${all.length - RECORDS} came again, ${different.length} told differently`,
      );
      assert.equal(expected.size, RECORDS);
      assert.ok(standing.length > RECORDS / 50, "many answers depend on what came before");
      assert.deepEqual(missing, []);
      assert.deepEqual(different.slice(0, 3), []);
    });
});
