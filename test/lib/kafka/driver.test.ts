/** What every driver promises: who may commit, where it goes on, in which order it writes. Of the client the tests use. */
import assert from "node:assert/strict";
import { openKafka } from "../../../nodes/lib/kafka/drivers";
import type { Consumer, FetchedRecord, TopicPartition } from "../../../nodes/lib/kafka/port";
import { until } from "../../harness";
import { CLIENT, clusterFor, newTopic, record, unique, write, type Cluster } from "./harness";

interface Member {
  readonly consumer: Consumer;
  readonly owned: () => readonly TopicPartition[];
  readonly epochs: { epoch: number; kept: boolean; partitions: number }[];
  readonly got: FetchedRecord[];
  readonly next: Map<number, number>;
}

describe(`the ${CLIENT} driver, as every driver`, () => {
  let cluster: Cluster;
  const open: Consumer[] = [];
  const join = (topic: string, groupId: string, kafka = cluster.kafka): Member => {
    let owned: readonly TopicPartition[] = [];
    const epochs: Member["epochs"] = [];
    const got: FetchedRecord[] = [];
    const next = new Map<number, number>();
    const consumer = kafka.consumer(
      { groupId, topics: [topic], start: "earliest", sessionTimeout: 6000 },
      {
        async records(batch) {
          got.push(...batch.read(Infinity));
          next.set(batch.partition, batch.nextOffset);
        },
        assigned(partitions, epoch, kept) {
          owned = partitions;
          epochs.push({ epoch, kept, partitions: partitions.length });
          return kept
            ? partitions.flatMap(({ partition }) => {
                const offset = next.get(partition);
                return offset === undefined ? [] : [{ topic, partition, offset }];
              })
            : [];
        },
        revoking: async () => undefined,
        state: () => undefined,
        warn: () => undefined,
      },
    );
    open.push(consumer);
    return { consumer, owned: () => owned, epochs, got, next };
  };

  before(async function services() {
    cluster = await clusterFor(this);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((consumer) => consumer.close()));
  });
  after(() => cluster?.close());

  it("drops commits of an earlier assignment, so that a member that rejoined moves no offset back", async () => {
    const topic = await newTopic(cluster.kafka, 2);
    const group = unique("group");
    await write(
      cluster.kafka,
      [0, 1, 2, 3].map((n) => record(topic, n, { partition: n % 2 })),
    );
    const first = join(topic, group);
    await until("both partitions read", () => first.got.length === 4);
    const stale = first.epochs.at(-1)?.epoch ?? 0;
    const second = join(topic, group);
    await until("shared", () => first.owned().length === 1 && second.owned().length === 1, 30_000);
    const [own] = first.owned();
    assert.ok(own);
    const current = first.epochs.at(-1)?.epoch ?? 0;
    assert.notEqual(current, stale);
    assert.equal((await first.consumer.commit([{ ...own, epoch: current, offset: 2 }])).length, 1);
    assert.deepEqual(await first.consumer.commit([{ ...own, epoch: stale, offset: 1 }]), []);
    const committed = await cluster.kafka.committed(group, topic);
    assert.equal(committed.find(({ partition }) => partition === own.partition)?.offset, 2);
  });

  it("goes on where it was with partitions it kept over a rebalance, though nothing was committed", async () => {
    const topic = await newTopic(cluster.kafka, 1);
    await write(cluster.kafka, [record(topic, 1), record(topic, 2)]);
    // Who gets the one partition is the group's choice: only where the first member never lost it, it can go on.
    for (let attempt = 1; ; attempt++) {
      assert.ok(attempt <= 10, "the first member never kept its partition");
      const group = unique("group");
      const first = join(topic, group);
      await until("read", () => first.got.length >= 2);
      const second = join(topic, group);
      await until("joined again", () => first.epochs.length >= 2 && second.epochs.length >= 1, 30_000);
      await second.consumer.close();
      const generations = first.epochs.length;
      await until("alone again", () => first.owned().length === 1 && first.epochs.length >= generations, 30_000);
      const kept = first.epochs.every((epoch, at) => at === 0 || (epoch.kept && epoch.partitions === 1));
      if (kept && second.got.length === 0) {
        await write(cluster.kafka, [record(topic, 3)]);
        await until("the third read", () => first.got.some(({ value }) => String(value) === "3"), 30_000);
        assert.deepEqual(
          first.got.map(({ value }) => String(value)),
          ["1", "2", "3"],
        );
        return;
      }
      await first.consumer.close();
    }
  });

  it("shares a group with a member of the first driver, so that one process after the other may change", async () => {
    const topic = await newTopic(cluster.kafka, 2);
    const group = unique("group");
    const other = openKafka({ brokers: [cluster.brokers], clientId: "test" }, "kafkajs");
    const members = [join(topic, group), join(topic, group, other)];
    await until("one partition each", () => members.every((member) => member.owned().length === 1), 60_000);
    await write(
      cluster.kafka,
      [0, 1, 2, 3].map((n) => record(topic, n, { partition: n % 2 })),
    );
    await until("each has read its own", () => members.every(({ got }) => got.length === 2), 30_000);
    await Promise.all(open.splice(0).map((consumer) => consumer.close()));
    await other.close();
  });

  it("brings of a partition what there is room for, and as much as a fetch holds where nobody says", async () => {
    const topic = await newTopic(cluster.kafka);
    for (let n = 0; n < 30; n++) await write(cluster.kafka, [record(topic, "x".repeat(10_000))]);
    const brought = async (wanted?: () => number): Promise<number> => {
      const batches: number[] = [];
      const consumer = cluster.kafka.consumer(
        { groupId: unique("group"), topics: [topic], start: "earliest", sessionTimeout: 6000 },
        {
          records: async (batch) => void batches.push(batch.read(Infinity).length),
          ...(wanted && { wanted }),
          assigned: () => [],
          revoking: async () => undefined,
          state: () => undefined,
          warn: () => undefined,
        },
      );
      open.push(consumer);
      await until("all read", () => batches.reduce((sum, count) => sum + count, 0) === 30);
      return Math.max(...batches);
    };
    assert.equal(await brought(() => 35_000), 3);
    assert.equal(await brought(), 30);
  });

  it("brings the records of each partition while those of all others are in hand, also of a topic that was not there when it began", async function comes() {
    this.timeout(60_000);
    const PARTITIONS = 12;
    const topic = unique("comes");
    const inHand = new Set<number>();
    let missing = false;
    const finish = new AbortController();
    const finished = new Promise<void>((resolve) => finish.signal.addEventListener("abort", () => resolve()));
    const consumer = cluster.kafka.consumer(
      { groupId: unique("group"), topics: [topic], start: "earliest", sessionTimeout: 6000 },
      {
        async records({ partition }) {
          inHand.add(partition);
          await finished;
        },
        assigned: () => [],
        revoking: async () => undefined,
        state: (error) => void (missing ||= error !== undefined),
        warn: () => undefined,
      },
    );
    open.push(consumer);
    await until("it waits for its topic", () => missing, 20_000);
    await cluster.kafka.createTopic(topic, { partitions: PARTITIONS, replication: 1, config: {} });
    await write(
      cluster.kafka,
      Array.from({ length: PARTITIONS }, (_, partition) => record(topic, partition, { partition })),
    );
    await until(
      "each partition has its record in hand",
      () => inHand.size === PARTITIONS,
      30_000,
      () => [...inHand],
    ).finally(() => finish.abort());
  });

  it("keeps the order of a key's records, and stores each once, however many sends are under way", async () => {
    const topic = await newTopic(cluster.kafka, 3);
    const producer = cluster.kafka.producer({
      acks: "all",
      compression: "none",
      linger: 0,
      batchBytes: 2000,
      bufferBytes: 50_000,
      state: () => undefined,
    });
    const sends = Array.from({ length: 2000 }, (_, n) =>
      producer.send([record(topic, n, { key: Buffer.from(`key${n % 7}`) })]),
    );
    const outcomes = (await Promise.all(sends)).flat();
    assert.ok(outcomes.every((outcome) => !(outcome instanceof Error)));
    assert.equal(producer.buffered, 0);
    await producer.close(1000);
    const reader = join(topic, unique("group"));
    await until("all read", () => reader.got.length >= 2000);
    assert.equal(reader.got.length, 2000);
    const last = new Map<string, number>();
    for (const { key, value } of reader.got) {
      const number = Number(String(value));
      assert.ok(number > (last.get(String(key)) ?? -1), `key ${String(key)}: ${number} came late`);
      last.set(String(key), number);
    }
  });
});
