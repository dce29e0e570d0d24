/** How much of a partition is in the flow, and how far behind it is. */
import assert from "node:assert/strict";
import { openKafka } from "../../nodes/lib/kafka/drivers";
import { service } from "../../tools/services";
import { freePort } from "../../tools/services/ports";
import { Proxy } from "../faults/lab/proxy";
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

describe("kafka in, its span and its lag", () => {
  let cluster: Cluster;
  let red: Harness;
  before(async function services() {
    cluster = await clusterFor(this);
    red = await nodeRed();
  });
  afterEach(() => red?.deploy([]));
  after(() => cluster?.close());
  const committed = (group: string, topic: string, offset: number): Promise<void> =>
    red.until(`committed ${offset}`, async () => (await committedOf(cluster.kafka, group, topic)) === offset, 60_000);

  it("has no more MB in the flow than it may, and goes on when there is room", async function bytes() {
    this.timeout(180_000);
    const topic = await newTopic(cluster.kafka);
    const group = unique("group");
    const [COUNT, SIZE] = [24, 200_000];
    for (let n = 0; n < COUNT; n++) await write(cluster.kafka, [record(topic, "x".repeat(SIZE))]);
    await red.deploy(
      flowOf(clusterNode(cluster.brokers), kafkaIn(topic, group, { spanSize: 1 }), collect("got", true)),
    );
    await red.until("it waits for the flow", () => /waiting, record lag \d/.test(red.status("in")?.text ?? ""), 60_000);
    const most = Math.ceil((1024 * 1024) / SIZE);
    assert.equal(red.collected("got").length, most);
    let finished = 0;
    let highest = 0;
    await red.until(
      `all of ${COUNT} came`,
      () => {
        highest = Math.max(highest, red.collected("got").length - finished);
        red.collected("got")[finished]?.done();
        if (red.collected("got").length > finished) finished++;
        return finished === COUNT;
      },
      120_000,
    );
    assert.ok(highest <= most, `${highest} were in the flow at a time`);
    await committed(group, topic, COUNT);
  });

  it("fetches of many waiting records little more than there is room for, and all of them from a flow that is fast", async function room() {
    this.timeout(180_000);
    const port = await freePort();
    const own = await service("kafka", { own: true, proxy: port });
    const proxy = new Proxy(port, Number(own.proxiedBrokers.split(":")[1]));
    await proxy.set({ kind: "none" });
    const kafka = openKafka({ brokers: [own.brokers], clientId: "test" });
    try {
      const topic = await newTopic(kafka);
      const [COUNT, SIZE, SPAN] = [8_000, 1_000, 100];
      const producer = kafka.producer({
        acks: "all",
        compression: "none",
        linger: 5,
        // A broker gives one batch at least, however large it is.
        batchBytes: 10_000,
        bufferBytes: 64 * 1024 * 1024,
        state: () => undefined,
      });
      await producer.send(Array.from({ length: COUNT }, (_, n) => record(topic, `${n}`.padEnd(SIZE))));
      await producer.close(10_000);
      const settings = { spanRecords: SPAN };
      await red.deploy(
        flowOf(clusterNode(proxy.address), kafkaIn(topic, unique("group"), settings), collect("got", true)),
      );
      await red.until(
        "it waits for the flow",
        () => /waiting, record lag \d/.test(red.status("in")?.text ?? ""),
        60_000,
      );
      assert.equal(red.collected("got").length, SPAN);
      assert.ok(proxy.passed < 400_000, `${proxy.passed} bytes for ${SPAN} records of ${SIZE}`);
      let finished = 0;
      await red.until(
        `all of ${COUNT} came`,
        () => {
          while (finished < red.collected("got").length) red.collected("got")[finished++]?.done();
          return finished === COUNT;
        },
        120_000,
      );
      assert.ok(proxy.passed < 2 * COUNT * SIZE, `${proxy.passed} bytes for ${COUNT} records of ${SIZE}`);
      await red.deploy([]);
    } finally {
      await kafka.close();
      await proxy.close();
      await own.stop();
    }
  });

  it("knows that nothing is left, and commits so, behind transactions and their markers", async function lag() {
    this.timeout(180_000);
    const topic = await newTopic(cluster.kafka);
    const group = unique("group");
    const transactions = cluster.kafka.transactions();
    const producer = transactions.producer({ transactionalId: unique("id"), timeout: 30_000, state: () => undefined });
    await producer.start();
    const batching = { compression: "none", linger: 0, batchBytes: 100_000 } as const;
    const send = (...numbers: number[]) =>
      producer.send(
        numbers.map((n) => record(topic, n)),
        batching,
      );
    await send(1, 2);
    await producer.abort();
    await write(cluster.kafka, [record(topic, 3)]);
    await send(4, 5);
    await producer.abort();
    // Two aborted, a marker, one record, two aborted, a marker: the last thing there is to read is no record.
    await red.until("the markers are written", async () => (await cluster.kafka.offsets(topic))[0]?.high === 7, 60_000);
    await red.deploy(flowOf(clusterNode(cluster.brokers), kafkaIn(topic, group), collect("got")));
    await red.until(
      `lag 0 is shown, not ${red.status("in")?.text}`,
      () => red.collected("got").length === 1 && (red.status("in")?.text ?? "").endsWith("lag 0"),
      60_000,
    );
    await committed(group, topic, 7);
    assert.deepEqual(
      red.collected("got").map(({ message }) => message.payload),
      [3],
    );
    await producer.close();
    await transactions.close();
  });
});
