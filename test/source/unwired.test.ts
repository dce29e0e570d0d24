/** A source that is wired to nothing reads nothing, says what to do, and goes on when a deploy has wired it. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { flowOf, nodeRed, type FlowNode, type Harness } from "../harness";
import { clusterFor, clusterNode, committedOf, kafkaIn, newTopic, record, unique, write } from "../lib/kafka/harness";
import { publishAll } from "../lib/mqtt/brokers";
import { ownMosquitto, type Mosquitto } from "../lib/mqtt/mosquitto";

const COUNT = 20;
const numbers = Array.from({ length: COUNT }, (_, n) => n);

describe("a source without a wire", () => {
  let red: Harness;
  let folder: string;
  before(async () => {
    red = await nodeRed();
  });
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-unwired-"));
    mkdirSync(path.join(folder, "lake"));
    for (const file of ["in.csv", "lake/in.csv"]) writeFileSync(path.join(folder, file), `n\n${numbers.join("\n")}\n`);
  });
  afterEach(async () => {
    await red.deploy([]);
    rmSync(folder, { recursive: true, force: true });
  });

  const letters = (): string[] => {
    const where = path.join(folder, "letters");
    return existsSync(where) ? readdirSync(where) : [];
  };
  const positions = (): string => path.join(folder, "position.json");
  const source = (type: string, more: object): FlowNode => ({
    id: "in",
    type: `citystream-${type}`,
    positionFile: positions(),
    initialDelay: 1,
    maxDelay: 10,
    attempts: 2,
    deadLetterFolder: path.join(folder, "letters"),
    ...more,
  });
  const fileIn = (more: object = {}): FlowNode => source("file-in", { paths: path.join(folder, "in.csv"), ...more });
  const got: FlowNode = { id: "got", type: "test-collect" };
  const isUnwired = (): Promise<void> =>
    red.until(
      "the status says what to do",
      () => red.status("in")?.fill === "yellow" && red.status("in")?.text === "output needs a wire",
      30_000,
      () => red.status("in"),
    );
  const cameOnce = async (): Promise<void> => {
    await red.arrived("got", COUNT, 60_000);
    const found = red.collected("got").map(({ message }) => {
      const { payload } = message;
      return typeof payload === "object" ? (payload as { n: number }).n : payload;
    });
    assert.deepEqual(
      found.sort((a, b) => Number(a) - Number(b)),
      numbers,
    );
    assert.deepEqual(letters(), []);
    await red.until("its status is its own", () => red.status("in")?.text !== "output needs a wire");
  };

  it("file in: no position is taken, and every record comes once it is wired", async () => {
    red.logs.length = 0;
    await red.deploy(flowOf(fileIn({ wires: [[]] }), got));
    await isUnwired();
    assert.ok(
      red.logs.some(({ msg }) =>
        /file-in \(in\)\] its output is wired to no node .* wire it and deploy/u.test(String(msg)),
      ),
    );
    assert.ok(!existsSync(positions()));
    await red.deploy(flowOf(fileIn({ wires: [["got"]] }), got), "nodes");
    await cameOnce();
  });

  it("lake read: nothing is found before it is wired, though its second output is", async () => {
    const lake: FlowNode = { id: "lake", type: "citystream-lake", address: `file://${path.join(folder, "lake")}` };
    const all: FlowNode = { id: "all", type: "test-collect" };
    const flow = (wires: string[][]): FlowNode[] =>
      flowOf(lake, source("lake-read", { lake: "lake", path: "in.csv", wires }), got, all);
    await red.deploy(flow([[], ["all"]]));
    await isUnwired();
    assert.equal(red.collected("all").length, 0);
    await red.deploy(flow([["got"], ["all"]]), "nodes");
    await cameOnce();
    await red.arrived("all", 1);
  });

  it("mqtt in: what the broker keeps for its session waits there", async function waits() {
    const mosquitto: Mosquitto = await ownMosquitto(this, {});
    const broker: FlowNode = {
      id: "broker",
      type: "citystream-mqtt-broker",
      server: "address",
      address: mosquitto.url,
    };
    const flow = (wires: string[][]): FlowNode[] =>
      flowOf(
        broker,
        source("mqtt-in", { broker: "broker", topics: "t", qos: "1", format: "json", clientId: "in", wires }),
        got,
      );
    try {
      await red.deploy(flow([["got"]]));
      await red.until("it has a session", () => red.status("in")?.text === "connected");
      await red.deploy(flow([[]]));
      await isUnwired();
      await publishAll(mosquitto.port, "t", numbers.map(String), 1);
      assert.equal(red.collected("got").length, 0);
      await red.deploy(flow([["got"]]), "nodes");
      await cameOnce();
      await red.deploy([]);
    } finally {
      await mosquitto.stop();
    }
  });

  it("kafka in, at most once: nothing is committed or becomes a dead letter", async function commits() {
    this.timeout(120_000);
    const cluster = await clusterFor(this);
    const topic = await newTopic(cluster.kafka);
    const group = unique("group");
    const flow = (wires: string[][]): FlowNode[] =>
      flowOf(
        clusterNode(cluster.brokers),
        kafkaIn(topic, group, { delivery: "atMostOnce", deadLetterFolder: path.join(folder, "letters"), wires }),
        got,
      );
    try {
      await write(
        cluster.kafka,
        numbers.map((n) => record(topic, n)),
      );
      await red.deploy(flow([[]]));
      await isUnwired();
      assert.equal(await committedOf(cluster.kafka, group, topic), 0);
      await red.deploy(flow([["got"]]), "nodes");
      await cameOnce();
      await red.deploy([]);
    } finally {
      await cluster.close();
    }
  });

  it("is also one whose only wire leads to a disabled node", async () => {
    await red.deploy(flowOf(fileIn({ wires: [["got"]] }), { ...got, d: true }));
    await isUnwired();
    await red.deploy(flowOf(fileIn({ wires: [["got"]] }), got), "nodes");
    await cameOnce();
  });

  it("is not one that is wired to a junction or a subflow", async () => {
    const subflow: FlowNode[] = [
      {
        id: "sub",
        type: "subflow",
        name: "sub",
        in: [{ x: 0, y: 0, wires: [{ id: "inner" }] }],
        out: [{ x: 0, y: 0, wires: [{ id: "inner", port: 0 }] }],
      },
      { id: "inner", type: "change", z: "sub", rules: [], wires: [[]] },
    ];
    for (const way of [
      { id: "way", type: "junction", wires: [["got"]] },
      { id: "way", type: "subflow:sub", wires: [["got"]] },
    ]) {
      await red.deploy([
        ...subflow,
        ...flowOf(
          fileIn({ positionFile: path.join(folder, `${way.type.replace(":", "-")}.json`), wires: [["way"]] }),
          way,
          got,
        ),
      ]);
      await cameOnce();
      await red.deploy([]);
    }
  });

  it("stops where it is when a deploy cuts its wire, and goes on there", async () => {
    const manual: FlowNode = { ...got, manual: true };
    await red.deploy(flowOf(fileIn({ spanRecords: 5, wires: [["got"]] }), manual));
    const first = await red.arrived("got", 5);
    assert.equal(first.length, 5);
    await red.deploy(flowOf(fileIn({ spanRecords: 5, wires: [[]] }), manual), "nodes");
    await isUnwired();
    for (const one of red.collected("got")) one.done();
    assert.equal(red.collected("got").length, 5);
    await red.deploy(flowOf(fileIn({ spanRecords: 5, wires: [["got"]] }), manual), "nodes");
    const finished = new Set<unknown>(red.collected("got"));
    await red.until(
      "the rest came",
      () => {
        for (const one of red.collected("got"))
          if (!finished.has(one)) {
            finished.add(one);
            one.done();
          }
        return red.collected("got").length >= COUNT;
      },
      30_000,
    );
    assert.deepEqual(
      red.collected("got").map(({ message }) => (message.payload as { n: number }).n),
      numbers,
    );
  });
});
