/** What nodes show of a Kafka that is away. What becomes of records meanwhile: outage.test.ts. */
import assert from "node:assert/strict";
import { createServer, type AddressInfo } from "node:net";
import { flowOf, nodeRed, type Harness } from "../harness";
import {
  clusterFor,
  clusterNode,
  collect,
  committedOf,
  kafkaIn,
  kafkaOut,
  newTopic,
  record,
  unique,
  write,
  type Cluster,
} from "../lib/kafka/harness";
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

  it("a server that is no Kafka is told of, and ends nothing", async function notKafka() {
    this.timeout(120_000);
    const stranger = createServer((socket) => {
      socket.on("error", () => undefined);
      // Four bytes that say: an answer of no bytes follows.
      socket.on("data", () => socket.write(Buffer.alloc(4)));
    });
    await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
    const { port } = stranger.address() as AddressInfo;
    try {
      await red.deploy(
        flowOf(clusterNode(`127.0.0.1:${port}`), kafkaIn("t", unique("group")), kafkaOut("t"), collect("got")),
      );
      red.receive("out", { payload: 1 });
      for (const id of ["in", "out"]) {
        const seen = (): unknown => [red.status(id), red.logs.slice(-5).map(({ msg }) => String(msg))];
        await red.until(`${id} is red with the reason`, () => red.status(id)?.fill === "red", 60_000, seen);
      }
      await red.until("the log says why", () => red.logs.some(({ msg }) => /not Kafka's protocol/u.test(String(msg))));
    } finally {
      await red.deploy([]);
      stranger.close();
    }
  });
});
