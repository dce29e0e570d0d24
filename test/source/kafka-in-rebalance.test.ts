/** Partitions move while records are in the flow. */
import assert from "node:assert/strict";
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

describe("kafka in, when partitions move", () => {
  let cluster: Cluster;
  let red: Harness;
  before(async function services() {
    cluster = await clusterFor(this);
    red = await nodeRed();
  });
  afterEach(() => red?.deploy([]));
  after(() => cluster?.close());

  it("finishes and commits what is in the flow first, so that nothing comes twice", async function drains() {
    this.timeout(240_000);
    const [COUNT, PARTITIONS] = [24_000, 4];
    const topic = await newTopic(cluster.kafka, PARTITIONS);
    const group = unique("group");
    const writeNumbers = (from: number, to: number) =>
      write(
        cluster.kafka,
        Array.from({ length: to - from }, (_, at) => record(topic, from + at, { partition: at % PARTITIONS })),
      );
    // Enough to be under way when the group notices the other member: five seconds at most.
    await writeNumbers(0, COUNT - 4000);
    await red.deploy(
      flowOf(
        clusterNode(cluster.brokers),
        // A third of the session: 8 s to drain what takes 100 ms, on however slow a machine.
        kafkaIn(topic, group, { sessionTimeout: 30, spanRecords: 50, wires: [["slow"]] }),
        {
          id: "slow",
          type: "delay",
          pauseType: "delay",
          timeout: "100",
          timeoutUnits: "milliseconds",
          wires: [["got"]],
        },
        collect("got"),
      ),
    );
    const here = (): number[] => red.collected("got").map(({ message }) => message.payload as number);
    await red.until("it reads", () => here().length > 200, 60_000);
    const there: number[] = [];
    let owned = 0;
    const member = cluster.kafka.consumer(
      { groupId: group, topics: [topic], start: "earliest", sessionTimeout: 30_000, partitionBytes: 2000 },
      {
        async records(batch) {
          const numbers = batch.read(Infinity).map(({ value }) => Number(value?.toString()));
          const done = await member.commit([{ ...batch, offset: batch.nextOffset }]);
          if (done.length > 0) there.push(...numbers);
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
    await red.until("the other has its share", () => owned === PARTITIONS / 2, 60_000);
    await writeNumbers(COUNT - 4000, COUNT);
    await red.until("the other has read", () => there.length > 100, 60_000);
    await member.close();
    const left = there.length;
    await red.until(
      `all is committed: ${here().length} here, ${there.length} there`,
      async () => (await committedOf(cluster.kafka, group, topic)) === COUNT,
      120_000,
    );
    const all = [...here(), ...there];
    const distinct = new Set(all);
    console.log(
      `      ${here().length} here, ${there.length} there: missing ${COUNT - distinct.size}, repeated ${all.length - distinct.size}`,
    );
    assert.equal(there.length, left);
    assert.equal(distinct.size, COUNT, "none is missing");
    assert.equal(all.length, distinct.size, "none came twice");
  });
});
