/** A producer with a spool, some of whose topics Kafka does not take while it takes others. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { openKafka } from "../../../nodes/lib/kafka/drivers";
import type { Kafka, OutgoingRecord, Producer } from "../../../nodes/lib/kafka/port";
import { spoolingProducer, type SpooledProducer } from "../../../nodes/lib/kafka/spooled-producer";
import { encodeRecord } from "../../../nodes/lib/kafka/spooled-record";
import { Spool } from "../../../nodes/lib/spool/spool";
import type { Service } from "../../../tools/services";
import { serviceFor } from "../../../tools/services/for-test";
import { until } from "../../harness";
import { bytesBelow } from "../../sink/spooling";
import { CLIENT, readAll, record, unique } from "./harness";
import { killBroker, topicsWithoutCopy } from "./leaderless";

const LONG = 120_000;
const KEYS = 5;

describe(`a producer with a spool, by ${CLIENT}, of a topic that can't be written`, () => {
  let service: Service<"kafka">;
  let kafka: Kafka;
  let directory: string;
  let spooled: SpooledProducer | undefined;
  let refused: OutgoingRecord[];
  /** How many records were given to Kafka at a time, by topic. */
  let given: Map<string, number[]>;
  let trouble: string | undefined;
  let pool: string[] = [];
  /** On the broker that stays, and on the one that is killed. */
  let healthy: string;
  let leaderless: string;

  const watched = (producer: Producer): Producer => ({
    ...producer,
    get buffered() {
      return producer.buffered;
    },
    send(records) {
      for (const topic of new Set(records.map((one) => one.topic))) {
        const counts = given.get(topic) ?? [];
        counts.push(records.filter((one) => one.topic === topic).length);
        given.set(topic, counts);
      }
      return producer.send(records);
    },
  });
  const open = async (maxBytes = 1_000_000): Promise<SpooledProducer> =>
    (spooled = await spoolingProducer(
      (events) =>
        watched(
          kafka.producer({
            acks: "all",
            compression: "none",
            linger: 0,
            batchBytes: 100_000,
            bufferBytes: 1_000_000,
            ...events,
          }),
        ),
      {
        directory,
        maxBytes,
        bufferBytes: 1_000_000,
        state: (error) => (trouble = error?.message),
        diskTrouble: () => undefined,
        lost: (text) => assert.fail(text),
        cut: () => undefined,
        refused: async (one) => void refused.push(one),
        changed: () => undefined,
      },
    ));
  const close = async (): Promise<void> => {
    await spooled?.close(1000);
    spooled = undefined;
  };
  /** Numbered records with keys. */
  const numbered = (topic: string, from: number, to: number, size = 0): OutgoingRecord[] =>
    Array.from({ length: to - from }, (_, at) =>
      record(topic, { n: from + at, pad: "x".repeat(size) }, { key: Buffer.from(`k${(from + at) % KEYS}`) }),
    );
  const numberOf = ({ value }: { readonly value: Buffer | null }): number =>
    (JSON.parse(String(value)) as { n: number }).n;
  const spools = (producer: SpooledProducer, count: number): Promise<unknown> =>
    until(
      `${count} are on disk`,
      () => producer.spooled === count,
      20_000,
      () => `${producer.spooled} are`,
    );
  const inKafka = async (topic: string): Promise<number> =>
    (await kafka.offsets(topic)).reduce((sum, { high }) => sum + high, 0);
  /** All of a topic: each once, each key in order. */
  const isWhole = async (topic: string, to: number): Promise<void> => {
    const numbers = (await readAll(kafka, topic)).map(numberOf);
    assert.deepEqual(
      [new Set(numbers).size, numbers.length],
      [to, to],
      `${topic}: ${numbers.length} records, ${new Set(numbers).size} of them different`,
    );
    for (let key = 0; key < KEYS; key++) {
      const own = numbers.filter((n) => n % KEYS === key);
      assert.deepEqual(
        own,
        own.toSorted((a, b) => a - b),
      );
    }
  };
  /** What a process left that was killed. */
  const leave = async (records: readonly OutgoingRecord[]): Promise<void> => {
    const quiet = (): void => undefined;
    const spool = await Spool.open({
      directory,
      maxBytes: 1e6,
      trouble: quiet,
      lost: quiet,
      cut: quiet,
      changed: quiet,
    });
    await spool.append(records.map((one) => encodeRecord(one, Date.now()))).durable;
    await spool.close();
  };
  before(async function services() {
    service = await serviceFor(this, "kafka", {
      own: true,
      brokers: 2,
      heap: 256,
      properties: { "auto.create.topics.enable": "false" },
    });
    kafka = openKafka({ brokers: service.brokers.split(","), clientId: "test" }, CLIENT);
    pool = await topicsWithoutCopy(kafka, 16);
  });
  beforeEach(async function topics() {
    this.timeout(2 * LONG);
    ({ stays: healthy, goes: leaderless } = await killBroker(service, kafka, pool));
    pool = pool.filter((topic) => topic !== healthy && topic !== leaderless);
    directory = mkdtempSync(path.join(tmpdir(), "citystream-aside-"));
    refused = [];
    given = new Map();
    trouble = undefined;
  });
  afterEach(async () => {
    await close();
    if (directory) rmSync(directory, { recursive: true, force: true });
  });
  after(async () => {
    await kafka?.close();
    await service?.kill9();
  });

  it("brings the others at once, one that is not there in its order to who keeps it, and reads at most 64 again at a time", async function missing() {
    this.timeout(3 * LONG);
    const absent = unique("absent");
    await leave(
      [...numbered(absent, 0, 300), ...numbered(healthy, 0, 700)].toSorted((a, b) => numberOf(a) - numberOf(b)),
    );
    const producer = await open();
    const begun = Date.now();
    await until("the others are in Kafka", async () => (await inKafka(healthy)) === 700, 20_000);
    const others = Date.now() - begun;
    await spools(producer, 300);
    const outcomes = await producer.send([...numbered(healthy, 700, 720), ...numbered(absent, 300, 320)]);
    assert.ok(
      outcomes.slice(0, 20).every((one) => one !== "spooled"),
      "they do not touch the disk",
    );
    assert.ok(outcomes.slice(20).every((one) => one === "spooled"));
    assert.match(trouble ?? "", new RegExp(`"${absent}" does not exist`));
    await until(
      "nothing is left",
      () => producer.spooled === 0,
      LONG,
      () => `${producer.spooled} left`,
    );
    console.log(`      the others after ${others} ms, nothing left after ${Date.now() - begun} ms`);
    assert.deepEqual(refused.map(numberOf), [...Array.from({ length: 320 }).keys()]);
    await isWhole(healthy, 720);
    const [first, ...again] = given.get(absent) ?? [];
    assert.equal(first, 300);
    assert.ok(
      again.every((count) => count <= 64),
      again.join(),
    );
    // Five tries of the first 64, and one of each of the others.
    assert.equal(again.filter((count) => count === 64).length, 5 + 4);
    await until("its folder is gone", () => readdirSync(path.join(directory, "aside")).length === 0, LONG);
    await until("all is well", () => trouble === undefined, LONG);
  });

  it("brings the others while one has no leader, and that one whole and in order when it has, also over a restart", async function away() {
    this.timeout(4 * LONG);
    let producer = await open();
    const sent: Promise<unknown>[] = [];
    const next = { [healthy]: 0, [leaderless]: 0 };
    const send = (topic: string, count: number): void => {
      for (let n = 0; n < count; n++) sent.push(producer.send(numbered(topic, next[topic]!, (next[topic]! += 1))));
    };
    for (let round = 0; round < 10; round++) {
      send(leaderless, 10);
      send(healthy, 10);
    }
    await until("the others are in Kafka", async () => (await inKafka(healthy)) === 100, 20_000);
    await Promise.all(sent);
    send(healthy, 50);
    send(leaderless, 50);
    await Promise.all(sent);
    const expected = new RegExp(`"${leaderless}": partition 0 has no leader`, "u");
    await until(
      "it says what is away",
      () => expected.test(trouble ?? ""),
      LONG,
      () => trouble ?? "nothing",
    );
    await spools(producer, 150);
    await close();
    producer = await open();
    await spools(producer, 150);
    send(leaderless, 50);
    send(healthy, 50);
    await Promise.all(sent);
    await until("the others are in Kafka", async () => (await inKafka(healthy)) === 200, 20_000);
    await spools(producer, 200);
    await service.start();
    send(leaderless, 50);
    await until(
      "nothing is left",
      () => producer.spooled === 0,
      LONG,
      () => `${producer.spooled} left`,
    );
    await Promise.all(sent);
    send(leaderless, 50);
    await Promise.all(sent);
    await isWhole(leaderless, 300);
    await isWhole(healthy, 200);
    assert.deepEqual(refused, []);
    assert.ok((given.get(leaderless) ?? []).every((count) => count <= 64));
  });

  it("sets aside at most half of the spool: then the others wait too, and nothing is lost", async function half() {
    this.timeout(4 * LONG);
    const maxBytes = 400_000;
    const producer = await open(maxBytes);
    let done = 0;
    const count = 400;
    const sent: Promise<unknown>[] = [];
    for (let n = 0; n < count; n++)
      sent.push(producer.send(numbered(leaderless, n, n + 1, 1000)).then(() => void done++));
    await until(
      "the spool is full",
      () => producer.spooled > 250 && done < count,
      LONG,
      () => `${done} done, ${producer.spooled} spooled`,
    );
    let most = 0;
    const aside = path.join(directory, "aside");
    await until(
      "half of it is set aside",
      () => (most = Math.max(most, bytesBelow(aside))) > maxBytes * 0.45,
      LONG,
      () => `${bytesBelow(aside)} bytes are`,
    );
    const more = [0, 1, 2].map((n) => producer.send(numbered(healthy, n, n + 1)));
    await service.start();
    await until(
      "nothing is left",
      () => {
        most = Math.max(most, bytesBelow(aside));
        return producer.spooled === 0;
      },
      LONG,
      () => `${producer.spooled} left`,
    );
    await Promise.all([...sent, ...more]);
    console.log(`      set aside at most ${most} bytes of ${maxBytes}`);
    assert.ok(most <= maxBytes / 2);
    await isWhole(leaderless, count);
    await isWhole(healthy, 3);
    assert.deepEqual(refused, []);
  });
});
