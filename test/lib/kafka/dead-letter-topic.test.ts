import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { DeadLetter, Message } from "../../../nodes/lib/delivery/contract";
import { encode } from "../../../nodes/lib/delivery/dead-letter-format";
import { deadLetterRecords, letterOfRecord } from "../../../nodes/lib/kafka/dead-letter-record";
import {
  deadLetterTopic,
  waitingFolder,
  type DeadLetterTopicOptions,
} from "../../../nodes/lib/kafka/dead-letter-topic";
import { until } from "../../harness";
import { linesIn } from "../../harness/lines";
import { clusterFor, readAll, unique, type Cluster } from "./harness";

const letter = (message: Message, more: Partial<DeadLetter> = {}): DeadLetter => ({
  message,
  error: new TypeError("no such site"),
  node: { id: "n1", type: "citystream-influx-sink", name: "store" },
  attempts: 3,
  time: Date.UTC(2026, 0, 2),
  ...more,
});

const source = (offset: number) => ({ kind: "kafka", topic: "readings", partition: 2, offset, epoch: 1, group: "g" });

describe("dead letters in a Kafka topic", () => {
  let cluster: Cluster;
  let folder: string;
  let warnings: string[];
  before(async function services() {
    cluster = await clusterFor(this, true);
  });
  after(() => cluster?.close());
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-dead-"));
    warnings = [];
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const options = (topic: string, patience = 60_000): DeadLetterTopicOptions => ({
    topic,
    from: { id: "in", type: "citystream-kafka-in", name: "readings in" },
    folder,
    patience,
    state: () => undefined,
    warn: (text) => warnings.push(text),
  });
  it("have the headers that Kafka Connect writes, under its names, and come back as they were", async () => {
    const topic = unique("dead");
    const letters = deadLetterTopic(cluster.kafka, options(topic));
    const message = {
      topic: "air",
      payload: { temp: 21.5, raw: Buffer.from([0, 255]), nan: NaN },
      key: "k",
      headers: { unit: "C" },
      timestamp: 5,
      source: source(7),
    };
    await letters.write([letter(structuredClone(message)), letter({ payload: "text", source: source(8) })]);
    await letters.write([letter({ payload: Buffer.from([1, 2]), key: null, source: source(9) }, { id: "mine" })]);
    await letters.close();
    const records = await readAll(cluster.kafka, topic);
    const [first, second, third] = records;
    assert.ok(first && second && third);
    const header = (name: string): string => String(first.headers?.[name]);
    assert.deepEqual(
      Object.keys(first.headers ?? {}).filter((name) => name.startsWith("__connect")),
      [
        "__connect.errors.topic",
        "__connect.errors.partition",
        "__connect.errors.offset",
        "__connect.errors.connector.name",
        "__connect.errors.task.id",
        "__connect.errors.stage",
        "__connect.errors.class.name",
        "__connect.errors.exception.class.name",
        "__connect.errors.exception.message",
        "__connect.errors.exception.stacktrace",
      ],
    );
    assert.equal(header("__connect.errors.topic"), "readings");
    assert.equal(header("__connect.errors.partition"), "2");
    assert.equal(header("__connect.errors.offset"), "7");
    assert.equal(header("__connect.errors.connector.name"), "readings in");
    assert.equal(header("__connect.errors.stage"), "TASK_PUT");
    assert.equal(header("__connect.errors.class.name"), "citystream-influx-sink");
    assert.equal(header("__connect.errors.exception.class.name"), "TypeError");
    assert.equal(header("__connect.errors.exception.message"), "no such site");
    assert.match(header("__connect.errors.exception.stacktrace"), /TypeError: no such site\n\s+at /u);
    assert.equal(header("__citystream.node.id"), "n1");
    assert.equal(header("__citystream.node.name"), "store");
    assert.equal(header("__citystream.attempts"), "3");
    assert.equal(header("__citystream.time"), "2026-01-02T00:00:00.000Z");
    assert.equal(header("unit"), "C", "the record's own headers stay");
    assert.ok(Date.now() - first.timestamp < 3_600_000, "written now: old ones would be deleted by retention");
    const back = letterOfRecord(topic, first.partition, first);
    assert.deepEqual(back.message, structuredCloneBuffers(message));
    assert.deepEqual(back.node, { id: "n1", type: "citystream-influx-sink", name: "store" });
    assert.equal(letterOfRecord(topic, 0, second).message.payload, "text");
    assert.deepEqual(letterOfRecord(topic, 0, third).message.payload, Buffer.from([1, 2]));
    assert.equal(letterOfRecord(topic, 0, third).id, "mine");
  });

  it("keep a value whole that only looks like a batch", () => {
    for (const payload of [
      [{ payload: 1 }, null],
      [{ payload: 1 }, "abc"],
    ]) {
      const records = deadLetterRecords("dlq", letter({ payload }), "one", { id: "in", type: "citystream-kafka-in" });
      assert.deepEqual(
        records.map(({ value }) => String(value)),
        [JSON.stringify(payload)],
      );
    }
  });

  it("keep a record's own bytes as long as they are those of its payload, and not when that was edited", () => {
    const original = { value: Buffer.from('{"$date": "2026-01-01"}'), key: null };
    const written = (payload: unknown, originals = [original]) =>
      deadLetterRecords("dlq", letter({ payload, key: null }, { originals }), "one", { id: "in", type: "in" });
    const [kept] = written({ $date: "2026-01-01" });
    assert.deepEqual(kept?.value, original.value);
    const headers = Object.fromEntries(kept?.headers ?? []);
    const back = letterOfRecord("dlq", 0, {
      offset: 0,
      timestamp: 0,
      key: null,
      value: original.value,
      headers,
      size: 0,
    });
    assert.deepEqual(back.message.payload, { $date: "2026-01-01" }, "and not the date that a tag of ours would mean");
    for (const payload of [{ $date: "2026-01-02" }, { edited: true }, null, "text"]) {
      const [edited] = written(payload);
      const expected =
        payload === null ? null : Buffer.from(typeof payload === "string" ? payload : JSON.stringify(encode(payload)));
      assert.deepEqual(edited?.value, expected);
    }
  });

  it("reads what Kafka Connect itself has written", () => {
    const back = letterOfRecord("dlq", 1, {
      offset: 5,
      timestamp: 1_000,
      key: null,
      value: Buffer.from('{"a":1}'),
      headers: {
        "__connect.errors.topic": Buffer.from("orders"),
        "__connect.errors.partition": Buffer.from("0"),
        "__connect.errors.offset": Buffer.from("41"),
        "__connect.errors.connector.name": Buffer.from("sink"),
        "__connect.errors.exception.message": Buffer.from("Converting byte[] failed"),
      },
      size: 0,
    });
    assert.equal(back.id, "dlq/1/5");
    assert.deepEqual(back.message.payload, { a: 1 });
    assert.deepEqual(back.message["source"], { kind: "kafka", topic: "orders", partition: 0, offset: 41 });
    assert.equal(back.error.message, "Converting byte[] failed");
  });

  it("go to the folder when the topic takes none so large", async () => {
    const topic = unique("dead");
    await cluster.kafka.createTopic(topic, { partitions: 1, replication: 1, config: { "max.message.bytes": "2000" } });
    const letters = deadLetterTopic(cluster.kafka, options(topic));
    await letters.write([letter({ payload: "x".repeat(10_000) }), letter({ payload: "small" }, { error: small() })]);
    await letters.close();
    assert.equal((await readAll(cluster.kafka, topic)).length, 1);
    assert.equal(linesIn(folder).length, 1, warnings.join());
    assert.match(warnings.join(), /takes no record of \d+ bytes/u);
  });

  it("are durable in files while Kafka is down, and are brought to the topic once it is up, each once", async function away() {
    this.timeout(300_000);
    const topic = unique("dead");
    const letters = deadLetterTopic(cluster.kafka, options(topic, 1_000));
    await letters.write([letter({ payload: "before" })]);
    await cluster.service.stop();
    const writing = Array.from({ length: 50 }, (_, n) => letters.write([letter({ payload: n })]));
    await Promise.all(writing);
    await letters.write([letter({ payload: "later" })]);
    const files = waitingFolder(folder, topic);
    assert.equal(linesIn(files).length, 51);
    assert.match(warnings.join("\n"), /can't be written for 1 s: dead letters go to .*waiting-for-/u);
    await cluster.service.start();
    await until("the files are empty", () => linesIn(files).length === 0, 120_000);
    await letters.write([letter({ payload: "after" })]);
    // On a busy machine it may take the way over a file once more: a second is little for a broker that has just started.
    await until("the topic takes them again", () => linesIn(files).length === 0, 120_000);
    // 52 when the last one came before the way over files was closed.
    assert.match(warnings.join("\n"), /5[12] dead letters were brought to it/u);
    // A process that ends meanwhile leaves them to the next one.
    await cluster.service.stop();
    await letters.write([letter({ payload: "left" })]);
    await letters.close();
    assert.equal(linesIn(files).length, 1);
    const next = deadLetterTopic(cluster.kafka, options(topic, 1_000));
    await cluster.service.start();
    await until("the files are empty once more", () => linesIn(files).length === 0, 120_000);
    await next.close();
    const found = (await readAll(cluster.kafka, topic)).map(({ value }) => String(value));
    const expected = ["before", ...Array.from({ length: 50 }, (_, n) => String(n)), "later", "after", "left"];
    assert.deepEqual(found.toSorted(), expected.toSorted());
  });
});

const small = (): Error => Object.assign(new Error("no"), { stack: "no" });

const structuredCloneBuffers = (message: Message): Message => ({
  ...message,
  payload: { temp: 21.5, raw: Buffer.from([0, 255]), nan: NaN },
});
