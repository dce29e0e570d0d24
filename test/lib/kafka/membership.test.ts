/** How a consumer keeps, loses and regains its place in its group. */
import assert from "node:assert/strict";
import type { Consumer, ConsumerOptions } from "../../../nodes/lib/kafka/port";
import { watchProgress } from "../../../nodes/lib/kafka/watchdog";
import { until } from "../../harness";
import { clusterFor, newTopic, record, unique, write, type Cluster } from "./harness";

interface Member {
  readonly consumer: Consumer;
  readonly epochs: number[];
  readonly got: number[];
  readonly warned: string[];
  readonly troubles: string[];
}

describe("a consumer in its group", () => {
  let cluster: Cluster;
  const open: (() => Promise<void>)[] = [];
  const join = (topic: string, groupId: string, more: Partial<ConsumerOptions> = {}, commits = true): Member => {
    const member = { epochs: [] as number[], got: [] as number[], warned: [] as string[], troubles: [] as string[] };
    const consumer = cluster.kafka.consumer(
      { groupId, topics: [topic], start: "earliest", sessionTimeout: 6000, ...more },
      {
        async records(batch) {
          for (const { value } of batch.read(Infinity)) member.got.push(Number(value?.toString()));
          if (commits) await consumer.commit([{ ...batch, offset: batch.nextOffset }]).catch(() => undefined);
        },
        assigned(partitions) {
          member.epochs.push(partitions.length);
          return [];
        },
        revoking: async () => undefined,
        state: (trouble) => void (trouble && member.troubles.push(trouble.message)),
        warn: (text) => void member.warned.push(text),
      },
    );
    open.push(() => consumer.close());
    return { ...member, consumer };
  };

  before(async function services() {
    cluster = await clusterFor(this);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((close) => close()));
  });
  after(() => cluster?.close());

  it("starts again by itself when nothing has moved for a time, and says what stood still", async function stall() {
    this.timeout(120_000);
    const topic = await newTopic(cluster.kafka);
    await write(cluster.kafka, [record(topic, 1)]);
    const member = join(topic, unique("group"), { stallLimit: 2000 });
    await until("the first is read", () => member.got.includes(1), 30_000);
    // A broker that has just started may take as long to let it in.
    const before = member.warned.length;
    cluster.service.pause();
    try {
      await until("it says so", () => member.warned.length > before, 60_000);
    } finally {
      cluster.service.resume();
    }
    assert.match(
      member.warned[before] ?? "",
      /^Nothing has moved for \d+ s \(.*\w+ since \d+ s.*\): the consumer starts again/,
    );
    await write(cluster.kafka, [record(topic, 2)]);
    await until(
      `the second is read; got ${member.got.join()}, ${member.troubles.at(-1)}`,
      () => member.got.includes(2),
      90_000,
    );
  });

  it("does not take a process that was itself stopped for one in which nothing moves", async () => {
    let stalled = 0;
    const watchdog = watchProgress(200, () => stalled++);
    const end = Date.now() + 400;
    while (Date.now() < end);
    await new Promise((resolve) => setTimeout(resolve, 30));
    watchdog.stop();
    assert.equal(stalled, 0);
  });

  it("goes on without a name when another process has joined under it, and says so", async function fenced() {
    this.timeout(120_000);
    const topic = await newTopic(cluster.kafka, 2);
    const group = unique("group");
    const first = join(topic, group, { instanceId: "same" });
    await until("the first has both", () => first.epochs.at(-1) === 2, 30_000);
    const second = join(topic, group, { instanceId: "same" });
    await until(
      "one each",
      () => first.epochs.at(-1) === 1 && second.epochs.at(-1) === 1 && first.warned.length > 0,
      60_000,
    );
    assert.match(first.warned.join(), /Another process has joined group "group-[^"]+" as "same"/);
    assert.deepEqual(second.warned, []);
  });

  it("begins where the group has committed when a partition comes back, whatever seek was pending as it left", async function staleSeek() {
    this.timeout(180_000);
    const topic = await newTopic(cluster.kafka, 2);
    const groupId = unique("group");
    const fill = (partition: number, count: number): Promise<unknown> =>
      write(
        cluster.kafka,
        Array.from({ length: count }, (_, n) => record(topic, n, { partition })),
      );
    const reader = () => {
      const all = {
        owned: [] as number[],
        got: [] as { partition: number; offset: number }[],
        held: undefined as Promise<void> | undefined,
        sought: false,
      };
      const consumer = cluster.kafka.consumer(
        { groupId, topics: [topic], start: "earliest", sessionTimeout: 6000 },
        {
          async records(batch) {
            const { partition } = batch;
            for (const { offset } of batch.read(Infinity)) all.got.push({ partition, offset });
            await all.held;
            await consumer.commit([{ ...batch, offset: batch.nextOffset }]).catch(() => undefined);
          },
          assigned(partitions, _epoch, kept) {
            const before = all.owned;
            all.owned = partitions.map(({ partition }) => partition);
            return kept && all.sought
              ? partitions.flatMap((one) => (before.includes(one.partition) ? [{ ...one, offset: 0 }] : []))
              : [];
          },
          revoking: async () => undefined,
          state: () => undefined,
          warn: () => undefined,
        },
      );
      open.push(() => consumer.close());
      return { all, consumer };
    };
    await Promise.all([fill(0, 10), fill(1, 10)]);
    const first = reader();
    await until("all is read", () => first.all.got.length === 20, 30_000);
    // What is in hand keeps the driver from fetching, and so from taking up the seeks.
    let letGo = (): void => undefined;
    first.all.held = new Promise((resolve) => (letGo = resolve));
    await fill(0, 1);
    await until("a batch is in hand", () => first.all.got.length === 21, 30_000);
    first.all.sought = true;
    for (const partition of [0, 1]) first.consumer.seek({ topic, partition }, 0);
    const second = reader();
    await until("one each", () => first.all.owned.length === 1 && second.all.owned.length === 1, 60_000);
    first.all.sought = false;
    letGo();
    const lost = second.all.owned[0] ?? -1;
    await fill(lost, 5);
    const committed = async () =>
      (await cluster.kafka.committed(groupId, topic)).find(({ partition }) => partition === lost);
    const end = lost === 0 ? 16 : 15;
    await until("the other has read and committed it", async () => (await committed())?.offset === end, 60_000);
    // A driver that fetches partitions by themselves has taken up a seek while the partition was still this one's.
    const from = first.all.got.length;
    await second.consumer.close();
    await until("both are back", () => first.all.owned.length === 2, 60_000);
    await fill(lost, 1);
    const ofLost = (): number[] =>
      first.all.got.slice(from).flatMap(({ partition, offset }) => (partition === lost ? [offset] : []));
    await until("what came after is read", () => ofLost().includes(end), 60_000, ofLost);
    assert.deepEqual(ofLost(), [end]);
  });

  it("begins with the first record of a topic that comes later, also when it starts at new records", async function later() {
    this.timeout(120_000);
    const prefix = unique("later");
    const [old, missing] = [`${prefix}-old`, unique("missing")];
    const make = (topic: string): Promise<void> =>
      cluster.kafka.createTopic(topic, { partitions: 1, replication: 1, config: { "retention.ms": "-1" } });
    await make(old);
    await write(cluster.kafka, [record(old, 1)]);
    const member = join(old, unique("group"), { start: "latest", topics: [new RegExp(`^${prefix}-.*$`), missing] });
    await until("it has its partition", () => member.epochs.at(-1) === 1, 30_000);
    for (const [topic, value] of [
      [`${prefix}-new`, 2],
      [missing, 3],
      [old, 4],
    ] as const) {
      if (topic !== old) await make(topic);
      await write(cluster.kafka, [record(topic, value)]);
    }
    await until(
      "all that came since is read",
      () => [2, 3, 4].every((n) => member.got.includes(n)),
      60_000,
      () => [member.got, member.troubles],
    );
    assert.deepEqual(
      member.got.toSorted((a, b) => a - b),
      [2, 3, 4],
    );
  });

  it("goes on at the earliest record when the next one is gone, commits where, and says so", async () => {
    const topic = await newTopic(cluster.kafka);
    const group = unique("group");
    await write(cluster.kafka, [record(topic, 1), record(topic, 2)]);
    const first = join(topic, group);
    await until("both are read", () => first.got.length === 2, 30_000);
    await first.consumer.commit([{ topic, partition: 0, epoch: first.epochs.length, offset: 1000 }]);
    await first.consumer.close();
    const second = join(topic, group, { start: "latest" }, false);
    await until(`both again: ${second.got.join()}`, () => second.got.length === 2, 60_000);
    assert.match(
      second.warned.join(),
      /is not there: Kafka deleted it .* Going on at the earliest that is left, offset 0/,
    );
    // "Earliest" written as −2 would be nothing to the next member, which would begin at the end.
    assert.equal((await cluster.kafka.committed(group, topic))[0]?.offset, 0);
  });
});
