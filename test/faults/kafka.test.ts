/** Faults of the cluster and the group, seen from outside: what was sent, what arrived. */
import assert from "node:assert/strict";
import { flowOf, nodeRed, type Harness } from "../harness";
import {
  clusterFor,
  clusterNode,
  collect,
  committedOf,
  kafkaIn,
  kafkaOut,
  newTopic,
  readAll,
  record,
  unique,
  write,
  type Cluster,
} from "../lib/kafka/harness";
import { openKafka } from "../../nodes/lib/kafka/kafkajs-client";
import { freePort } from "../../tools/services/ports";

describe("Kafka's faults", () => {
  let cluster: Cluster;
  let red: Harness;

  before(async function services() {
    cluster = await clusterFor(this, true);
    red = await nodeRed();
  });
  afterEach(() => red?.deploy([]));
  after(() => cluster?.close());

  it("a broker killed and started again under load costs nothing: 0 lost, and 0 twice by the idempotent producer", async function restart() {
    this.timeout(180_000);
    const topic = await newTopic(cluster.kafka, 3);
    await red.deploy(flowOf(clusterNode(cluster.brokers), kafkaOut(topic, { key: "" }), collect("stored")));
    let sent = 0;
    const load = { on: true };
    const sender = (async () => {
      while (load.on) {
        for (let n = 0; n < 20; n++) red.receive("out", { payload: sent++, key: null });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    await red.arrived("stored", 500);
    await cluster.service.kill9();
    const atKill = sent;
    await red.until("red, with the reason", () => red.status("out")?.fill === "red", 30_000);
    await cluster.service.start();
    await red.until("stored again", () => red.collected("stored").length > atKill + 500, 90_000);
    load.on = false;
    await sender;
    await red.arrived("stored", sent, 60_000);
    const found = (await readAll(cluster.kafka, topic)).map(({ value }) => Number(value?.toString()));
    const distinct = new Set(found);
    console.log(
      `      sent ${sent}, stored ${found.length}, missing ${sent - distinct.size}, repeated ${found.length - distinct.size}`,
    );
    assert.equal(distinct.size, sent);
    assert.equal(found.length, sent);
  });

  it("a consumer goes on by itself when its broker is back", async function recover() {
    this.timeout(180_000);
    const topic = await newTopic(cluster.kafka, 2);
    const group = unique("group");
    await write(
      cluster.kafka,
      Array.from({ length: 1000 }, (_, n) => record(topic, n)),
    );
    await red.deploy(flowOf(clusterNode(cluster.brokers), kafkaIn(topic, group), collect("got")));
    await red.arrived("got", 1000);
    await cluster.service.kill9();
    await red.until("red, with the reason", () => red.status("in")?.fill === "red", 60_000);
    await cluster.service.start();
    await red.until("the cluster answers", async () =>
      write(
        cluster.kafka,
        Array.from({ length: 1000 }, (_, n) => record(topic, 1000 + n)),
      ).then(
        () => true,
        () => false,
      ),
    );
    await red.until(
      "all has come",
      () => {
        const numbers = new Set(red.collected("got").map(({ message }) => message.payload));
        return numbers.size === 2000;
      },
      90_000,
    );
    await red.until("all is committed", async () => (await committedOf(cluster.kafka, group, topic)) === 2000, 30_000);
    await red.until("green again", () => red.status("in")?.fill === "green");
  });

  it("members that join and leave lose nothing, and commits never move back", async function rebalance() {
    this.timeout(180_000);
    const topic = await newTopic(cluster.kafka, 4);
    const group = unique("group");
    const total = 24_000;
    await red.deploy(
      flowOf(
        clusterNode(cluster.brokers),
        kafkaIn(topic, group, { id: "in", spanRecords: 200, wires: [["delay"]] }),
        {
          id: "delay",
          type: "delay",
          pauseType: "random",
          randomFirst: "1",
          randomLast: "50",
          randomUnits: "milliseconds",
          wires: [["got"]],
        },
        collect("got"),
      ),
    );
    const others = openKafka({ brokers: [cluster.brokers], clientId: "other" });
    const seen = new Map<number, number>();
    const see = (n: number): void => void seen.set(n, (seen.get(n) ?? 0) + 1);
    let lowest = 0;
    const load = { on: true };
    const writer = (async () => {
      for (let at = 0; at < total; at += 200) {
        await write(
          cluster.kafka,
          Array.from({ length: 200 }, (_, n) => record(topic, at + n, { partition: (at + n) % 4 })),
        );
        const now = await committedOf(cluster.kafka, group, topic);
        assert.ok(now >= lowest, `committed offsets moved back from ${lowest} to ${now}`);
        lowest = now;
      }
      load.on = false;
    })();
    let members = 0;
    while (load.on) {
      members++;
      let got = 0;
      const member = others.consumer(
        { groupId: group, topics: [topic], start: "earliest", sessionTimeout: 6000 },
        {
          async records(batch) {
            const records = batch.read(Infinity);
            for (const one of records) see(Number(one.value?.toString()));
            got += records.length;
            const position = { topic, partition: batch.partition, epoch: batch.epoch, offset: batch.nextOffset };
            await member.commit([position]).catch(() => undefined);
          },
          assigned: () => [],
          revoking: async () => undefined,
          state: () => undefined,
          warn: () => undefined,
        },
      );
      await red.until("the member has read", () => got > 100 || !load.on, 30_000);
      await member.close();
    }
    await writer;
    await red.until("all is committed", async () => (await committedOf(cluster.kafka, group, topic)) === total, 60_000);
    for (const { message } of red.collected("got")) see(message.payload as number);
    const repeated = [...seen.values()].reduce((sum, times) => sum + times - 1, 0);
    console.log(
      `      ${members} members came and went: sent ${total}, missing ${total - seen.size}, repeated ${repeated}`,
    );
    assert.equal(seen.size, total);
    await others.close();
  });

  it("a broker that is absent at the start is waited for", async function absent() {
    this.timeout(120_000);
    const port = await freePort();
    await red.deploy(
      flowOf(
        clusterNode(`127.0.0.1:${port}`),
        kafkaIn("t", unique("group")),
        kafkaOut("t"),
        collect("got"),
        collect("stored"),
      ),
    );
    red.receive("out", { payload: 1 });
    for (const id of ["in", "out"])
      await red.until(`${id} is red with the reason`, () => /connection refused/.test(red.status(id)?.text ?? ""));
    assert.equal(red.collected("stored").length, 0);
  });
});
