import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as fc from "fast-check";
import { encodeAside } from "../../../nodes/lib/kafka/aside-drain";
import type { OutgoingRecord } from "../../../nodes/lib/kafka/port";
import { spoolingProducer, type SpooledProducer } from "../../../nodes/lib/kafka/spooled-producer";
import { decodeRecord, encodeRecord } from "../../../nodes/lib/kafka/spooled-record";
import { Spool } from "../../../nodes/lib/spool/spool";
import { until } from "../../harness";
import { clusterFor, newTopic, readAll, record, type Cluster } from "./harness";

const LONG = 60_000;

describe("a spooled record", () => {
  it("comes back as it was, with the time at which it came where it had none", () => {
    const bytes = fc.uint8Array().map((content) => Buffer.from(content));
    const any = fc.record({
      topic: fc.string({ unit: "grapheme", minLength: 1 }),
      partition: fc.option(fc.nat(1000), { nil: undefined }),
      key: fc.option(bytes),
      value: fc.option(bytes),
      headers: fc.option(fc.array(fc.tuple(fc.string({ unit: "grapheme" }), fc.option(bytes)), { minLength: 1 }), {
        nil: undefined,
      }),
      timestamp: fc.option(fc.nat(), { nil: undefined }),
    });
    fc.assert(
      fc.property(any, (one) => {
        assert.deepEqual(decodeRecord(encodeRecord(one, 17)), { ...one, timestamp: one.timestamp ?? 17 });
      }),
    );
  });
});

describe("a producer with a spool", () => {
  let cluster: Cluster;
  let directory: string;
  let spooled: SpooledProducer | undefined;
  let refused: [OutgoingRecord, Error][];
  let lost: string[];
  const open = async (): Promise<SpooledProducer> =>
    (spooled = await spoolingProducer(
      (events) =>
        cluster.kafka.producer({
          acks: "all",
          compression: "none",
          linger: 0,
          batchBytes: 100_000,
          bufferBytes: 1_000_000,
          ...events,
        }),
      {
        directory,
        maxBytes: 1_000_000,
        bufferBytes: 1_000_000,
        state: () => undefined,
        diskTrouble: () => undefined,
        lost: (text) => void lost.push(text),
        cut: () => undefined,
        refused: async (one, error) => void refused.push([one, error]),
        changed: () => undefined,
      },
    ));
  /** What a process left that was killed. */
  const leave = async (contents: readonly Buffer[], folder = directory): Promise<void> => {
    const quiet = (): void => undefined;
    const spool = await Spool.open({
      directory: folder,
      maxBytes: 1e6,
      trouble: quiet,
      lost: quiet,
      cut: quiet,
      changed: quiet,
    });
    await spool.append(contents).durable;
    await spool.close();
  };

  before(async function services() {
    cluster = await clusterFor(this);
  });
  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), "citystream-spooled-"));
    refused = [];
    lost = [];
  });
  afterEach(async () => {
    await spooled?.close(1000);
    spooled = undefined;
    rmSync(directory, { recursive: true, force: true });
  });
  after(() => cluster?.close());

  it("brings what an earlier process left before what is new, and puts aside what Kafka never takes and what it can't read", async function left() {
    this.timeout(2 * LONG);
    const topic = await newTopic(cluster.kafka);
    const old = [record(topic, "old 1"), record(topic, "old 2", { partition: 9 }), record(topic, "old 3")];
    await leave([
      ...old.map((one) => encodeRecord(one, Date.now())),
      Buffer.from("junk"),
      encodeRecord(record(topic, "old 4"), 0),
    ]);
    const producer = await open();
    assert.equal(producer.spooled, 5);
    const [outcome] = await producer.send([record(topic, "new")]);
    assert.ok(!(outcome instanceof Error), String(outcome));
    await until("the spool is empty", () => producer.spooled === 0, LONG);
    assert.deepEqual(
      (await readAll(cluster.kafka, topic)).map(({ value }) => JSON.parse(String(value)) as string),
      ["old 1", "old 3", "old 4", "new"],
    );
    assert.match(
      refused.map(([one, error]) => `${String(one.value)}: ${error.message}`).join(),
      /^"old 2": .* has no partition 9/,
    );
    assert.match(lost.join(), /format 106/);
  });

  it("brings once, and in order, what a kill has left both in the spool and set aside", async function both() {
    this.timeout(2 * LONG);
    const topic = await newTopic(cluster.kafka);
    const all = Array.from({ length: 10 }, (_, n) => record(topic, n));
    await leave(all.map((one) => encodeRecord(one, 0)));
    await leave(
      all.slice(0, 4).map((one, n) => encodeAside(n, one)),
      path.join(directory, "aside", "some"),
    );
    const producer = await open();
    const outcomes = await producer.send([record(topic, 10)]);
    assert.ok(outcomes.every((outcome) => !(outcome instanceof Error)));
    await until("the spool is empty", () => producer.spooled === 0, LONG);
    assert.deepEqual(
      (await readAll(cluster.kafka, topic)).map(({ value }) => Number(String(value))),
      [...Array.from({ length: 11 }).keys()],
    );
    await until("nothing is left of it", () => readdirSync(path.join(directory, "aside")).length === 0, LONG);
  });

  it("goes past the disk while Kafka takes records, and tells where they are", async function direct() {
    this.timeout(2 * LONG);
    const topic = await newTopic(cluster.kafka);
    const producer = await open();
    const outcomes = await producer.send([record(topic, 1), record(topic, 2, { partition: 5 }), record(topic, 3)]);
    assert.deepEqual(outcomes[0], { partition: 0, offset: 0 });
    assert.match(String(outcomes[1]), /Rejected: .* has no partition 5/);
    assert.deepEqual(outcomes[2], { partition: 0, offset: 1 });
    assert.deepEqual([producer.spooled, refused], [0, []]);
  });
});
