/** Batches of kafka in that reach the hdfs sink unread: what is stored are the bytes that Kafka has. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { flowOf, nodeRed, type FlowNode, type Harness } from "../harness";
import {
  clusterFor,
  clusterNode,
  collect,
  kafkaIn,
  newTopic,
  record,
  unique,
  untilCommitted,
  write,
  type Cluster,
} from "../lib/kafka/harness";
import type { OutgoingRecord } from "../../nodes/lib/kafka/port";
import { storedLines } from "../lib/lake/stored-files";
import { temporaryFolder } from "../lib/lake/stores";

/** Lines of each file, in the order of offsets. */
const sizesIn = (folder: string): number[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".ndjson"))
    .sort()
    .map((name) => readFileSync(path.join(folder, name), "utf8").trimEnd().split("\n").length);

const json = (topic: string, text: string): OutgoingRecord => record(topic, Buffer.from(text));

/** Texts that decoding and encoding would change. */
const TEXTS = [
  '{"id":12345678901234567890}',
  '{"b" : 1.0, "a":[ ]}',
  '{"n":1e3,"e":"\\u00e9"}',
  '"2026"',
  "null",
  "[1]",
];

describe("hdfs sink behind kafka in", () => {
  let cluster: Cluster;
  let red: Harness;
  let folder: string;
  before(async function services() {
    cluster = await clusterFor(this);
    red = await nodeRed();
  });
  beforeEach(() => (folder = temporaryFolder()));
  afterEach(() => red?.deploy([]));
  after(() => cluster?.close());

  const flow = (topic: string, group: string, more: object, between: FlowNode[] = [], into: object = {}): FlowNode[] =>
    flowOf(
      clusterNode(cluster.brokers),
      { id: "lake", type: "citystream-lake", address: `file://${folder}`, user: "", timeout: 10 },
      kafkaIn(topic, group, { mode: "batch", valueFormat: "json", wires: [[between[0]?.id ?? "sink"]], ...into }),
      ...between,
      {
        id: "sink",
        type: "citystream-hdfs-sink",
        lake: "lake",
        directory: "all",
        rotateIdle: 0.2,
        wires: [["stored"]],
        ...more,
      },
      collect("stored"),
    );
  const stored = (topic: string, group: string, records: number): Promise<void> =>
    untilCommitted(cluster.kafka, group, topic, records);

  it("stores JSON as it came, number for number, and sends messages on that read as ever", async () => {
    const [topic, group] = [await newTopic(cluster.kafka), unique("group")];
    await write(
      cluster.kafka,
      TEXTS.map((text, n) => ({ ...json(topic, text), key: n % 2 ? Buffer.from("k") : null })),
    );
    await red.deploy(flow(topic, group, { directory: "{{source.topic}}/dt={{time:yyyy}}" }));
    await stored(topic, group, TEXTS.length);
    assert.deepEqual(storedLines(path.join(folder, topic)), TEXTS);
    const elements = red.collected("stored").flatMap(({ message }) => message.payload as { payload: unknown }[]);
    assert.deepEqual(
      elements.map(({ payload }) => payload),
      TEXTS.map((text) => JSON.parse(text) as unknown),
    );
  });

  it("stores a topic in a directory of its name unless told otherwise", async () => {
    const [topic, group] = [await newTopic(cluster.kafka), unique("group")];
    await write(cluster.kafka, [json(topic, "1")]);
    await red.deploy(flow(topic, group, { directory: undefined }));
    await stored(topic, group, 1);
    assert.deepEqual(storedLines(path.join(folder, topic)), ["1"]);
  });

  it("stores what a node between has changed", async () => {
    const [topic, group] = [await newTopic(cluster.kafka), unique("group")];
    await write(cluster.kafka, [json(topic, '{"id":1.0}'), json(topic, '{"id":2.0}')]);
    const func =
      "msg.payload = msg.payload.map((one) => ({ ...one, payload: { ...one.payload, seen: true } })); return msg;";
    await red.deploy(flow(topic, group, {}, [{ id: "f", type: "function", func, outputs: 1, wires: [["sink"]] }]));
    await stored(topic, group, 2);
    assert.deepEqual(storedLines(folder), ['{"id":1,"seen":true}', '{"id":2,"seen":true}']);
  });

  it("leaves what is no JSON to the dead letters, and stores the rest of its batch", async () => {
    const [topic, group] = [await newTopic(cluster.kafka), unique("group")];
    const texts = ['{"id":0}', '{"id":1', '{"id":2}', '{"id"\n:3}'];
    await write(
      cluster.kafka,
      texts.map((text) => json(topic, text)),
    );
    await red.deploy(flow(topic, group, {}, [], { deadLetterFolder: temporaryFolder() }));
    await stored(topic, group, texts.length);
    assert.deepEqual(storedLines(folder), ['{"id":0}', '{"id":2}', '{"id":3}']);
  });

  it("stores each record of a batch in the directory that its value names", async () => {
    const [topic, group] = [await newTopic(cluster.kafka), unique("group")];
    await write(cluster.kafka, [json(topic, '{"site":"a"}'), json(topic, '{"site":"b"}')]);
    await red.deploy(flow(topic, group, { directory: "{{payload.site}}" }));
    await stored(topic, group, 2);
    assert.deepEqual(
      [storedLines(path.join(folder, "a")), storedLines(path.join(folder, "b"))],
      [['{"site":"a"}'], ['{"site":"b"}']],
    );
  });

  for (const [between, nodes] of [
    ["directly", 0],
    ["through other nodes", 3],
  ] as const)
    it(`keeps files whole that come ${between} and faster than they are stored`, async () => {
      const [topic, group] = [await newTopic(cluster.kafka, 4), unique("group")];
      const filling = "x".repeat(80);
      await write(
        cluster.kafka,
        Array.from({ length: 80_000 }, (_, n) => ({
          ...json(topic, `{"id":${n},"f":"${filling}"}`),
          partition: n % 4,
        })),
      );
      const functions = Array.from({ length: nodes }, (_, n) => ({
        id: `f${n}`,
        type: "function",
        func: "return msg;",
        outputs: 1,
        wires: [[n === nodes - 1 ? "sink" : `f${n + 1}`]],
      }));
      await red.deploy(flow(topic, group, { rotateRecords: 10_000, rotateIdle: 0 }, functions));
      await stored(topic, group, 80_000);
      assert.deepEqual(
        sizesIn(path.join(folder, "all")),
        Array.from({ length: 8 }, () => 10_000),
      );
    });
});
