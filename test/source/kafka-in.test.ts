import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Message } from "../../nodes/lib/delivery/contract";
import { decodeDeadLetter } from "../../nodes/lib/delivery/dead-letter-format";
import { flowOf, nodeRed, type Harness } from "../harness";
import {
  clusterFor,
  clusterNode,
  collect,
  committedOf,
  kafkaIn,
  newTopic,
  readAll,
  record,
  unique,
  write,
  type Cluster,
} from "../lib/kafka/harness";

describe("kafka in", () => {
  let cluster: Cluster;
  let red: Harness;
  let folder: string;
  const deploy = async (topics: string, group: string, more: Record<string, unknown> = {}, manual = false) => {
    red.logs.length = 0;
    await red.deploy(
      flowOf(
        clusterNode(cluster.brokers),
        kafkaIn(topics, group, { deadLetterFolder: folder, ...more }),
        collect("got", manual),
      ),
    );
  };
  const committed = (group: string, topic: string, offset: number): Promise<void> =>
    red.until(`group has committed ${offset}`, async () => (await committedOf(cluster.kafka, group, topic)) === offset);
  const letters = () =>
    readdirSync(folder).flatMap((file) =>
      readFileSync(path.join(folder, file), "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map(decodeDeadLetter),
    );

  before(async function services() {
    cluster = await clusterFor(this);
    red = await nodeRed();
  });
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-letters-"));
  });
  afterEach(async () => {
    await red?.deploy([]);
    rmSync(folder, { recursive: true, force: true });
  });
  after(() => cluster?.close());

  it("delivers each record with key, headers, timestamp and source, and commits when the flow has finished", async () => {
    const topic = await newTopic(cluster.kafka);
    const group = unique("group");
    const headers = [["unit", Buffer.from("µg")]] as const;
    const more = { key: Buffer.from("s1"), headers, timestamp: 1_700_000_000_000 };
    await write(cluster.kafka, [record(topic, { pm25: 31 }, more), record(topic, null)]);
    await deploy(topic, group);
    const [first, second] = await red.arrived("got", 2);
    const { payload, key, headers: got, timestamp, source } = first as Message;
    assert.deepEqual([payload, key, got, timestamp], [{ pm25: 31 }, "s1", { unit: "µg" }, 1_700_000_000_000]);
    assert.deepEqual(source, { kind: "kafka", topic, partition: 0, offset: 0, epoch: 1, group });
    assert.equal(second?.payload, null);
    await committed(group, topic, 2);
  });

  it("carries up to the given number of records in one message in batch mode", async () => {
    const topic = await newTopic(cluster.kafka);
    const group = unique("group");
    await write(
      cluster.kafka,
      Array.from({ length: 1200 }, (_, n) => record(topic, n)),
    );
    await deploy(topic, group, { mode: "batch", batchRecords: 500 });
    await red.until(
      "all came",
      () => red.collected("got").reduce((sum, m) => sum + (m.message.payload as []).length, 0) === 1200,
    );
    const elements = red.collected("got").flatMap(({ message }) => message.payload as Message[]);
    assert.deepEqual(
      elements.map(({ payload }) => payload),
      Array.from({ length: 1200 }, (_, n) => n),
    );
    assert.ok(red.collected("got").every(({ message }) => (message.payload as []).length <= 500));
    await committed(group, topic, 1200);
  });

  it("gives bytes as windows into what was fetched", async () => {
    const topic = await newTopic(cluster.kafka);
    await write(cluster.kafka, [record(topic, Buffer.from([1, 2, 3]), { key: Buffer.from([4]) })]);
    await deploy(topic, unique("group"), { valueFormat: "bytes", keyFormat: "bytes" });
    const [got] = await red.arrived("got", 1);
    assert.deepEqual([got?.payload, got?.["key"]], [Buffer.from([1, 2, 3]), Buffer.from([4])]);
  });

  it("commits nothing beyond the oldest unfinished record, however many finish behind it", async () => {
    const topic = await newTopic(cluster.kafka);
    const group = unique("group");
    await write(
      cluster.kafka,
      Array.from({ length: 20 }, (_, n) => record(topic, n)),
    );
    await deploy(topic, group, {}, true);
    await red.arrived("got", 20);
    for (const { message, done } of red.collected("got")) if (message.payload !== 3) done();
    await committed(group, topic, 3);
    red
      .collected("got")
      .find(({ message }) => message.payload === 3)
      ?.done();
    await committed(group, topic, 20);
  });

  it("waits when its span is full and goes on when there is room, without losing its membership", async () => {
    const topic = await newTopic(cluster.kafka);
    const group = unique("group");
    await write(
      cluster.kafka,
      Array.from({ length: 300 }, (_, n) => record(topic, n)),
    );
    await deploy(topic, group, { spanRecords: 100, timeout: 600 }, true);
    await red.arrived("got", 100);
    // Longer than the session time-out of 6 s, and than the 2 s after which fetching pauses.
    await red.until("heartbeats have kept the membership", () => red.status("in")?.fill === "yellow", 5000);
    await new Promise((resolve) => setTimeout(resolve, 7000));
    assert.equal(red.collected("got").length, 100);
    for (let at = 0; at < 300; at++) {
      await red.arrived("got", at + 1);
      red.collected("got")[at]?.done();
    }
    await committed(group, topic, 300);
    const offsets = red.collected("got").map(({ message }) => (message["source"] as { offset: number }).offset);
    assert.deepEqual(
      offsets,
      Array.from({ length: 300 }, (_, n) => n),
    );
  });

  it("sends what failed again, then buries it with its cause and goes on", async () => {
    const topic = await newTopic(cluster.kafka);
    const group = unique("group");
    await write(cluster.kafka, [record(topic, 1), record(topic, 2)]);
    await deploy(topic, group, { attempts: 3 }, true);
    let seen = 0;
    await red.until("three attempts", () => {
      for (const { message, done } of red.collected("got").slice(seen)) {
        seen++;
        done(message.payload === 1 ? new Error("sink says no") : undefined);
      }
      return red.collected("got").filter(({ message }) => message.payload === 1).length === 3;
    });
    await committed(group, topic, 2);
    const [letter, ...others] = letters();
    assert.equal(others.length, 0);
    assert.equal(letter?.error.message, "sink says no");
  });

  it("buries a record that can't be decoded with its bytes, and never stops for it", async () => {
    const topic = await newTopic(cluster.kafka);
    const group = unique("group");
    await write(cluster.kafka, [
      record(topic, 1),
      record(topic, Buffer.from("{broken")),
      record(topic, Buffer.from([0xff])),
      record(topic, 2),
    ]);
    await deploy(topic, group, { mode: "batch" });
    await committed(group, topic, 4);
    const elements = red.collected("got").flatMap(({ message }) => message.payload as Message[]);
    assert.deepEqual(
      elements.map(({ payload }) => payload),
      [1, 2],
    );
    const buried = letters();
    assert.deepEqual(
      buried.map(({ message }) => message.payload),
      [Buffer.from("{broken"), Buffer.from([0xff])],
    );
    assert.match(buried[0]?.error.message ?? "", /the value is not JSON: "{broken"/);
  });

  it("buries in a topic when one is given, with Kafka Connect's headers", async () => {
    const topic = await newTopic(cluster.kafka);
    const dead = unique("dead");
    const group = unique("group");
    await write(cluster.kafka, [record(topic, Buffer.from("{broken"), { key: Buffer.from("s1") })]);
    await deploy(topic, group, { deadLetterTopic: dead });
    await committed(group, topic, 1);
    const [letter] = await readAll(cluster.kafka, dead);
    assert.equal(letter?.value?.toString(), "{broken");
    assert.equal(letter?.key?.toString(), "s1");
    assert.equal(String(letter?.headers?.["__connect.errors.topic"]), topic);
    assert.equal(String(letter?.headers?.["__connect.errors.offset"]), "0");
    assert.match(String(letter?.headers?.["__connect.errors.exception.message"]), /not JSON/);
  });

  it("waits for a topic that does not exist, says so, and reads it when it appears", async () => {
    const topic = unique("later");
    await deploy(topic, unique("group"));
    await red.until("the status says so", () => /does not exist/.test(red.status("in")?.text ?? ""));
    await cluster.kafka.createTopic(topic, { partitions: 1, replication: 1, config: {} });
    await write(cluster.kafka, [record(topic, "here")]);
    assert.equal((await red.arrived("got", 1, 30_000))[0]?.payload, "here");
    await red.until("green again", () => red.status("in")?.fill === "green");
  });

  it("reads all topics that match a pattern", async () => {
    const site = unique("Busan");
    for (const type of ["air", "noise", "light"])
      await cluster.kafka.createTopic(`${site}_${type}`, { partitions: 1, replication: 1, config: {} });
    await write(
      cluster.kafka,
      ["air", "noise", "light"].map((type) => record(`${site}_${type}`, type)),
    );
    await deploy(`/${site}_(air|noise)/`, unique("group"));
    assert.deepEqual(
      (await red.arrived("got", 2)).map(({ payload }) => payload).sort((a, b) => String(a).localeCompare(String(b))),
      ["air", "noise"],
    );
  });

  it("starts at the earliest record, at new ones, or at a time", async () => {
    const topic = await newTopic(cluster.kafka);
    await write(
      cluster.kafka,
      [1000, 2000, 3000].map((timestamp) => record(topic, timestamp, { timestamp })),
    );
    await deploy(topic, unique("group"), { start: "timestamp", startTime: "1970-01-01T00:00:02Z" });
    assert.deepEqual(
      (await red.arrived("got", 2)).map(({ payload }) => payload),
      [2000, 3000],
    );
    const group = unique("group");
    await deploy(topic, group, { start: "latest" });
    await committed(group, topic, 3);
    await write(cluster.kafka, [record(topic, 4000)]);
    assert.deepEqual(
      (await red.arrived("got", 1)).map(({ payload }) => payload),
      [4000],
    );
  });

  it("refuses to start without a committed offset when told to", async () => {
    const topic = await newTopic(cluster.kafka);
    await deploy(topic, unique("group"), { start: "committed" });
    await red.until("the status says so", () => /has no committed offset/.test(red.status("in")?.text ?? ""));
  });

  it("says which setting is wrong", async () => {
    await deploy("a b", unique("group"));
    assert.equal(red.status("in")?.fill, "red");
    assert.ok(red.logs.some(({ msg }) => /Topics: "a" |cannot be a topic name|Topics:/.test(String(msg))));
  });

  it("commits what was finished when it closes in flight; the rest comes again", async () => {
    const topic = await newTopic(cluster.kafka);
    const group = unique("group");
    await write(
      cluster.kafka,
      Array.from({ length: 10 }, (_, n) => record(topic, n)),
    );
    await deploy(topic, group, { drain: 0, commitInterval: 60_000 }, true);
    await red.arrived("got", 10);
    for (const { done } of red.collected("got").slice(0, 4)) done();
    await new Promise((resolve) => setImmediate(resolve));
    await red.deploy([]);
    assert.equal(await committedOf(cluster.kafka, group, topic), 4);
    await deploy(topic, group);
    const again = await red.arrived("got", 6);
    assert.deepEqual(
      again.map(({ payload }) => payload),
      [4, 5, 6, 7, 8, 9],
    );
  });

  it("delivers a record of 10 MB", async () => {
    const topic = await newTopic(cluster.kafka, 1, { "max.message.bytes": "12000000" });
    await write(cluster.kafka, [record(topic, Buffer.alloc(10_000_000, "a"))]);
    await deploy(topic, unique("group"), { valueFormat: "text" });
    assert.equal((await red.arrived("got", 1))[0]?.payload, "a".repeat(10_000_000));
  });
});
