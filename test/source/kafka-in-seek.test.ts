/** A seek's place is committed first, and what fails leaves nothing behind. */
import assert from "node:assert/strict";
import { decodersOf } from "../../nodes/source/kafka-in/decode";
import { makeIntake, type Intake } from "../../nodes/source/kafka-in/intake";
import { Partition, type MakePartition, type Surroundings } from "../../nodes/source/kafka-in/partition";
import type { Consumer, Position } from "../../nodes/lib/kafka/port";
import { until } from "../harness";
import { clusterFor, newTopic, record, unique, write, type Cluster } from "../lib/kafka/harness";

interface Reader {
  readonly intake: Intake;
  readonly got: number[];
  /** Offsets of partition 0 in the order in which they were committed. */
  readonly committed: number[];
}

describe("kafka in, when it is moved to another place", function moved() {
  this.timeout(120_000);
  let cluster: Cluster;
  const open: (() => Promise<void>)[] = [];

  /** Reads into an array; `gate` stands before each commit of the new place, offset 50. */
  const reader = (topic: string, gate: () => Promise<void>, kind?: (all: Surroundings) => MakePartition): Reader => {
    const got: number[] = [];
    const committed: number[] = [];
    const group = unique("group");
    let consumer: Consumer | undefined;
    const surroundings: Omit<Surroundings, "moved"> = {
      mode: "record",
      group,
      source: {
        running: true,
        pressure: () => undefined,
        deliver(emission, finished) {
          got.push(Number(emission.message().payload));
          setImmediate(() => finished("delivered"));
        },
      },
      decoders: decodersOf("json", "text", undefined),
      span: { records: 1000, bytes: 1e6 },
      bury: async () => undefined,
    };
    const commit = async (positions: readonly Position[]): Promise<readonly Position[]> => {
      const own = positions.find(({ partition }) => partition === 0);
      if (own?.offset === 50) await gate();
      const done: readonly Position[] = (await consumer?.commit(positions)) ?? [];
      if (own && done.includes(own)) committed.push(own.offset);
      return done;
    };
    const intake: Intake = makeIntake(
      surroundings,
      {
        batchRecords: 1,
        commitInterval: 10,
        commitRecords: 1000,
        damaged: "stop",
        stuck: () => undefined,
        warn: () => undefined,
        revokeDrain: 1000,
      },
      () => consumer && { ...consumer, commit },
      kind?.({ ...surroundings, moved: () => undefined }),
    );
    consumer = cluster.kafka.consumer(
      { groupId: group, topics: [topic], start: "earliest", sessionTimeout: 6000 },
      {
        records: intake.records,
        assigned: intake.assigned,
        beforeOffsets: (epoch) => intake.beforeOffsets?.(epoch) ?? Promise.resolve(),
        revoking: intake.revoking,
        state: () => undefined,
        warn: () => undefined,
      },
    );
    const using = consumer;
    open.push(() => using.close());
    return { intake, got, committed };
  };
  const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);
  const filled = async (): Promise<string> => {
    const topic = await newTopic(cluster.kafka, 2);
    await write(
      cluster.kafka,
      range(0, 100).map((n) => record(topic, n, { partition: 0 })),
    );
    return topic;
  };
  const add = (topic: string, value: number, partition: number): Promise<unknown> =>
    write(cluster.kafka, [record(topic, value, { partition })]);

  before(async function services() {
    cluster = await clusterFor(this);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((close) => close()));
  });
  after(() => cluster?.close());

  it("gives nothing of the new place to the flow before that is committed", async () => {
    const topic = await filled();
    let reached = false;
    let letGo = (): void => undefined;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const { intake, got, committed } = reader(topic, () => {
      reached = true;
      return gate;
    });
    await until("all is committed", () => committed.at(-1) === 100, 60_000);
    const done = intake.seek({ topic, partition: 0, offset: 50 });
    await until("the new place is to be committed", () => reached, 30_000);
    for (const value of [1000, 1001]) {
      await add(topic, value, 1);
      await until("the other partition goes on", () => got.includes(value), 30_000);
    }
    assert.deepEqual(got, [...range(0, 100), 1000, 1001]);
    letGo();
    await done;
    await until(
      "it goes on at the new place",
      () => got.length === 152,
      30_000,
      () => got.length,
    );
    await until("and commits what is finished behind it", () => committed.at(-1) === 100, 30_000);
    assert.deepEqual(committed.slice(committed.indexOf(100)), [100, 50, 100]);
  });

  it("goes on where it was when the new place can't be committed", async () => {
    const topic = await filled();
    const { intake, got, committed } = reader(topic, () => Promise.reject(new Error("no coordinator")));
    await until("all is committed", () => committed.at(-1) === 100, 60_000);
    await assert.rejects(intake.seek({ topic, partition: 0, offset: 50 }), /no coordinator/);
    await add(topic, 100, 0);
    await until("it goes on", () => got.includes(100), 30_000);
    assert.deepEqual(got, range(0, 101));
    await until("and commits it", () => committed.at(-1) === 101, 30_000);
  });

  it("joins the group again when a partition that is given up for it can't begin at its new place", async () => {
    const topic = await filled();
    const { intake, got } = reader(
      topic,
      () => Promise.resolve(),
      (all) => {
        class Transactional extends Partition {
          private over = false;
          override get hasRoom(): boolean {
            return !this.over && super.hasRoom;
          }
          override keep(): boolean {
            return false;
          }
          begin(): Promise<void> {
            return this.next === 50 ? Promise.reject(new Error("not authorized")) : Promise.resolve();
          }
          left(): Promise<void> {
            this.over = true;
            return Promise.resolve();
          }
        }
        return (each, epoch, from) => new Transactional(all, each, epoch, from);
      },
    );
    await until("all is read", () => got.length === 100, 60_000);
    await assert.rejects(intake.seek({ topic, partition: 0, offset: 50 }), /not authorized/);
    await add(topic, 100, 0);
    await until(
      "it goes on",
      () => got.includes(100),
      30_000,
      () => got.length,
    );
  });
});
