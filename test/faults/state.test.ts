/**
 * State by key under kill -9: kafka-in → fraud-rules → kafka-out, whose decisions depend on all that came before of a
 * card. Killed in mid-flow, each decision must be the one of a run that nobody disturbs; it is told by a flow of its own.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
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
  /** Action, score and reasons. */
  readonly decision: unknown;
}

describe("state by key under kill -9", () => {
  let cluster: Cluster;
  let folder: string;
  let child: NodeRedChild | undefined;
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
    await child?.kill9();
    await cluster?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const flow = (output: string, group: string, settings: Record<string, unknown>): FlowNode[] =>
    flowOf(
      clusterNode(cluster.brokers),
      kafkaIn(input, group, { commitInterval: 200, spanRecords: 500, ...settings, wires: [["rules"]] }),
      { id: "rules", type: "citystream-fraud-rules", ...settings, wires: [["told"], ["told"], ["told"]] },
      {
        id: "told",
        type: "function",
        outputs: 1,
        func: `
          const told = ({ payload, decision }) => ({ payload: { id: payload.id, decision } });
          msg.payload = Array.isArray(msg.payload) ? msg.payload.map(told) : told(msg).payload;
          return msg;`,
        wires: [["slow"]],
      },
      { id: "slow", type: "delay", pauseType: "delay", timeout: "20", timeoutUnits: "milliseconds", wires: [["out"]] },
      kafkaOut(output, { wires: [[]] }),
    );

  const toldIn = async (output: string): Promise<Told[]> =>
    (await readAll(cluster.kafka, output)).map(({ value }) => JSON.parse(String(value)) as Told);

  /** Runs the flow to its end, killed so many times on the way; all that was told. */
  const run = async (kills: number, settings: Record<string, unknown>): Promise<Told[]> => {
    const [output, group] = [await newTopic(cluster.kafka, 1), unique("state")];
    const userDir = mkdtempSync(path.join(folder, "node-red-"));
    const flowFile = path.join(userDir, "flow.json");
    writeFileSync(flowFile, JSON.stringify(flow(output, group, settings)));
    for (let kill = 0; kill <= kills; kill++) {
      child = await startChild({ userDir, flowFile });
      const goal = kill < kills ? Math.round((RECORDS * (kill + 1)) / (kills + 1)) : RECORDS;
      await until(
        `${goal} records committed`,
        async () => (await committedOf(cluster.kafka, group, input)) >= goal,
        120_000,
        async () => `${await committedOf(cluster.kafka, group, input)}, ${await child?.state()}`,
      );
      await child.kill9();
      child = undefined;
    }
    return toldIn(output);
  };

  let calm: Map<number, unknown> | undefined;
  const undisturbed = async (): Promise<Map<number, unknown>> =>
    (calm ??= new Map((await run(0, { stateKept: "memory" })).map(({ id, decision }) => [id, decision])));

  for (const mode of ["record", "batch"])
    it(`says the same of every record, however often it is killed and the record comes again (${mode} mode)`, async function killed() {
      this.timeout(300_000);
      const expected = await undisturbed();
      const all = await run(KILLS, { mode, batchRecords: 50, checkpointEvery: 0.1, keysInMemory: 10 });
      const found = new Set(all.map(({ id }) => id));
      const missing = Array.from({ length: RECORDS }, (_, id) => id).filter((id) => !found.has(id));
      const different = all.filter(({ id, decision }) => JSON.stringify(decision) !== JSON.stringify(expected.get(id)));
      const heldBack = [...expected.values()].filter((decision) => (decision as { action: string }).action !== "pass");
      console.log(
        `      ${RECORDS} records, ${heldBack.length} held back: ${missing.length} missing, ${all.length - RECORDS} came again, ${different.length} told differently`,
      );
      assert.equal(expected.size, RECORDS);
      assert.ok(heldBack.length > RECORDS / 50, "many decisions depend on what came before");
      assert.deepEqual(missing, []);
      assert.deepEqual(different.slice(0, 3), []);
    });
});
