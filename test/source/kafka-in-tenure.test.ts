/** Under which assignment records were fetched: as long as a process has a partition without a break, and no longer. */
import assert from "node:assert/strict";
import type { Tenure } from "../../nodes/lib/delivery/contract";
import type { Consumer } from "../../nodes/lib/kafka/port";
import { decodersOf } from "../../nodes/source/kafka-in/decode";
import { makeIntake } from "../../nodes/source/kafka-in/intake";
import { until } from "../harness";
import { clusterFor, newTopic, record, unique, write, type Cluster } from "../lib/kafka/harness";

const PARTITIONS = 2;

describe("kafka in, the tenures of its emissions", function tenures() {
  this.timeout(180_000);
  let cluster: Cluster;
  const open: (() => Promise<void>)[] = [];

  before(async function services() {
    cluster = await clusterFor(this);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((close) => close()));
  });
  after(() => cluster?.close());

  /** A member; by partition the tenures that its emissions had, each once, in their order. */
  const join = (topic: string, group: string) => {
    const had = new Map<number, Tenure[]>();
    let consumer: Consumer | undefined;
    const intake = makeIntake(
      {
        mode: "record",
        group,
        source: {
          running: true,
          pressure: () => undefined,
          deliver(emission, finished) {
            const { tenure } = emission;
            assert.ok(tenure);
            const list = had.get(tenure.partition) ?? [];
            had.set(tenure.partition, list);
            if (!list.includes(tenure)) list.push(tenure);
            setImmediate(() => finished("delivered"));
          },
        },
        decoders: decodersOf("json", "text", undefined),
        span: { records: 1000, bytes: 1e6 },
        bury: async () => undefined,
      },
      {
        batchRecords: 1,
        commitInterval: 10,
        commitRecords: 1000,
        damaged: "stop",
        stuck: () => undefined,
        warn: () => undefined,
        revokeDrain: 1000,
      },
      () => consumer,
    );
    consumer = cluster.kafka.consumer(
      { groupId: group, topics: [topic], start: "earliest", sessionTimeout: 6000 },
      {
        records: intake.records,
        assigned: intake.assigned,
        revoking: intake.revoking,
        state: () => undefined,
        warn: () => undefined,
      },
    );
    const using = consumer;
    const close = async (): Promise<void> => {
      intake.stop();
      await intake.commit();
      await using.close();
    };
    open.push(close);
    return { had, close, owned: () => intake.owned.map(({ partition }) => partition) };
  };
  const fill = (topic: string): Promise<unknown> =>
    write(
      cluster.kafka,
      Array.from({ length: PARTITIONS }, (_, partition) => record(topic, 1, { partition })),
    );

  it("go on where a rebalance leaves the partition, and are over where it takes it away, which the coordinator says too", async () => {
    const topic = await newTopic(cluster.kafka, PARTITIONS);
    const group = unique("tenure");
    await fill(topic);
    const one = join(topic, group);
    await until("it reads both", () => one.had.size === PARTITIONS, 60_000);
    const first = [0, 1].map((partition) => one.had.get(partition)?.[0] as Tenure);
    assert.deepEqual(await Promise.all(first.map((tenure) => tenure.confirm())), [true, true]);

    const two = join(topic, group);
    await until("each has one", () => one.owned().length === 1 && two.owned().length === 1, 60_000);
    const [kept = -1] = one.owned();
    const moved = 1 - kept;
    await fill(topic);
    await until("the other reads", () => two.had.has(moved), 60_000);
    assert.deepEqual([first[kept]?.over, first[moved]?.over], [false, true]);
    assert.equal(await first[kept]?.confirm(), true);
    assert.equal(await first[moved]?.confirm(), false);
    assert.equal(await two.had.get(moved)?.[0]?.confirm(), true);

    await two.close();
    assert.equal(two.had.get(moved)?.[0]?.over, true, "the node has closed");
    await until("it is back", () => one.owned().length === PARTITIONS, 60_000);
    await fill(topic);
    await until("it reads what has come back", () => one.had.get(moved)?.length === 2, 60_000);
    assert.deepEqual([one.had.get(kept)?.length, one.had.get(moved)?.[0]?.over], [1, true]);
    assert.equal(await one.had.get(moved)?.[1]?.confirm(), true);
  });
});
