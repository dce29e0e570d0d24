/** Transactional producers of the driver, against a real Kafka; read by kafkajs itself, in committed isolation. */
import assert from "node:assert/strict";
import { Fenced, type Transactions, type TransactionalProducer } from "../../../nodes/lib/kafka/transaction-port";
import { until } from "../../harness";
import { clusterFor, committedOf, newTopic, readAll, record, unique, write, type Cluster } from "./harness";

const batching = { compression: "none", linger: 0, batchBytes: 100_000 } as const;

describe("a transactional producer", () => {
  let cluster: Cluster;
  let transactions: Transactions;
  const troubles: string[] = [];

  const producer = (transactionalId: string, own = transactions): TransactionalProducer =>
    own.producer({ transactionalId, timeout: 30_000, state: (error) => error && troubles.push(error.message) });
  const values = async (topic: string): Promise<unknown[]> =>
    (await readAll(cluster.kafka, topic)).map(({ value }) => JSON.parse(String(value)) as unknown);
  const send = async (to: TransactionalProducer, topic: string, ...numbers: number[]): Promise<void> => {
    const outcomes = await to.send(
      numbers.map((n) => record(topic, n)),
      batching,
    );
    for (const outcome of outcomes) if (outcome instanceof Error) throw outcome;
  };
  /** The end of a transaction is decided when `commit` resolves; readers see it a moment later. */
  const holds = async (topic: string, ...numbers: number[]): Promise<void> => {
    let found: unknown[] = [];
    await until(
      `${topic} holds ${numbers.join()}`,
      async () => (found = await values(topic)).length >= numbers.length,
      60_000,
      () => found,
    );
    assert.deepEqual(
      found.map(Number).sort((a, b) => a - b),
      numbers,
    );
  };
  /** A member of a group that owns the topic's partition. */
  const member = async (group: string, topic: string) => {
    let epoch = 0;
    const consumer = cluster.kafka.consumer(
      { groupId: group, topics: [topic], start: "earliest", sessionTimeout: 6000 },
      {
        records: async () => undefined,
        assigned(_partitions, now) {
          epoch = now;
          return [];
        },
        revoking: async () => undefined,
        state: () => undefined,
        warn: () => undefined,
      },
    );
    await until("the consumer is assigned", () => epoch > 0, 60_000);
    const membership = consumer.membership(epoch);
    assert.ok(membership, "a membership");
    return { consumer, membership };
  };

  before(async function services() {
    cluster = await clusterFor(this);
    transactions = cluster.kafka.transactions();
  });
  after(async () => {
    await transactions?.close();
    await cluster?.close();
  });

  it("shows records and offset together, or neither", async () => {
    const [input, output] = [await newTopic(cluster.kafka), await newTopic(cluster.kafka, 2)];
    const group = unique("group");
    const { consumer, membership } = await member(group, input);
    const own = producer(unique("id"));
    try {
      await own.start();
      await send(own, output, 1, 2, 3);
      assert.equal(await committedOf(cluster.kafka, group, input), 0);
      await own.commit(membership, { topic: input, partition: 0, offset: 3 });
      await holds(output, 1, 2, 3);
      await own.stable(group, { topic: input, partition: 0 });
      assert.equal(await committedOf(cluster.kafka, group, input), 3);

      await send(own, output, 4, 5);
      await own.abort();
      await send(own, output, 6);
      await own.commit(membership, { topic: input, partition: 0, offset: 6 });
      await holds(output, 1, 2, 3, 6);
      await own.stable(group, { topic: input, partition: 0 });
      assert.equal(await committedOf(cluster.kafka, group, input), 6);
    } finally {
      await own.close();
      await consumer.close();
    }
  });

  it("shows nothing of aborted transactions that ended in another order than they began", async () => {
    const output = await newTopic(cluster.kafka);
    const [first, second, third] = [producer(unique("id")), producer(unique("id")), producer(unique("id"))];
    try {
      await Promise.all([first.start(), second.start(), third.start()]);
      // The broker names aborted transactions in the order of their ends.
      await send(first, output, 1);
      await send(second, output, 2);
      await send(first, output, 3);
      await second.abort();
      await send(third, output, 4);
      await send(first, output, 5);
      await third.abort();
      await first.abort();
      await send(second, output, 6);
      await second.abort();
      await write(cluster.kafka, [record(output, 7)]);
      await holds(output, 7);
    } finally {
      await Promise.all([first.close(), second.close(), third.close()]);
    }
  });

  it("is fenced for good once another has taken its id: it neither writes, commits, nor takes the id back", async () => {
    const [input, output] = [await newTopic(cluster.kafka), await newTopic(cluster.kafka)];
    const group = unique("group");
    const { consumer, membership } = await member(group, input);
    const id = unique("id");
    const [old, young] = [producer(id), producer(id)];
    try {
      await old.start();
      await send(old, output, 1);
      await young.start();
      await send(young, output, 2);
      await assert.rejects(send(old, output, 3), Fenced);
      await assert.rejects(old.commit(membership, { topic: input, partition: 0, offset: 9 }), Fenced);
      await assert.rejects(old.abort(), Fenced);
      await young.commit(membership, { topic: input, partition: 0, offset: 2 });
      await holds(output, 2);
      await young.stable(group, { topic: input, partition: 0 });
      assert.equal(await committedOf(cluster.kafka, group, input), 2);
    } finally {
      await Promise.all([old.close(), young.close(), consumer.close()]);
    }
  });

  it("commits nothing for a member of an earlier generation", async () => {
    const [input, output] = [await newTopic(cluster.kafka), await newTopic(cluster.kafka)];
    const group = unique("group");
    const { consumer, membership } = await member(group, input);
    const own = producer(unique("id"));
    try {
      await own.start();
      await send(own, output, 1);
      const before = { ...membership, generationId: membership.generationId - 1 };
      await assert.rejects(own.commit(before, { topic: input, partition: 0, offset: 1 }), Fenced);
      await own.abort();
      assert.deepEqual(await values(output), []);
      assert.equal(await committedOf(cluster.kafka, group, input), 0);
    } finally {
      await own.close();
      await consumer.close();
    }
  });

  it("tells of a record that the topic does not take, and goes on", async () => {
    const output = await newTopic(cluster.kafka, 1, { "max.message.bytes": "1000" });
    const own = producer(unique("id"));
    try {
      await own.start();
      const outcomes = await own.send([record(output, 1), record(output, Buffer.alloc(5000))], batching);
      assert.match(String(outcomes[1]), /takes no record of/u);
      await own.abort();
    } finally {
      await own.close();
    }
    assert.deepEqual(troubles, []);
  });
});
