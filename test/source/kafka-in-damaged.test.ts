/** What is stored in Kafka and can't be read any more. */
import assert from "node:assert/strict";
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import path from "node:path";
import type { Message } from "../../nodes/lib/delivery/contract";
import { openKafka } from "../../nodes/lib/kafka/kafkajs-client";
import type { Kafka } from "../../nodes/lib/kafka/port";
import { decodeDeadLetter } from "../../nodes/lib/delivery/dead-letter-format";
import { serviceFor } from "../../tools/services/for-test";
import { flowOf, nodeRed, type Harness } from "../harness";
import { clusterNode, collect, committedOf, kafkaIn, newTopic, record, unique, write } from "../lib/kafka/harness";
import { temporaryFolder } from "../lib/lake/stores";

describe("kafka in, with a damaged batch", () => {
  let kafka: Kafka;
  let brokers: string;
  let red: Harness;
  const data = temporaryFolder();

  before(async function services() {
    this.timeout(120_000);
    const service = await serviceFor(this, "kafka", { own: true, directory: data });
    ({ brokers } = service);
    kafka = openKafka({ brokers: [brokers], clientId: "test" });
    red = await nodeRed();
  });
  afterEach(() => red?.deploy([]));
  after(() => kafka?.close());

  /** Three batches in partition 0, the second with a bit turned over where Kafka stores it; one batch in partition 1. */
  const damagedTopic = async (): Promise<string> => {
    const topic = await newTopic(kafka, 2);
    for (const text of ["first", "second", "third"])
      await write(
        kafka,
        [0, 1].map((n) => record(topic, `${text} ${n}`, { partition: 0 })),
      );
    await write(kafka, [record(topic, "other", { partition: 1 })]);
    const file = path.join(data, "data", `${topic}-0`, "00000000000000000000.log");
    const at = readFileSync(file).indexOf("second 0");
    assert.ok(at > 0, "Kafka has stored it there");
    const handle = openSync(file, "r+");
    writeSync(handle, "S", at);
    closeSync(handle);
    return topic;
  };
  const deploy = (topic: string, group: string, more: Record<string, unknown>): Promise<void> =>
    red.deploy(flowOf(clusterNode(brokers), kafkaIn(topic, group, more), collect("got")));
  const got = (): unknown[] => red.collected("got").map(({ message }) => message.payload);
  const has = (...texts: string[]): Promise<void> =>
    red.until(`${texts.join()} came; got ${got().join()}`, () => texts.every((one) => got().includes(one)), 60_000);

  it("stops its partition alone, names the message that goes on behind it, and does so", async function stops() {
    this.timeout(180_000);
    const topic = await damagedTopic();
    const group = unique("group");
    red.logs.length = 0;
    await deploy(topic, group, {});
    await has("first 0", "first 1", "other");
    await red.until("it says so", () => /damaged batch/.test(red.status("in")?.text ?? ""), 60_000);
    const said = (): string => red.logs.map(({ msg }) => String(msg)).find((text) => /stands still/.test(text)) ?? "";
    assert.match(said(), /partition 0 stands still: the batch of offsets 2 to 3 can't be read: its checksum is wrong/);
    assert.deepEqual(got().toSorted(), ["first 0", "first 1", "other"]);
    await red.until("only that is committed", async () => (await committedOf(kafka, group, topic)) === 3, 60_000);
    red.receive("in", JSON.parse(/Send this node (\{.*?\})/.exec(said())?.[1] ?? "") as Message);
    await has("third 0", "third 1");
    await red.until("all is committed", async () => (await committedOf(kafka, group, topic)) === 7, 60_000);
    assert.ok(!got().some((text) => String(text).toLowerCase().startsWith("second")));
  });

  it("goes to dead letters with its bytes when told so, and the partition goes on", async function buries() {
    this.timeout(180_000);
    const topic = await damagedTopic();
    const group = unique("group");
    const folder = temporaryFolder();
    await deploy(topic, group, { damaged: "bury", deadLetterFolder: folder });
    await has("first 0", "first 1", "third 0", "third 1", "other");
    await red.until("all is committed", async () => (await committedOf(kafka, group, topic)) === 7, 60_000);
    const letters = readdirSync(folder).flatMap((file) =>
      readFileSync(path.join(folder, file), "utf8").trim().split("\n").map(decodeDeadLetter),
    );
    assert.equal(letters.length, 1);
    assert.match(letters[0]?.error.message ?? "", /the batch of offsets 2 to 3 can't be read/);
    assert.ok(Buffer.isBuffer(letters[0]?.message.payload) && letters[0].message.payload.includes("Second 0"));
  });

  it("is a small one too that unpacks to more than is read", async function bomb() {
    this.timeout(400_000);
    const topic = await newTopic(kafka, 2);
    const group = unique("group");
    const producer = kafka.producer({
      acks: "all",
      compression: "gzip",
      linger: 0,
      batchBytes: 1e9,
      bufferBytes: 1e9,
      state: () => undefined,
    });
    try {
      for (const value of ["first", Buffer.alloc(257 * 1024 * 1024), "last"]) {
        const [outcome] = await producer.send([record(topic, value, { partition: 0 })]);
        assert.ok(!(outcome instanceof Error), String(outcome));
      }
    } finally {
      await producer.close(1000);
    }
    await write(kafka, [record(topic, "other", { partition: 1 })]);
    await deploy(topic, group, { commitInterval: 10 });
    await has("first", "other");
    await red.until("it says so", () => /damaged batch/.test(red.status("in")?.text ?? ""), 150_000);
    const said = (): string =>
      red.logs.map(({ msg }) => String(msg)).findLast((text) => /stands still/.test(text)) ?? "";
    assert.match(said(), /offsets 1 to 1 can't be read: it holds more than 256 MB once it is unpacked/);
    red.receive("in", JSON.parse(/Send this node (\{.*?\})/.exec(said())?.[1] ?? "") as Message);
    await has("last");
    await red.until("all is committed", async () => (await committedOf(kafka, group, topic)) === 4, 60_000);
  });
});
