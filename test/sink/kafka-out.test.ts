import assert from "node:assert/strict";
import { flowOf, nodeRed, type Harness } from "../harness";
import {
  clusterFor,
  clusterNode,
  collect,
  kafkaOut,
  newTopic,
  readAll,
  unique,
  type Cluster,
} from "../lib/kafka/harness";

describe("kafka out", () => {
  let cluster: Cluster;
  let red: Harness;
  const errors = { id: "caught", type: "test-collect" };
  const deploy = async (topic: string, more: Record<string, unknown> = {}): Promise<void> => {
    red.logs.length = 0;
    await red.deploy(
      flowOf(
        clusterNode(cluster.brokers),
        kafkaOut(topic, more),
        collect("stored"),
        { id: "catch", type: "catch", scope: ["out"], wires: [["caught"]] },
        errors,
      ),
    );
  };
  const errorOf = async (): Promise<string> => {
    const [caught] = await red.arrived("caught", 1);
    return (caught as { error?: { message?: string } }).error?.message ?? "";
  };

  before(async function services() {
    cluster = await clusterFor(this);
    red = await nodeRed();
  });
  after(async () => {
    await red?.deploy([]);
    await cluster?.close();
  });

  it("stores value, key, headers, timestamp and partition, and passes the message on once Kafka has it", async () => {
    const topic = await newTopic(cluster.kafka, 3);
    await deploy("");
    const message = { payload: { pm25: 31 }, topic, key: "s1", partition: 2, timestamp: 1_700_000_000_000 };
    red.receive("out", { ...message, headers: { unit: "µg", list: ["a", "b"], raw: Buffer.from([255]) } });
    const [stored] = await red.arrived("stored", 1);
    assert.deepEqual((stored as { stored?: unknown }).stored, { topic, partition: 2, offset: 0 });
    const [found] = await readAll(cluster.kafka, topic);
    assert.equal(found?.value?.toString(), '{"pm25":31}');
    assert.equal(found?.key?.toString(), "s1");
    assert.equal(found?.timestamp, 1_700_000_000_000);
    assert.equal(found?.partition, 2);
    assert.deepEqual(found?.headers, {
      unit: Buffer.from("µg"),
      list: [Buffer.from("a"), Buffer.from("b")],
      raw: Buffer.from([255]),
    });
  });

  it("makes topics named by a template, with the partitions and retention asked for", async () => {
    const site = unique("Seoul");
    await deploy("{{payload.site}}_{{payload.index}}_{{payload.type}}", { create: true, partitions: 4, retention: -1 });
    red.receive("out", { payload: { site, index: 3, type: "air" } });
    await red.arrived("stored", 1);
    const topic = `${site}_3_air`;
    assert.equal((await cluster.kafka.offsets(topic)).length, 4);
    assert.equal((await cluster.kafka.topicConfig(topic))?.get("retention.ms"), "-1");
  });

  it("uses a topic that was there before with other partitions, and says so once", async () => {
    const topic = await newTopic(cluster.kafka, 3);
    await deploy(topic, { create: true, partitions: 5 });
    for (let n = 0; n < 5; n++) red.receive("out", { payload: n });
    await red.arrived("stored", 5);
    assert.equal((await cluster.kafka.offsets(topic)).length, 3);
    const told = red.logs.filter(({ msg }) => /was there before, with 3 partitions instead of 5/.test(String(msg)));
    assert.equal(told.length, 1);
  });

  it("fails records whose topic cannot have the replication asked for, naming it", async () => {
    await deploy(unique("copies"), { create: true, replication: 3 });
    red.receive("out", { payload: 1 });
    assert.match(await errorOf(), /cannot be created with replication 3: the cluster has fewer brokers/);
  });

  it("writes text and bytes as they are, null as a tombstone, and a batch as its records in order", async () => {
    const topic = await newTopic(cluster.kafka);
    await deploy(topic);
    red.receive("out", {
      payload: [{ payload: "text" }, { payload: Buffer.from([0, 1]) }, { payload: null, key: "k" }],
    });
    await red.arrived("stored", 1);
    const found = await readAll(cluster.kafka, topic);
    assert.deepEqual(
      found.map(({ value }) => value),
      [Buffer.from("text"), Buffer.from([0, 1]), null],
    );
  });

  it("names the elements of a batch that failed and stores the others", async () => {
    const topic = await newTopic(cluster.kafka);
    await deploy("");
    red.receive("out", {
      topic,
      payload: [{ payload: 1 }, { payload: 2, topic: "no good" }, { payload: 3, partition: 9 }, { payload: 4 }],
    });
    assert.match(await errorOf(), /2 of 4 records were not stored; the first: "no good" cannot be a topic name/);
    const [stored] = await red.arrived("stored", 1);
    assert.equal((stored?.payload as unknown[]).length, 2);
    assert.deepEqual(
      (await readAll(cluster.kafka, topic)).map(({ value }) => value?.toString()),
      ["1", "4"],
    );
  });

  const wrong: [string, Record<string, unknown>, RegExp][] = [
    ["no topic", { payload: 1 }, /no topic: set Topic/],
    ["a topic's name that Kafka does not allow", { payload: 1, topic: "a b" }, /cannot be a topic name/],
    ["no payload", { topic: "t" }, /msg\.payload is missing/],
    ["headers that are none", { topic: "t", payload: 1, headers: "x" }, /msg\.headers must be an object/],
    ["a timestamp that is none", { topic: "t", payload: 1, timestamp: "noon" }, /"noon" is not a time/],
    ["a timestamp beyond all times", { topic: "t", payload: 1, timestamp: 1e19 }, /10000000000000000000 is not a time/],
    ["a partition that is none", { topic: "t", payload: 1, partition: -1 }, /-1 is not a partition/],
    ["a payload that JSON can't hold", { topic: "t", payload: { n: 1n } }, /msg\.payload can't be written as JSON/],
  ];
  for (const [what, message, words] of wrong)
    it(`fails a message with ${what}, saying so`, async () => {
      await deploy("");
      red.receive("out", message);
      assert.match(await errorOf(), words);
      assert.equal(red.collected("stored").length, 0);
    });

  it("fails a record that is too large for its topic, and stores its neighbours of the same moment", async () => {
    const topic = await newTopic(cluster.kafka);
    await deploy(topic, { linger: 50, batchSize: 20_000 });
    for (const size of [10, 10_000_000, 20]) red.receive("out", { payload: Buffer.alloc(size) });
    assert.match(await errorOf(), /takes no record of 10000\d\d\d bytes; raise its max\.message\.bytes/);
    await red.arrived("stored", 2);
    assert.deepEqual(
      (await readAll(cluster.kafka, topic)).map(({ value }) => value?.length).sort((a, b) => Number(a) - Number(b)),
      [10, 20],
    );
  });

  it("stores a record of 10 MB where the topic allows it", async () => {
    const topic = await newTopic(cluster.kafka, 1, { "max.message.bytes": "12000000" });
    await deploy(topic);
    red.receive("out", { payload: Buffer.alloc(10_000_000, 7) });
    await red.arrived("stored", 1);
    const [found] = await readAll(cluster.kafka, topic);
    assert.ok(found?.value?.equals(Buffer.alloc(10_000_000, 7)));
  });

  it("fails records of a topic that is missing, when it shall not make it", async () => {
    await deploy(unique("missing"));
    red.receive("out", { payload: 1 });
    assert.match(await errorOf(), /does not exist, or this client may not see it: create it/);
  });

  it("says which setting is wrong", async () => {
    await deploy("{{payload.site");
    assert.equal(red.status("out")?.fill, "red");
    assert.ok(red.logs.some(({ msg }) => /Topic: "{{" is not closed/.test(String(msg))));
  });

  it("warns when records are older than their topic keeps", async () => {
    const topic = await newTopic(cluster.kafka, 1, { "retention.ms": "3600000" });
    await deploy(topic);
    await red.until("the warning", () => {
      red.receive("out", { payload: 1, timestamp: "2013-03-01T00:00:00Z" });
      return red.logs.some(({ msg }) => /keeps records for 1 h, but this one is of 2013-03-01/.test(String(msg)));
    });
  });

  for (const compression of ["gzip", "snappy", "lz4", "zstd"])
    it(`compresses by ${compression}`, async () => {
      const topic = await newTopic(cluster.kafka);
      await deploy(topic, { compression });
      red.receive("out", { payload: Array.from({ length: 100 }, (_, n) => ({ payload: { n } })) });
      await red.arrived("stored", 1);
      assert.equal((await readAll(cluster.kafka, topic)).length, 100);
    });

  it("stores what is in its buffer when it is closed in flight", async () => {
    const topic = await newTopic(cluster.kafka);
    await deploy(topic, { linger: 2000 });
    for (let n = 0; n < 50; n++) red.receive("out", { payload: n });
    await red.until("all 50 received", () => (red.node("out") as unknown as { id: string }).id === "out");
    await new Promise((resolve) => setImmediate(resolve));
    await red.deploy([]);
    assert.equal((await readAll(cluster.kafka, topic)).length, 50);
  });
});
