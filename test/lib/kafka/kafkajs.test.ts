/** Holds what the driver relies on in kafkajs 2.2.4, and the faults it meets. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ConfigError, Rejected, Retriable } from "../../../nodes/lib/errors";
import { explain } from "../../../nodes/lib/kafka/errors";
import { makeLink } from "../../../nodes/lib/kafka/kafkajs-cluster";
import type { Consumer, FetchedRecord, TopicPartition } from "../../../nodes/lib/kafka/port";
import { until } from "../../harness";
import { clusterFor, newTopic, record, unique, write, type Cluster } from "./harness";

interface Member {
  readonly consumer: Consumer;
  readonly owned: () => readonly TopicPartition[];
  readonly epochs: { epoch: number; kept: boolean; partitions: number }[];
  readonly got: FetchedRecord[];
  readonly next: Map<number, number>;
}

describe("the kafkajs driver", () => {
  let cluster: Cluster;
  const open: Consumer[] = [];
  const join = (topic: string, groupId: string): Member => {
    let owned: readonly TopicPartition[] = [];
    const epochs: Member["epochs"] = [];
    const got: FetchedRecord[] = [];
    const next = new Map<number, number>();
    const consumer = cluster.kafka.consumer(
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

  it("is written against exactly this version", () => {
    const { version } = JSON.parse(readFileSync(require.resolve("kafkajs/package.json"), "utf8")) as {
      version: string;
    };
    assert.equal(version, "2.2.4");
  });

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

  it("sets no timer of a millisecond while idle", async () => {
    const link = makeLink({ brokers: [cluster.brokers], clientId: "test" });
    await link.cluster.connect();
    await link.cluster.refreshMetadata();
    const real = globalThis.setTimeout;
    let short = 0;
    globalThis.setTimeout = ((callback: () => void, delay?: number) => {
      if ((delay ?? 0) <= 1 && new Error().stack?.includes("kafkajs")) short++;
      return real(callback, delay);
    }) as typeof setTimeout;
    try {
      await new Promise((resolve) => real(resolve, 300));
    } finally {
      globalThis.setTimeout = real;
      await link.close();
    }
    assert.ok(short <= 2, `${short} short timers in 300 ms`);
  });

  it("tells apart what the user, time or nobody can mend", async () => {
    const context = { brokers: ["b:1"], tls: false, mechanism: "PLAIN", username: "ann" };
    const refused = explain(
      Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", broker: "b:1" }),
      context,
    );
    assert.ok(refused instanceof Retriable && refused.unreachable);
    const login = explain(Object.assign(new Error("no"), { name: "KafkaJSSASLAuthenticationError" }), context);
    assert.ok(login instanceof ConfigError);
    const permission = explain(Object.assign(new Error("no"), { type: "TOPIC_AUTHORIZATION_FAILED" }), context);
    assert.ok(permission instanceof ConfigError && /user "ann" may not use this topic/.test(permission.message));
    const own = new Rejected("too large");
    assert.equal(explain(own, context), own);
    const wrapped = Object.assign(new Error("retries"), { name: "KafkaJSNumberOfRetriesExceeded", cause: refused });
    assert.match(explain(wrapped, context).message, /Kafka/);
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
