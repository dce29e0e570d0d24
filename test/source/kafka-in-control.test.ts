/** A running kafka in is paused, resumed and moved by messages. */
import assert from "node:assert/strict";
import type { Message } from "../../nodes/lib/delivery/contract";
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

describe("kafka in, by control messages", () => {
  let cluster: Cluster;
  let red: Harness;
  const deploy = (topic: string, group: string, more: Record<string, unknown> = {}): Promise<void> =>
    red.deploy(
      flowOf(
        clusterNode(cluster.brokers),
        kafkaIn(topic, group, more),
        collect("got"),
        { id: "done", type: "complete", scope: ["in"], uncaught: false, wires: [["settled"]] },
        { id: "failed", type: "catch", scope: ["in"], uncaught: false, wires: [["settled"]] },
        collect("settled"),
      ),
    );
  const send = async (message: Message): Promise<Message> => {
    const before = red.collected("settled").length;
    red.receive("in", { ...message });
    const all = await red.arrived("settled", before + 1, 60_000);
    return all.at(-1) as Message;
  };
  const done = async (message: Message): Promise<void> => {
    const { error } = await send(message);
    assert.equal(error, undefined, `${JSON.stringify(message)}: ${JSON.stringify(error)}`);
  };
  const numbers = (): unknown[] => red.collected("got").map(({ message }) => message.payload);
  const writeNumbers = (topic: string, from: number, to: number, partition = 0, timestamp?: number) =>
    write(
      cluster.kafka,
      Array.from({ length: to - from }, (_, at) =>
        record(topic, from + at, {
          partition,
          ...(timestamp === undefined ? {} : { timestamp: timestamp + from + at }),
        }),
      ),
    );
  const has = (what: string, ...wanted: number[]): Promise<void> =>
    red.until(`${what}: ${wanted.join()}`, () => wanted.every((one) => numbers().includes(one)), 60_000);
  const committed = (group: string, topic: string, offset: number): Promise<void> =>
    red.until(`committed ${offset}`, async () => (await committedOf(cluster.kafka, group, topic)) === offset, 60_000);

  before(async function services() {
    cluster = await clusterFor(this);
    red = await nodeRed();
  });
  afterEach(() => red?.deploy([]));
  after(() => cluster?.close());

  it("gives nothing while it is paused, shows so, and goes on with all of it when it is resumed", async function pause() {
    this.timeout(120_000);
    const topic = await newTopic(cluster.kafka, 2);
    const group = unique("group");
    await deploy(topic, group);
    await writeNumbers(topic, 0, 5, 0);
    await writeNumbers(topic, 5, 10, 1);
    await has("read before", 0, 4, 5, 9);
    await done({ action: "pause", topic, partition: 0 });
    await writeNumbers(topic, 10, 20, 0);
    await writeNumbers(topic, 20, 30, 1);
    await has("the other partition goes on", 20, 29);
    await red.until("the status says so", () => /paused partitions 1/.test(red.status("in")?.text ?? ""));
    assert.ok(!numbers().includes(10), `given while paused: ${numbers().join()}`);
    await done({ control: "resume" });
    await has("resumed", 10, 19);
    await committed(group, topic, 30);
    assert.equal(new Set(numbers()).size, numbers().length, "each came once");
  });

  it("stays paused when partitions move", async function moved() {
    this.timeout(120_000);
    const topic = await newTopic(cluster.kafka, 2);
    const group = unique("group");
    await deploy(topic, group);
    await writeNumbers(topic, 0, 2, 0);
    await has("read before", 0, 1);
    await done({ action: "pause" });
    const member = cluster.kafka.consumer(
      { groupId: group, topics: [topic], start: "earliest", sessionTimeout: 6000 },
      {
        records: async () => undefined,
        assigned: (partitions) => {
          owned = partitions.length;
          return [];
        },
        revoking: async () => undefined,
        state: () => undefined,
        warn: () => undefined,
      },
    );
    let owned = 0;
    await red.until("the other member has one", () => owned === 1, 60_000);
    await red.until("paused here: 1", () => /paused partitions 1/.test(red.status("in")?.text ?? ""), 60_000);
    await member.close();
    await red.until("paused here: 2", () => /paused partitions 2/.test(red.status("in")?.text ?? ""), 60_000);
    await writeNumbers(topic, 2, 4, 0);
    await writeNumbers(topic, 4, 6, 1);
    assert.deepEqual(numbers(), [0, 1]);
    await done({ action: "resume" });
    await has("resumed", 2, 3, 4, 5);
  });

  it("seeks to an offset, an end or a time, also over what is in the flow, and commits the new place", async function seek() {
    this.timeout(120_000);
    const topic = await newTopic(cluster.kafka);
    const group = unique("group");
    const time = 1_700_000_000_000;
    await writeNumbers(topic, 0, 1000, 0, time);
    await deploy(topic, group);
    await has("all is read", 999);
    await committed(group, topic, 1000);
    const count = (): number => numbers().length;
    await done({ action: "seek", offset: 990 });
    await red.until("ten again", () => count() === 1010, 30_000);
    await done({ action: "seek", topic, timestamp: time + 995 });
    await red.until("five again", () => count() === 1015, 30_000);
    await done({ control: { action: "seek", topic, partition: 0, offset: "earliest" } });
    await red.until("all again", () => count() === 2015, 30_000);
    await committed(group, topic, 1000);
    await done({ action: "pause" });
    await writeNumbers(topic, 1000, 1100);
    await done({ action: "seek", offset: "latest" });
    await committed(group, topic, 1100);
    await done({ action: "resume" });
    await writeNumbers(topic, 1100, 1101);
    await has("goes on behind what was skipped", 1100);
    assert.equal(count(), 2016);
  });

  it("says what is wrong with a message", async function wrong() {
    this.timeout(60_000);
    const topic = await newTopic(cluster.kafka, 2);
    await deploy(topic, unique("group"));
    await red.until("it has its partitions", () => /reading/.test(red.status("in")?.text ?? ""), 30_000);
    for (const [message, reason] of [
      [{ payload: 1 }, /msg.action is undefined; kafka in knows "pause", "resume" and "seek"/],
      [{ action: "stop" }, /msg.action is "stop"/],
      [{ action: "pause", partition: -1 }, /msg.partition is -1/],
      [{ action: "seek" }, /msg.timestamp is undefined; give an offset/],
      [{ action: "seek", offset: "end" }, /msg.offset is "end"/],
      [{ action: "seek", offset: 1 }, /an offset is one partition's; name the topic and partition/],
      [{ action: "seek", partition: 1, offset: 1 }, /partition 1 has offsets 0 to 0, not 1/],
      [{ action: "seek", topic: "other", offset: 1 }, /this process has .* partition 0, .* partition 1/],
    ] as const) {
      const { error } = await send(message);
      assert.match(String((error as { message?: string } | undefined)?.message), reason);
    }
  });
});
