/** kafka in, at most once: only a crash may lose records, and none comes twice. */
import assert from "node:assert/strict";
import type { Consumer } from "../../nodes/lib/kafka/port";
import { decodersOf } from "../../nodes/source/kafka-in/decode";
import { makeIntake, type Intake } from "../../nodes/source/kafka-in/intake";
import { flowOf, nodeRed, type Harness } from "../harness";
import {
  clusterFor,
  clusterNode,
  collect,
  committedOf,
  kafkaIn,
  newTopic,
  record,
  unique,
  write,
  type Cluster,
} from "../lib/kafka/harness";

describe("kafka in, at most once", () => {
  let cluster: Cluster;
  let red: Harness;
  const once = (topic: string, group: string, more: Record<string, unknown> = {}): Promise<void> =>
    red.deploy(
      flowOf(
        clusterNode(cluster.brokers),
        kafkaIn(topic, group, { delivery: "atMostOnce", commitRecords: 50, spanRecords: 50, drain: 0, ...more }),
        collect("got", more["manual"] === true),
      ),
    );
  const numbers = (): number[] => red.collected("got").map(({ message }) => message.payload as number);
  const fill = (topic: string, from: number, to: number, partition = 0): Promise<unknown> =>
    write(
      cluster.kafka,
      Array.from({ length: to - from }, (_, at) => record(topic, from + at, { partition })),
    );
  const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);
  /** Finishes what is in the flow, as far as it is meant, each once. */
  const finish = (finished: Set<unknown>, meant: (n: number) => boolean = () => true): void => {
    for (const one of red.collected("got")) {
      if (finished.has(one) || !meant(one.message.payload as number)) continue;
      finished.add(one);
      one.done();
    }
  };

  before(async function services() {
    cluster = await clusterFor(this);
    red = await nodeRed();
  });
  afterEach(() => red?.deploy([]));
  after(() => cluster?.close());

  it("gives back on close what it has committed and not given to the flow", async function close() {
    this.timeout(120_000);
    const topic = await newTopic(cluster.kafka);
    const group = unique("group");
    await fill(topic, 0, 200);
    await once(topic, group, { manual: true });
    await red.until("its span is full", () => numbers().length === 50, 60_000);
    finish(new Set(), (n) => n < 25);
    // There is room for 25 of the next 50, which are committed together.
    await red.until("its span is full again", () => numbers().length === 75, 60_000);
    assert.equal(await committedOf(cluster.kafka, group, topic), 100);
    const before = numbers();
    await red.deploy([]);
    assert.equal(await committedOf(cluster.kafka, group, topic), 75);
    await once(topic, group);
    await red.until("the rest comes", () => numbers().includes(199), 60_000, numbers);
    assert.deepEqual([...before, ...numbers()], range(0, 200));
  });

  it("gives back what it has committed and not given to the flow when partitions move", async function moves() {
    this.timeout(180_000);
    const topic = await newTopic(cluster.kafka, 2);
    const group = unique("group");
    await Promise.all([fill(topic, 0, 200, 0), fill(topic, 1000, 1200, 1)]);
    await once(topic, group, { manual: true });
    await red.until("both spans are full", () => numbers().length === 100, 60_000);
    const finished = new Set();
    finish(finished, (n) => n % 1000 < 25);
    await red.until("both spans are full again", () => numbers().length === 150, 60_000);
    assert.equal(await committedOf(cluster.kafka, group, topic), 200);
    const there: number[] = [];
    let owned = 0;
    const member = cluster.kafka.consumer(
      { groupId: group, topics: [topic], start: "earliest", sessionTimeout: 6000 },
      {
        async records(batch) {
          const all = batch.read(Infinity).map(({ value }) => Number(value?.toString()));
          const done = await member.commit([{ ...batch, offset: batch.nextOffset }]);
          if (done.length > 0) there.push(...all);
        },
        assigned(partitions) {
          owned = partitions.length;
          return [];
        },
        revoking: async () => undefined,
        state: () => undefined,
        warn: () => undefined,
      },
    );
    try {
      await red.until("the other has one", () => owned === 1, 60_000);
      const all = (): number[] => [...numbers(), ...there].toSorted((a, b) => a - b);
      await red.until(
        "all has come",
        () => {
          finish(finished);
          return all().length >= 400;
        },
        60_000,
        () => all().length,
      );
      assert.deepEqual(all(), [...range(0, 200), ...range(1000, 1200)]);
    } finally {
      await member.close();
    }
  });

  it("goes on where it was when it could not give back and nobody has read on since", async function outage() {
    this.timeout(120_000);
    const topic = await newTopic(cluster.kafka);
    const group = unique("group");
    await fill(topic, 0, 200);
    const got: number[] = [];
    const open: (() => void)[] = [];
    let refuses = false;
    let held: Promise<void> | undefined;
    let assignments = 0;
    let consumer: Consumer | undefined;
    const intake: Intake = makeIntake(
      {
        mode: "record",
        group,
        source: {
          running: true,
          pressure: () => undefined,
          deliver(emission, finished) {
            got.push(Number(emission.message().payload));
            open.push(() => finished("delivered"));
          },
        },
        decoders: decodersOf("json", "text", undefined),
        span: { records: 50, bytes: 1e6 },
        once: true,
        bury: async () => undefined,
      },
      {
        batchRecords: 1,
        commitInterval: 10,
        commitRecords: 50,
        damaged: "stop",
        stuck: () => undefined,
        warn: () => undefined,
        revokeDrain: 0,
      },
      () =>
        consumer && {
          ...consumer,
          commit: async (positions) => {
            if (refuses) throw new Error("no coordinator");
            await held;
            return (await consumer?.commit(positions)) ?? [];
          },
        },
    );
    const using = cluster.kafka.consumer(
      { groupId: group, topics: [topic], start: "earliest", sessionTimeout: 6000 },
      {
        records: intake.records,
        assigned(partitions, epoch, kept) {
          refuses = false;
          assignments++;
          return intake.assigned(partitions, epoch, kept);
        },
        revoking: intake.revoking,
        state: () => undefined,
        warn: () => undefined,
      },
    );
    consumer = using;
    try {
      await red.until("its span is full", () => got.length === 50, 60_000);
      for (const end of open.splice(0, 25)) end();
      await red.until("its span is full again", () => got.length === 75, 60_000);
      refuses = true;
      let release = (): void => undefined;
      held = new Promise((resolve) => (release = resolve));
      using.rejoin(new Error("the connection is gone"));
      await red.until("it has joined again", () => assignments === 2, 60_000);
      assert.equal(await committedOf(cluster.kafka, group, topic), 100);
      release();
      await red.until(
        "the rest comes",
        () => {
          for (const end of open.splice(0)) end();
          return got.length >= 200;
        },
        60_000,
        () => got.slice(70, 80),
      );
      assert.deepEqual(got, range(0, 200));
    } finally {
      await using.close();
    }
  });
});
