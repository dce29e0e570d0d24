/**
 * State by key that moves with its partition: Node-RED processes of one group share a folder, and each decision, whichever
 * of them made it, must be the one of a single process that nobody disturbs.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
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
  unique,
  write,
  type Cluster,
} from "../lib/kafka/harness";
import { runKilled } from "./lab/killed-flow";
import { MOVED_STATE_PHASES, movedStateTrial } from "./lab/moved-state-trial";
import { observing } from "./lab/observer";

const PARTITIONS = 4;
const PHASE = 600;
const RECORDS = PHASE * MOVED_STATE_PHASES;
const CARDS = 40;

const transaction = (id: number) => ({
  id,
  card: `c-${(id * 7) % CARDS}`,
  amount: id % 211 < 6 ? 900 + id : 10 + ((id * 37) % 90),
  country: id % 97 === 0 ? "BR" : "KR",
});

const recordsOf = (topic: string, from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => {
    const payload = transaction(from + n);
    const timestamp = Date.UTC(2026, 0, 5) + payload.id * 60_000;
    return record(topic, payload, { key: Buffer.from(payload.card), timestamp });
  });

interface Told {
  readonly id: number;
  readonly answer: { readonly action: string };
}

describe("state by partition while partitions move", () => {
  let cluster: Cluster;
  let folder: string;

  before(async function services() {
    cluster = await clusterFor(this);
    folder = mkdtempSync(path.join(tmpdir(), "citystream-moved-"));
  });
  after(async () => {
    await cluster?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const flow = (input: string, output: string, group: string, settings: Record<string, unknown>): FlowNode[] =>
    flowOf(
      clusterNode(cluster.brokers),
      kafkaIn(input, group, { commitInterval: 100, spanRecords: 40, ...settings, wires: [["judge"]] }),
      { id: "judge", type: "citystream-fraud-rules", ...settings, wires: [["told"], ["told"], ["told"]] },
      {
        id: "told",
        type: "function",
        outputs: 1,
        func: `
          const told = ({ payload, decision }) => ({ payload: { id: payload.id, answer: decision } });
          msg.payload = Array.isArray(msg.payload) ? msg.payload.map(told) : told(msg).payload;
          return msg;`,
        wires: [["slow"]],
      },
      { id: "slow", type: "delay", pauseType: "delay", timeout: "150", timeoutUnits: "milliseconds", wires: [["out"]] },
      kafkaOut(output, { wires: [[]] }),
    );

  let calm: Promise<Map<number, unknown>> | undefined;
  /** The decisions of one process that keeps its state in memory. */
  const undisturbed = (): Promise<Map<number, unknown>> => (calm ??= alone());
  const alone = async (): Promise<Map<number, unknown>> => {
    const input = await newTopic(cluster.kafka, PARTITIONS);
    await write(cluster.kafka, recordsOf(input, 0, RECORDS));
    const all = await runKilled<Told>(
      {
        cluster,
        folder,
        input,
        records: RECORDS,
        flow: (output, group) => flow(input, output, group, { stateKept: "memory", spanRecords: 1000 }),
      },
      0,
    );
    return new Map(all.map(({ id, answer }) => [id, answer]));
  };

  for (const mode of ["record", "batch"] as const)
    it(`says the same of every record, whoever has the partition: processes join, leave, die, return and wake up (${mode} mode)`, async function moved() {
      this.timeout(600_000);
      const expected = await undisturbed();
      const [input, output] = [await newTopic(cluster.kafka, PARTITIONS), await newTopic(cluster.kafka)];
      const group = unique("moved");
      const shared = path.join(folder, `shared-${mode}`);
      const kept = { stateKept: "shared", stateFolder: shared, checkpointEvery: 0.1, keysInMemory: 10 };
      const all: Told[] = [];
      await observing(cluster.brokers, async (observer) => {
        await movedStateTrial({
          observer,
          brokers: cluster.brokers,
          folder: path.join(folder, mode),
          group,
          input,
          records: PHASE,
          flow: () => flow(input, output, group, { mode, batchRecords: 10, ...kept }),
          feed: async (phase) => {
            await write(cluster.kafka, recordsOf(input, phase * PHASE, (phase + 1) * PHASE));
          },
        });
        await observer.read(output, ({ value }) => all.push(JSON.parse(String(value)) as Told));
      });
      const found = new Set(all.map(({ id }) => id));
      const missing = [...expected.keys()].filter((id) => !found.has(id));
      const different = all.filter(({ id, answer }) => JSON.stringify(answer) !== JSON.stringify(expected.get(id)));
      const standing = [...expected.values()].filter((answer) => (answer as Told["answer"]).action !== "pass");
      const claims = readdirSync(path.join(shared, "judge")).map((name) => {
        const numbers = readdirSync(path.join(shared, "judge", name)).map(Number);
        return Math.max(...numbers);
      });
      console.log(
        `      ${RECORDS} records, ${standing.length} of them stand out: ${missing.length} missing, ${all.length - RECORDS} came again, ${different.length} told differently; the partitions were claimed ${claims.join(", ")} times`,
      );
      assert.equal(expected.size, RECORDS);
      assert.ok(standing.length > RECORDS / 50, "many answers depend on what came before");
      assert.ok(
        claims.length === PARTITIONS && claims.every((times) => times > 2),
        "each partition has moved again and again",
      );
      assert.deepEqual(missing, []);
      assert.deepEqual(different.slice(0, 3), []);
    });
});
