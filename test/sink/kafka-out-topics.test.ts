/**
 * kafka out with its disk spool, of two topics, one of which has no leader: clients of http in send to both, and Node-RED is
 * killed while the one is away, and once more while what was set aside goes to Kafka.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { openKafka } from "../../nodes/lib/kafka/drivers";
import { serviceFor } from "../../tools/services/for-test";
import { flowOf, until } from "../harness";
import { startChild, type NodeRedChild } from "../harness/child";
import { CLIENT, clusterNode, kafkaOut, readAll, type Cluster } from "../lib/kafka/harness";
import { killBroker, topicsWithoutCopy } from "../lib/kafka/leaderless";
import { clients, load, spoolFiles } from "./spooling";

const LONG = 120_000;
const KEYS = 7;

describe("kafka out with a disk spool, when one topic has no leader", () => {
  let cluster: Cluster;
  let folder: string;
  let child: NodeRedChild | undefined;
  const stops: (() => void)[] = [];

  before(async function services() {
    const service = await serviceFor(this, "kafka", { own: true, brokers: 2, heap: 256 });
    const kafka = openKafka({ brokers: service.brokers.split(","), clientId: "test" }, CLIENT);
    cluster = { brokers: service.brokers, kafka, service, close: () => kafka.close() };
    folder = mkdtempSync(path.join(tmpdir(), "citystream-topics-"));
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) stop();
    await child?.kill9();
    child = undefined;
  });
  after(async () => {
    await cluster?.close();
    await cluster?.service.kill9();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const inKafka = async (topic: string): Promise<number> =>
    (await cluster.kafka.offsets(topic)).reduce((sum, { high }) => sum + high, 0);
  it("goes on with the other, and brings all of both in the order of each key, over kills of Node-RED", async function kills() {
    this.timeout(6 * LONG);
    const topics = await topicsWithoutCopy(cluster.kafka, 6);
    const { stays, goes } = await killBroker(cluster.service, cluster.kafka, topics);
    const userDir = path.join(folder, "node-red");
    const flowFile = path.join(folder, "flow.json");
    mkdirSync(userDir);
    const func = `const { n } = msg.payload; msg.topic = n % 2 ? ${JSON.stringify(stays)} : ${JSON.stringify(goes)}; msg.key = "k" + n % ${KEYS}; return msg;`;
    const flow = flowOf(
      clusterNode(cluster.brokers),
      { id: "http", type: "http in", url: "/in", method: "post", wires: [["route"]] },
      { id: "route", type: "function", func, wires: [["out"]] },
      kafkaOut("", { spool: true, wires: [["answer"]] }),
      { id: "answer", type: "http response", statusCode: "200" },
    );
    writeFileSync(flowFile, JSON.stringify(flow));
    const start = (): Promise<NodeRedChild> => startChild({ userDir, flowFile, env: { CITYSTREAM_LOG: "error" } });
    child = await start();
    const web = clients();
    web.at(child.url);
    const posts: Promise<void>[] = [];
    /** Clients of one key wait for each other, or nobody could say in which order they came. */
    const turns = new Map<number, Promise<void>>();
    const sender = load((n) => {
      const turn = n % (2 * KEYS);
      const posted = (turns.get(turn) ?? Promise.resolve()).then(() => web.post(n));
      turns.set(turn, posted);
      posts.push(posted);
    });
    stops.push(sender.stop, web.stop);
    const killAndStart = async (): Promise<void> => {
      const before = web.answered.size;
      await child?.kill9();
      child = await start();
      web.at(child.url);
      await until("the next process answers", () => web.answered.size > before + 100, LONG);
    };

    await until("300 answers", () => web.answered.size >= 300, LONG);
    await until("the healthy topic is written", async () => (await inKafka(stays)) > 100, LONG);
    await killAndStart();
    const written = await inKafka(stays);
    await until("it goes on after the kill", async () => (await inKafka(stays)) > written + 50, LONG);
    await until("more is set aside", () => web.answered.size >= 1200, LONG);
    await cluster.service.start();
    await until(
      "what was set aside goes to Kafka",
      () =>
        inKafka(goes).then(
          (count) => count > 0,
          () => false,
        ),
      LONG,
    );
    await killAndStart();
    sender.stop();
    await Promise.all(posts);
    await until(
      "nothing is left on disk",
      () => spoolFiles(userDir) === 0,
      LONG,
      () => `${spoolFiles(userDir)} files`,
    );

    const sent = new Map([
      [stays, [...web.answered].filter((n) => n % 2 === 1)],
      [goes, [...web.answered].filter((n) => n % 2 === 0)],
    ]);
    for (const [topic, answered] of sent) {
      const numbers = (await readAll(cluster.kafka, topic)).map(
        ({ value }) => (JSON.parse(String(value)) as { n: number }).n,
      );
      const found = new Set(numbers);
      const twice = numbers.filter((n, at) => numbers.indexOf(n) !== at && !web.again.has(n));
      console.log(
        `      ${topic === stays ? "healthy" : "without leader"}: answered ${answered.length}, missing ${answered.filter((n) => !found.has(n)).length}, twice ${twice.length}`,
      );
      assert.deepEqual(
        answered.filter((n) => !found.has(n)),
        [],
      );
      // What Kafka had and could not tell before a kill: what was on its way, at most.
      assert.ok(twice.length <= 100, `${twice.length} came twice`);
      for (let key = 0; key < KEYS; key++) {
        const first = [...new Set(numbers)].filter((n) => n % KEYS === key);
        assert.deepEqual(
          first,
          first.toSorted((a, b) => a - b),
        );
      }
    }
  });
});
