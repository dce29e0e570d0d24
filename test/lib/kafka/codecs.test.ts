/** Every codec against Kafka's own Java client, both ways. */
import assert from "node:assert/strict";
import { codecById, codecByName, codecNames, type CodecName } from "../../../nodes/lib/kafka/codecs";
import { ConfigError } from "../../../nodes/lib/errors";
import { noise } from "../compression/blocks";
import { until } from "../../harness";
import { clusterFor, newTopic, readAll, record, unique, type Cluster } from "./harness";
import { readByJava, writeByJava } from "./java";

const compressing = codecNames.filter((name): name is Exclude<CodecName, "none"> => name !== "none");
/** One line each, since the console tools take a line for a record. */
const values: readonly string[] = [
  "미세먼지 농도가 높습니다",
  "",
  JSON.stringify(Array.from({ length: 15_000 }, (_, n) => ({ site: `서울-${n % 25}`, pm25: (n * 7919) % 1500, n }))),
  noise(786_432).toString("base64"),
  "a".repeat(1_048_576),
  "the last",
];

describe("codecs and Java's client", () => {
  let cluster: Cluster;
  before(async function services() {
    cluster = await clusterFor(this);
  });
  after(() => cluster?.close());

  const wide = (): Promise<string> => newTopic(cluster.kafka, 1, { "max.message.bytes": "8000000" });

  it("what Java wrote with each codec is read here", async function read() {
    this.timeout(180_000);
    const check = async (codec: string): Promise<void> => {
      const topic = await wide();
      await writeByJava(cluster.brokers, topic, codec, values);
      const found = (await readAll(cluster.kafka, topic)).map(({ value }) => String(value));
      assert.equal(found.length, values.length, codec);
      for (const [at, value] of values.entries()) assert.ok(found[at] === value, `${codec}: value ${at}`);
    };
    await Promise.all(compressing.map(check));
  });

  it("little that unpacks to much is read bit by bit, and all of it", async function much() {
    this.timeout(180_000);
    const [COUNT, SIZE] = [24, 8 * 1024 * 1024];
    const topic = await newTopic(cluster.kafka, 2);
    const producer = cluster.kafka.producer({
      acks: "all",
      compression: "gzip",
      linger: 0,
      batchBytes: 1_000_000,
      bufferBytes: 1e9,
      state: () => undefined,
    });
    const value = Buffer.alloc(SIZE);
    for (let n = 0; n < COUNT; n++) await producer.send([record(topic, value, { partition: n % 2 })]);
    await producer.close(1000);
    const sizes: number[] = [];
    let read = 0;
    const consumer = cluster.kafka.consumer(
      { groupId: unique("group"), topics: [topic], start: "earliest", sessionTimeout: 10_000 },
      {
        async records(batch) {
          sizes.push(batch.read(Infinity).reduce((sum, { size }) => sum + size, 0));
          read += sizes.at(-1) ?? 0;
        },
        assigned: () => [],
        revoking: async () => undefined,
        state: () => undefined,
        warn: () => undefined,
      },
    );
    try {
      await until(
        "all is read",
        () => read >= COUNT * SIZE,
        60_000,
        () => sizes,
      );
    } finally {
      await consumer.close();
    }
    assert.ok(Math.max(...sizes) < 80 * 1024 * 1024, sizes.join());
  });

  it("what is written here with each codec, one after the other in one topic, Java reads", async function write() {
    this.timeout(180_000);
    const topic = await wide();
    for (const compression of compressing) {
      const producer = cluster.kafka.producer({
        acks: "all",
        compression,
        linger: 20,
        batchBytes: 4_000_000,
        bufferBytes: 64_000_000,
        state: () => undefined,
      });
      const outcomes = await producer.send(
        values.map((value) => record(topic, Buffer.from(`${compression} ${value}`))),
      );
      await producer.close(1000);
      assert.ok(
        outcomes.every((outcome) => !(outcome instanceof Error)),
        `${compression}: ${outcomes.map(String).join()}`,
      );
    }
    const sent = compressing.flatMap((codec) => values.map((value) => `${codec} ${value}`));
    const found = await readByJava(cluster.brokers, topic, sent.length);
    for (const [at, value] of sent.entries())
      assert.ok(found[at] === value, `${value.slice(0, 40)}…: Java read ${found[at]?.slice(0, 40)}…`);
    assert.equal(found.length, sent.length);
  });

  it("each goes by its name and by its number on the wire", () => {
    for (const [id, name] of codecNames.entries()) assert.equal(codecById(id), codecByName(name));
    assert.deepEqual(
      compressing.map((name) => codecByName(name)?.id),
      [1, 2, 3, 4],
    );
    assert.throws(() => codecById(7), ConfigError);
  });
});
