/**
 * kafka out with its disk spool, over one outage of Kafka: a source that cannot be paused sends 100 records a second into
 * this process's Node-RED; clients of another Node-RED's http in do the same, and that one is killed in the outage.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { flowOf, nodeRed, until, type Harness } from "../harness";
import { startChild, type NodeRedChild } from "../harness/child";
import { clusterFor, clusterNode, collect, kafkaOut, newTopic, readAll, type Cluster } from "../lib/kafka/harness";
import { clients, load, spoolFiles } from "./spooling";

const KEYS = 7;
/** How long a test waits for what a slow machine takes long for, in ms. */
const LONG = 120_000;

describe("kafka out with a disk spool", () => {
  let cluster: Cluster;
  let red: Harness;
  let folder: string;
  let child: NodeRedChild | undefined;
  const stops: (() => void)[] = [];

  before(async function services() {
    cluster = await clusterFor(this, true);
    red = await nodeRed();
    folder = mkdtempSync(path.join(tmpdir(), "citystream-spool-"));
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) stop();
    await child?.kill9();
    child = undefined;
    await red?.deploy([]);
  });
  after(async () => {
    await cluster?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  it("waits for a disk spool that can't be opened at the start, red with the reason, and loses nothing of what came meanwhile", async function unopened() {
    this.timeout(2 * LONG);
    const topic = await newTopic(cluster.kafka);
    const spoolFolder = path.join(folder, "blocked");
    mkdirSync(spoolFolder);
    writeFileSync(path.join(spoolFolder, "out"), "in the way");
    const flow = flowOf(
      clusterNode(cluster.brokers),
      kafkaOut(topic, { spool: true, spoolFolder }),
      collect("stored"),
      { id: "catch", type: "catch", scope: ["out"], wires: [["caught"]] },
      collect("caught"),
    );
    await red.deploy(flow);
    for (let n = 0; n < 3; n++) red.receive("out", { payload: n });
    const status = (): string => `${red.status("out")?.fill} ${red.status("out")?.text}`;
    await until(
      "red, with the reason",
      () => /^red .*Spool: the folder .*out can't be used/.test(status()),
      LONG,
      status,
    );
    assert.deepEqual([red.collected("stored").length, red.collected("caught").length], [0, 0]);
    rmSync(path.join(spoolFolder, "out"));
    await red.arrived("stored", 3, LONG);
    await until("no longer red", () => red.status("out")?.fill !== "red", LONG, status);
    const inKafka = async (): Promise<number> =>
      (await cluster.kafka.offsets(topic)).reduce((sum, { high }) => sum + high, 0);
    await until("all three are in Kafka", async () => (await inKafka()) === 3, LONG);
    assert.deepEqual(
      (await readAll(cluster.kafka, topic)).map(({ value }) => Number(String(value))),
      [0, 1, 2],
    );
    assert.equal(red.collected("caught").length, 0);
  });

  it("fails what waits for its disk spool as something that may come again, when it is closed before", async () => {
    const spoolFolder = path.join(folder, "closed");
    mkdirSync(spoolFolder);
    writeFileSync(path.join(spoolFolder, "out"), "in the way");
    await red.deploy(
      flowOf(clusterNode(cluster.brokers), kafkaOut("t", { spool: true, spoolFolder }), collect("stored")),
    );
    red.receive("out", { payload: 1 });
    await until("red", () => red.status("out")?.fill === "red");
    red.logs.length = 0;
    await red.deploy([]);
    assert.ok(red.logs.some(({ msg }) => /closed before its disk spool could be opened/.test(String(msg))));
  });

  it("brings every record over an outage of Kafka once and in order; and over a kill in the outage, every one that was answered", async function outage() {
    this.timeout(6 * LONG);
    const topic = await newTopic(cluster.kafka, 3);
    const httpTopic = await newTopic(cluster.kafka, 1);
    const spoolFolder = path.join(folder, "own");
    await red.deploy(
      flowOf(clusterNode(cluster.brokers), kafkaOut(topic, { spool: true, spoolFolder }), collect("stored")),
    );
    const flowFile = path.join(folder, "flow.json");
    const userDir = path.join(folder, "node-red");
    mkdirSync(userDir);
    const flow = flowOf(
      clusterNode(cluster.brokers),
      { id: "http", type: "http in", url: "/in", method: "post", wires: [["out"]] },
      kafkaOut(httpTopic, { spool: true, key: "", wires: [["answer"]] }),
      { id: "answer", type: "http response", statusCode: "200" },
    );
    writeFileSync(flowFile, JSON.stringify(flow));
    const start = (): Promise<NodeRedChild> => startChild({ userDir, flowFile, env: { CITYSTREAM_LOG: "error" } });
    child = await start();
    const web = clients();
    web.at(child.url);

    const source = load((n) => red.receive("out", { payload: n, key: `k${n % KEYS}` }));
    const posts: Promise<void>[] = [];
    const sender = load((n) => posts.push(web.post(n)));
    stops.push(source.stop, sender.stop, web.stop);
    await red.arrived("stored", 100, LONG);
    await until("100 answers", () => web.answered.size >= 100, LONG);

    await cluster.service.kill9();
    const atKill = source.sent;
    const answeredAtKill = web.answered.size;
    // done comes from the disk while Kafka is away
    await red.arrived("stored", atKill + 400, LONG);
    const spooled = red
      .collected("stored")
      .filter(({ message }) => (message["stored"] as { spooled?: boolean }).spooled);
    assert.ok(spooled.length >= 400, `${spooled.length} were done by the spool`);
    await until(
      "a red status with the number and the reason",
      () =>
        /records spooled [\d,]+: .*refused/.test(red.status("out")?.text ?? "") && red.status("out")?.fill === "red",
      LONG,
    );
    await until("300 answers in the outage", () => web.answered.size >= answeredAtKill + 300, LONG);

    await child.kill9();
    child = await start();
    web.at(child.url);
    const answeredBefore = web.answered.size;
    await until("answers of the next process", () => web.answered.size >= answeredBefore + 200, LONG);
    // however fast this machine kills and starts processes: 8 s of records come while Kafka is away
    await red.arrived("stored", atKill + 800, LONG);

    await cluster.service.start();
    source.stop();
    sender.stop();
    await Promise.all(posts);
    await red.arrived("stored", source.sent, LONG);
    await until("nothing is left on disk", () => spoolFiles(spoolFolder) + spoolFiles(userDir) === 0, LONG).catch(
      (error: Error) => {
        const left = `${spoolFiles(spoolFolder)} files of this process, ${spoolFiles(userDir)} of the other`;
        throw new Error(`${error.message}; ${left}, status ${red.status("out")?.text}`);
      },
    );
    await until("the status is green", () => red.status("out")?.fill === "green", LONG);

    const found = await readAll(cluster.kafka, topic);
    const numbers = found.map(({ value }) => Number(String(value)));
    const distinct = new Set(numbers);
    console.log(
      `      outage: sent ${source.sent}, missing ${source.sent - distinct.size}, repeated ${numbers.length - distinct.size}`,
    );
    assert.equal(distinct.size, source.sent);
    assert.equal(numbers.length, source.sent);
    const last = new Map<string, number>();
    for (const { key, value } of found) {
      const before = last.get(String(key)) ?? -1;
      assert.ok(Number(String(value)) > before, `${String(key)}: ${String(value)} came after ${before}`);
      last.set(String(key), Number(String(value)));
    }

    const received = (await readAll(cluster.kafka, httpTopic)).map(
      ({ value }) => (JSON.parse(String(value)) as { n: number }).n,
    );
    const unique = new Set(received);
    const missing = [...web.answered].filter((n) => !unique.has(n));
    const twice = received.filter((n, at) => received.indexOf(n) !== at);
    const unexplained = twice.filter((n) => !web.again.has(n));
    console.log(
      `      kill in the outage: answered ${web.answered.size}, missing ${missing.length}, sent again by clients ${web.again.size}, twice in Kafka ${twice.length}, of these not by clients ${unexplained.length}`,
    );
    assert.deepEqual(missing, []);
    // what Kafka had when it died, and could not tell any more: no more than was on its way
    assert.ok(unexplained.length <= 1000, `${unexplained.length} repeated`);
  });
});
