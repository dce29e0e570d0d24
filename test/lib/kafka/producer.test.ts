/** The producer against a real broker, over a wire on which answers get lost and topics vanish. */
import assert from "node:assert/strict";
import { ConfigError, Rejected, Retriable } from "../../../nodes/lib/errors";
import { makeLink } from "../../../nodes/lib/kafka/kafkajs-cluster";
import { kafkajsWire } from "../../../nodes/lib/kafka/kafkajs-wire";
import type { Outcome, OutgoingRecord, Producer, ProducerOptions } from "../../../nodes/lib/kafka/port";
import { makeProducer } from "../../../nodes/lib/kafka/producer";
import type { ProducerWire } from "../../../nodes/lib/kafka/producer-wire";
import { until } from "../../harness";
import { clusterFor, newTopic, readAll, record, type Cluster } from "./harness";

const UNKNOWN_TOPIC = 3;
const NOT_LEADER_OR_FOLLOWER = 6;
const NOT_ENOUGH_REPLICAS = 19;
const TOPIC_AUTHORIZATION_FAILED = 29;
const LONG = 60_000;

/** A wire that does to requests what the test says; all else reaches the broker. */
interface Faults {
  /** Topics that seem not to be there. */
  readonly hidden: Set<string>;
  /** The broker stores what is sent, and its answer gets lost, so many times. */
  loseAnswers: number;
  /** What the broker is made to answer instead of taking the request, once each. */
  readonly answers: number[];
  readonly requests: { readonly topics: readonly string[] }[];
  /** How often it became another producer, the first included. */
  identities: number;
}

