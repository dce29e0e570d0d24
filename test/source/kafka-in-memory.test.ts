/** Memory of Kafka's answers that is used again, in flows: what is stored, and what those see who keep a message. */
import assert from "node:assert/strict";
import { hooks } from "@node-red/util";
import type { Node } from "node-red";
import { flowOf, nodeRed, until, type FlowNode, type Harness } from "../harness";
import { AnswerLease } from "../../nodes/lib/kafka/answer-pool";
import {
  CLIENT,
  clusterFor,
  clusterNode,
  kafkaIn,
  newTopic,
  record,
  unique,
  untilCommitted,
  write,
  type Cluster,
} from "../lib/kafka/harness";
import { storedLines } from "../lib/lake/stored-files";
import { temporaryFolder } from "../lib/lake/stores";

const PARTITIONS = 4;
const FILLING = "x".repeat(60);
const textOf = (n: number): string => `{"id":${n},"f":"${FILLING}"}`;

/** Counts the answers whose memory is given back while `work` runs. */
const givenBack = async (work: () => Promise<void>): Promise<number> => {
  const { release } = AnswerLease.prototype;
  let count = 0;
  const isHad = (lease: AnswerLease): boolean => Reflect.get(lease, "memory") !== undefined;
  AnswerLease.prototype.release = function counted(this: AnswerLease) {
    const had = isHad(this);
    release.call(this);
    if (had && !isHad(this)) count++;
  };
  try {
    await work();
  } finally {
    AnswerLease.prototype.release = release;
  }
  return count;
};

describe("kafka in and the memory of Kafka's answers", function suite() {
  // The second client gathers its answers itself.
  if (CLIENT !== "kafkajs") return;
  let cluster: Cluster;
  let red: Harness;
  let folder: string;
  before(async function services() {
    cluster = await clusterFor(this);
    red = await nodeRed();
  });
  beforeEach(() => (folder = temporaryFolder()));
  afterEach(async () => {
    hooks.remove("*.keeps");
    await red?.deploy([]);
  });
  after(() => cluster?.close());

  const flow = (topic: string, group: string, between: FlowNode[] = [], below: string[] = []): FlowNode[] =>
    flowOf(
      clusterNode(cluster.brokers),
      { id: "lake", type: "citystream-lake", address: `file://${folder}`, user: "", timeout: 10 },
      kafkaIn(topic, group, { mode: "batch", valueFormat: "json", wires: [[between[0]?.id ?? "sink"]] }),
      ...between,
      {
        id: "sink",
        type: "citystream-hdfs-sink",
        lake: "lake",
        directory: "all",
        rotateRecords: 10_000,
        rotateIdle: 0.2,
        wires: [below],
      },
    );
  const filled = async (records: number): Promise<{ topic: string; group: string }> => {
    const [topic, group] = [await newTopic(cluster.kafka, PARTITIONS), unique("group")];
    await write(
      cluster.kafka,
      Array.from({ length: records }, (_, n) => ({
        ...record(topic, Buffer.from(textOf(n))),
        partition: n % PARTITIONS,
      })),
    );
    return { topic, group };
  };
  const stored = (topic: string, group: string, records: number): Promise<void> =>
    untilCommitted(cluster.kafka, group, topic, records, 120_000);

  it("stores each record's own bytes while answers lie where others lay before", async () => {
    const records = 200_000;
    const { topic, group } = await filled(records);
    const given = await givenBack(async () => {
      await red.deploy(flow(topic, group));
      await stored(topic, group, records);
    });
    const found = storedLines(folder);
    assert.equal(found.length, records);
    assert.deepEqual(new Set(found), new Set(Array.from({ length: records }, (_, n) => textOf(n))));
    assert.ok(given >= 5, `only ${given} answers were given back`);
  });

  it("leaves a batch to a function that keeps it and reads it when it has long been stored", async () => {
    const records = 4000;
    const { topic, group } = await filled(records);
    const func = "const kept = global.get('kept') || []; kept.push(msg); global.set('kept', kept); return msg;";
    const given = await givenBack(async () => {
      await red.deploy(flow(topic, group, [{ id: "keeps", type: "function", func, outputs: 1, wires: [["sink"]] }]));
      await stored(topic, group, records);
    });
    assert.equal(given, 0);
    const { getNode } = red.RED.nodes as unknown as { getNode(id: string): Node };
    const kept = getNode("keeps").context().global.get("kept") as { payload: { payload: unknown }[] }[];
    const read = kept.flatMap(({ payload }) => payload.map(({ payload: one }) => JSON.stringify(one)));
    assert.deepEqual(new Set(read), new Set(Array.from({ length: records }, (_, n) => textOf(n))));
  });

  it("leaves a batch to nodes below the sink", async () => {
    const records = 4000;
    const { topic, group } = await filled(records);
    const given = await givenBack(async () => {
      await red.deploy([
        ...flow(topic, group, [], ["below"]),
        { id: "below", type: "function", z: "flow", func: "return null;", outputs: 1, wires: [[]] },
      ]);
      await stored(topic, group, records);
    });
    assert.equal(given, 0);
  });

  it("warns of whoever reads a batch beside the flow after it was stored, and ends nothing", async () => {
    const records = 4000;
    const { topic, group } = await filled(records);
    const kept: { payload?: unknown }[] = [];
    hooks.add("postDeliver.keeps", (event: { msg: object }) => void kept.push(event.msg));
    await red.deploy(flow(topic, group));
    await stored(topic, group, records);
    assert.ok(kept.length > 0);
    await until("it is stored and given back", () => kept.every(({ payload }) => payload === undefined));
    await until("it is said", () => red.logs.some(({ msg }) => String(msg).includes("beside the flow")));
    assert.equal(new Set(storedLines(folder)).size, records);
  });
});