describe("the producer", () => {
  let cluster: Cluster;
  const open: Producer[] = [];
  const troubled = (more: Partial<ProducerOptions> = {}): { producer: Producer; faults: Faults } => {
    const faults: Faults = { hidden: new Set(), loseAnswers: 0, answers: [], requests: [], identities: 0 };
    const wire = kafkajsWire(makeLink({ brokers: [cluster.brokers], clientId: "test" }));
    const bad: ProducerWire = {
      ...wire,
      identity() {
        faults.identities++;
        return wire.identity();
      },
      leaders: async (topic, anew) => (faults.hidden.has(topic) ? [] : wire.leaders(topic, anew)),
      async produce(leader, batches, acks, timeout) {
        faults.requests.push({ topics: batches.map(({ topic }) => topic) });
        const forced = batches.some(({ topic }) => faults.hidden.has(topic)) ? UNKNOWN_TOPIC : faults.answers.shift();
        if (forced !== undefined)
          return batches.map(({ topic, partition }) => ({ topic, partition, errorCode: forced, baseOffset: -1 }));
        const results = await wire.produce(leader, batches, acks, timeout);
        if (faults.loseAnswers > 0) {
          faults.loseAnswers--;
          throw Object.assign(new Error("Closed connection"), { name: "KafkaJSConnectionClosedError" });
        }
        return results;
      },
    };
    const producer = makeProducer(bad, {
      acks: "all",
      compression: "none",
      linger: 20,
      batchBytes: 512 * 1024,
      bufferBytes: 64 * 1024 * 1024,
      state: () => undefined,
      ...more,
    });
    open.push(producer);
    return { producer, faults };
  };
  const valuesOf = async (topic: string): Promise<unknown[]> =>
    (await readAll(cluster.kafka, topic)).map(({ value }) => JSON.parse(String(value)) as unknown);
  const isStored = (outcome: Outcome | undefined): boolean => outcome !== undefined && !(outcome instanceof Error);

  before(async function services() {
    cluster = await clusterFor(this);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((producer) => producer.close(0)));
  });
  after(() => cluster?.close());

  for (const compression of ["none", "zstd"] as const)
    it(`refuses a record that can't be encoded by itself, stores its neighbours and goes on (compression ${compression})`, async () => {
      const topic = await newTopic(cluster.kafka);
      const { producer } = troubled({ compression });
      const outcomes = await producer.send(
        Array.from({ length: 9 }, (_, n) => record(topic, n, n === 4 ? { timestamp: 0.5 } : {})),
      );
      const [refused] = outcomes.filter((outcome) => outcome instanceof Error);
      assert.ok(refused instanceof Rejected, String(refused));
      assert.match(refused.message, /can't be written as Kafka's bytes: .*timestamp 0\.5/);
      assert.equal(outcomes.indexOf(refused), 4);
      assert.ok(isStored((await producer.send([record(topic, 9)]))[0]));
      assert.deepEqual(await valuesOf(topic), [0, 1, 2, 3, 5, 6, 7, 8, 9]);
    });

  it("refuses a record that no broker answers to for its size, and stores its neighbours", async function large() {
    this.timeout(2 * LONG);
    const topic = await newTopic(cluster.kafka);
    const { producer } = troubled({ bufferBytes: 256 * 1024 * 1024 });
    const huge: OutgoingRecord = { topic, key: null, value: Buffer.alloc(105 * 1024 * 1024) };
    const outcomes = await producer.send([record(topic, 1), huge, record(topic, 2)]);
    assert.match(String(outcomes[1]), /Rejected: .* no broker takes a record of 110\d{6} bytes/);
    assert.ok(isStored(outcomes[0]) && isStored(outcomes[2]));
    assert.deepEqual(await valuesOf(topic), [1, 2]);
  });

  it("splits a batch that is too large for its topic, down to the record that is", async () => {
    const topic = await newTopic(cluster.kafka, 1, { "max.message.bytes": "3000" });
    const { producer } = troubled();
    const values = Array.from({ length: 100 }, (_, n) => String(n).padEnd(n === 37 ? 4000 : 200));
    const outcomes = await producer.send(values.map((value) => record(topic, value)));
    assert.match(String(outcomes[37]), /Rejected: .* takes no record of 40\d\d bytes/);
    assert.equal(outcomes.filter(isStored).length, 99);
    assert.deepEqual(
      await valuesOf(topic),
      values.filter((_, n) => n !== 37),
    );
  });

  it("splits a batch as the same producer when its broker did not know the topic at first: it has stored nothing", async () => {
    const topic = await newTopic(cluster.kafka, 1, { "max.message.bytes": "1000" });
    const { producer, faults } = troubled();
    faults.answers.push(UNKNOWN_TOPIC, NOT_ENOUGH_REPLICAS);
    const outcomes = await producer.send([record(topic, 1), record(topic, "x".repeat(2000)), record(topic, 2)]);
    assert.match(String(outcomes[1]), /Rejected: .* takes no record of/);
    assert.deepEqual(await valuesOf(topic), [1, 2]);
    assert.deepEqual([faults.answers, faults.identities], [[], 1]);
  });

  it("splits a batch that is too large as the same producer, whatever was not known of earlier tries", async () => {
    const topic = await newTopic(cluster.kafka, 1, { "max.message.bytes": "1000" });
    const { producer, faults } = troubled();
    faults.answers.push(NOT_LEADER_OR_FOLLOWER);
    faults.loseAnswers = 1;
    const outcomes = await producer.send([record(topic, 1), record(topic, "x".repeat(2000)), record(topic, 2)]);
    assert.match(String(outcomes[1]), /Rejected: .* takes no record of/);
    assert.deepEqual(await valuesOf(topic), [1, 2]);
    assert.deepEqual([faults.answers, faults.loseAnswers, faults.identities], [[], 0, 1]);
  });

  it("settles each partition of a request by what the broker said of it", async () => {
    const [small, good, without] = [
      await newTopic(cluster.kafka, 1, { "max.message.bytes": "1000" }),
      await newTopic(cluster.kafka, 2),
      await newTopic(cluster.kafka, 1, { "cleanup.policy": "compact" }),
    ];
    const { producer, faults } = troubled();
    // One request holds only partitions whose leaders the producer knows, and of new topics it learns one by one.
    const ahead = [record(small, 0), record(good, 0, { partition: 0 }), record(good, 0, { partition: 1 })];
    await producer.send([...ahead, record(without, 0, { key: Buffer.from("key") })]);
    faults.requests.length = 0;
    const outcomes = await producer.send([
      record(small, "x".repeat(2000)),
      record(good, 1, { partition: 0 }),
      record(without, 2),
      record(good, 3, { partition: 1 }),
    ]);
    assert.match(String(outcomes[0]), /Rejected: .* takes no record of/);
    assert.match(String(outcomes[2]), /Rejected: .* refuses the record \(INVALID_RECORD: .*without key/);
    assert.deepEqual(outcomes[1], { partition: 0, offset: 1 });
    assert.deepEqual(outcomes[3], { partition: 1, offset: 1 });
    const [request, ...others] = faults.requests.filter(({ topics }) => topics.includes(good));
    assert.deepEqual(others, [], "what was stored is not sent again");
    assert.deepEqual(request?.topics.toSorted(), [small, good, good, without].toSorted());
  });

  it("stores what comes after a topic was not to be seen for a while, under the broker's eyes as the same producer", async () => {
    const topic = await newTopic(cluster.kafka);
    const { producer, faults } = troubled();
    assert.ok(isStored((await producer.send([record(topic, "before")]))[0]));
    faults.hidden.add(topic);
    const [missed] = await producer.send([record(topic, "unseen")]);
    assert.ok(missed instanceof Retriable && /does not exist/.test(missed.message), String(missed));
    faults.hidden.clear();
    assert.ok(isStored((await producer.send([record(topic, "after")]))[0]));
    assert.deepEqual(await valuesOf(topic), ["before", "after"]);
  });

  it("takes no record for one whose answer was lost, when that one was given up as its topic vanished", async () => {
    const topic = await newTopic(cluster.kafka);
    const { producer, faults } = troubled();
    assert.ok(isStored((await producer.send([record(topic, "first")]))[0]));
    faults.loseAnswers = 1;
    const doubtful = producer.send([record(topic, "doubtful")]);
    await until("the answer is lost", () => faults.loseAnswers === 0);
    faults.hidden.add(topic);
    assert.ok((await doubtful)[0] instanceof Error);
    faults.hidden.clear();
    assert.ok(isStored((await producer.send([record(topic, "next")]))[0]));
    assert.deepEqual(await valuesOf(topic), ["first", "doubtful", "next"]);
  });

  it("takes no record for one whose answer was lost, when that one was refused at the next try", async () => {
    const topic = await newTopic(cluster.kafka);
    const { producer, faults } = troubled();
    faults.loseAnswers = 1;
    const doubtful = producer.send([record(topic, "doubtful")]);
    await until("the answer is lost", () => faults.loseAnswers === 0);
    faults.answers.push(TOPIC_AUTHORIZATION_FAILED);
    const [refused] = await doubtful;
    assert.ok(refused instanceof ConfigError, String(refused));
    assert.ok(isStored((await producer.send([record(topic, "next")]))[0]));
    assert.deepEqual(await valuesOf(topic), ["doubtful", "next"]);
  });

  it("stores a batch once whose answers were lost", async () => {
    const topic = await newTopic(cluster.kafka);
    const { producer, faults } = troubled();
    faults.loseAnswers = 3;
    const outcomes = await producer.send(Array.from({ length: 20 }, (_, n) => record(topic, n)));
    assert.ok(outcomes.every(isStored));
    assert.deepEqual(
      await valuesOf(topic),
      Array.from({ length: 20 }, (_, n) => n),
    );
  });

  it("gives up no record on a broker's unexplained error, but the one it can't digest", async function undigested() {
    this.timeout(2 * LONG);
    const topic = await newTopic(cluster.kafka);
    const { producer, faults } = troubled();
    faults.answers.push(-1, -1, -1);
    assert.ok(isStored((await producer.send([record(topic, 1)]))[0]));
    faults.answers.push(...Array.from({ length: 10 }, () => -1));
    assert.match(String((await producer.send([record(topic, 2)]))[0]), /Rejected: .* refuses the record \(UNKNOWN: /);
    assert.ok(isStored((await producer.send([record(topic, 3)]))[0]));
    assert.deepEqual(await valuesOf(topic), [1, 3]);
  });

  it("refuses a name that no topic can have, at once and alone", async () => {
    const topic = await newTopic(cluster.kafka);
    const { producer } = troubled({ create: { partitions: 1, replication: 1, config: {} } });
    const outcomes = await producer.send([record("no good", 1), record(topic, 2)]);
    assert.match(String(outcomes[0]), /Rejected: "no good" cannot be a topic name/);
    assert.ok(isStored(outcomes[1]));
  });

  it("sends to a partition that was added while it ran", async () => {
    const topic = await newTopic(cluster.kafka, 1);
    const { producer } = troubled();
    assert.ok(isStored((await producer.send([record(topic, 1)]))[0]));
    const link = makeLink({ brokers: [cluster.brokers], clientId: "test" });
    await link.cluster.connect();
    await link.cluster.refreshMetadata();
    const controller = (await link.cluster.findControllerBroker()) as unknown as {
      createPartitions(options: object): Promise<unknown>;
    };
    await controller.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
    await link.close();
    await until("the new partition is there", async () => (await cluster.kafka.offsets(topic)).length === 3);
    await until("its metadata is old", async () => {
      const [outcome] = await producer.send([record(topic, 2, { partition: 2 })]);
      return isStored(outcome);
    });
    assert.match(String((await producer.send([record(topic, 3, { partition: 3 })]))[0]), /no partition 3; it has 3/);
  });

  for (const [what, partitions] of [
    ["as it was", 3],
    ["with fewer partitions", 1],
    ["with more", 5],
  ] as const)
    it(`loses and repeats nothing of what it has acknowledged in a topic that is deleted and made anew ${what} while it runs`, async function anew() {
      this.timeout(3 * LONG);
      const topic = await newTopic(cluster.kafka, 3);
      const { producer } = troubled({ linger: 1 });
      const acknowledged = new Map<number, number>();
      const tried = new Map<number, number>();
      const stopping = new AbortController();
      const one = async (n: number): Promise<void> => {
        for (;;) {
          tried.set(n, (tried.get(n) ?? 0) + 1);
          const [outcome] = await producer.send([record(topic, n, { key: Buffer.from(`k${n % 11}`) })]);
          if (isStored(outcome)) return void acknowledged.set(n, performance.now());
          assert.ok(outcome instanceof Retriable, String(outcome));
        }
      };
      let sent = 0;
      const load = (async () => {
        const all: Promise<void>[] = [];
        while (!stopping.signal.aborted) {
          for (let burst = 0; burst < 5; burst++) all.push(one(sent++));
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        await Promise.all(all);
      })();
      const reach = (count: number): Promise<void> =>
        until(
          `${count} acknowledged`,
          () => acknowledged.size >= count,
          LONG,
          () => [acknowledged.size, sent],
        );
      await reach(300);
      await cluster.kafka.deleteTopics([topic]);
      await until("the topic is gone", async () => (await cluster.kafka.offsets(topic)).length === 0, LONG);
      await cluster.kafka.createTopic(topic, { partitions, replication: 1, config: { "retention.ms": "-1" } });
      // Not before: the broker says that a topic is gone a moment before it stops storing into it.
      const made = performance.now();
      await reach(acknowledged.size + 1500);
      stopping.abort();
      await load;
      const found = (await valuesOf(topic)) as number[];
      const distinct = new Set(found);
      const missing = [...acknowledged].filter(([n, at]) => at > made && !distinct.has(n)).map(([n]) => n);
      console.log(
        `      sent ${sent}, acknowledged after it was made anew ${[...acknowledged.values()].filter((at) => at > made).length}, missing ${missing.length}, repeated ${found.length - distinct.size}, tried twice ${[...tried.values()].filter((times) => times > 1).length}`,
      );
      assert.deepEqual(missing, []);
      assert.equal(found.length, distinct.size);
    });
});
