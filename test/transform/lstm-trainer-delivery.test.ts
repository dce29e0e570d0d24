/** The trainer under the delivery ledger: what a source learns of its readings, and what a crash leaves. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { laboratory, runtimeWithTestNodes, type SourceRecord } from "../delivery/nodes";
import { flowOf, type FlowNode } from "../harness";
import { startChild } from "../harness/child";
import { HOUR, madeReadings } from "../lib/forecast/made-readings";
import { batchOf, cardOf, trainerSettings, type Card } from "./trainer";

const LIMIT = 60_000;

describe("lstm-trainer under the ledger", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-trainer-"));
    laboratory.reset();
  });
  afterEach(async () => {
    laboratory.reset();
    await (await runtimeWithTestNodes()).deploy([]);
    rmSync(folder, { recursive: true, force: true });
  });

  const settings = (more: Record<string, unknown> = {}): Record<string, unknown> =>
    trainerSettings(path.join(folder, "model"), {
      kept: "disk",
      stateFolder: path.join(folder, "state"),
      checkpointEvery: 0.02,
      ...more,
    });
  const flow = (more: Record<string, unknown> = {}): FlowNode[] =>
    flowOf(
      { id: "s", type: "test-source", wires: [["node"]] },
      { id: "node", ...settings(more), wires: [["k"], ["progress"]] } as never,
      { id: "k", type: "test-sink" },
      { id: "progress", type: "test-collect" },
    );
  const readings = madeReadings(600, 1);
  /** Reading `hour` as a batch of one. */
  const deliver = (source: SourceRecord, hour: number): void => {
    const { a, b, hour: at } = readings[hour] ?? { a: 0, b: 0, hour: 0 };
    source.deliver(hour, () => [{ payload: { a, b }, key: "k", timestamp: at * HOUR }]);
  };
  const train = (source: SourceRecord, id: number): void => source.deliver(id, () => 1, { train: true });

  it("finishes a reading once a checkpoint holds it, and goes on with it after a deploy", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow());
    const source = laboratory.source("s");
    for (let hour = 0; hour < readings.length; hour++) deliver(source, hour);
    await red.until("all are finished", () => source.count("delivered") === readings.length);
    assert.ok(readdirSync(path.join(folder, "state", "node")).length > 0, "they are on disk");
    await red.deploy(flow({ epochs: 3 }), "nodes");
    const again = laboratory.source("s");
    await red.until("the source runs again", () => again.running);
    for (let hour = 0; hour < 100; hour++) deliver(again, hour);
    train(again, 1_000);
    await red.until("training is finished", () => again.outcomes.get(1_000)?.verdict === "delivered", LIMIT);
    const [card] = laboratory.at("k");
    assert.deepEqual([cardOf(card).readings, cardOf(card).replaced], [600, true], "what came twice counts once");
  });

  it("holds readings back from their source while the disk refuses them, and takes them once it works", async function () {
    if (process.getuid?.() === 0) writeFileSync(path.join(folder, "state"), "a file where the folder should be");
    else chmodSync(folder, 0o500);
    const red = await runtimeWithTestNodes();
    await red.deploy(flow());
    const source = laboratory.source("s");
    for (let hour = 0; hour < 10; hour++) deliver(source, hour);
    await red.until("the status says so", () => /state not kept/.test(red.status("node")?.text ?? ""));
    assert.equal(source.outcomes.size, 0);
    if (process.getuid?.() === 0) rmSync(path.join(folder, "state"));
    else chmodSync(folder, 0o700);
    await red.until("all are finished", () => source.count("delivered") === 10);
  });

  it("finishes the message that asked for training when what takes the card has finished", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow());
    const source = laboratory.source("s");
    const open: (() => void)[] = [];
    laboratory.sink = (_id, _message, done) => void open.push(done);
    source.deliver(0, () => batchOf("k", 300).payload);
    train(source, 1);
    await red.until("the card has come", () => open.length === 1, LIMIT);
    assert.equal(source.outcomes.get(1), undefined);
    open[0]?.();
    await red.until("both are finished", () => source.count("delivered") === 2);
    assert.equal(laboratory.delivery?.report().tokens, 0);
  });

  it("gives a message that can't be trained for to the dead letters, with the reason", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow());
    const source = laboratory.source("s");
    train(source, 1);
    await red.until("it is finished", () => source.outcomes.size === 1, LIMIT);
    assert.match(source.deadLetters[0]?.error.message ?? "", /not trained: no readings are collected/);
  });

  it("closed while it trains, it gives the message back to its source, and trains when it comes again", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow({ epochs: 10_000, patience: 10_000 }));
    const source = laboratory.source("s");
    source.deliver(0, () => batchOf("k", 300).payload);
    train(source, 1);
    await red.until("it trains", () => red.collected("progress").length > 1, LIMIT);
    await red.deploy(flow(), "nodes");
    await red.until("it is finished", () => source.outcomes.get(1)?.verdict === "delivered", LIMIT);
    assert.equal(source.deadLetters.length, 0);
    assert.deepEqual(
      laboratory.at("k").map((card) => cardOf(card).readings),
      [300],
    );
  });

  it("has after kill -9 every reading that was finished", async function () {
    this.timeout(120_000);
    const flowFile = path.join(folder, "flow.json");
    const wired = { x: 1, y: 1, z: "tab" };
    const time = { t: "set", p: "timestamp", pt: "msg", to: "payload.time", tot: "msg" };
    const asked = { t: "set", p: "train", pt: "msg", to: "payload.train", tot: "msg" };
    writeFileSync(
      flowFile,
      JSON.stringify([
        { id: "tab", type: "tab", label: "t" },
        { id: "in", type: "http in", url: "/reading", method: "post", ...wired, wires: [["time"]] },
        { id: "time", type: "change", rules: [time, asked], ...wired, wires: [["node"]] },
        { id: "node", ...settings({ key: "" }), ...wired, wires: [["answer"], []] },
        { id: "complete", type: "complete", scope: ["node"], ...wired, wires: [["answer"]] },
        { id: "answer", type: "http response", ...wired, wires: [] },
      ]),
    );
    const post = async (url: string, body: object): Promise<Response> => {
      const headers = { "content-type": "application/json" };
      return await fetch(`${url}/api/reading`, { method: "POST", body: JSON.stringify(body), headers });
    };
    const before = await startChild({ userDir: folder, flowFile });
    const finished = new Set<number>();
    const sending = Promise.all(
      readings.map(async ({ hour, a, b }, i) => {
        const answer = await post(before.url, { time: hour * HOUR, a, b });
        if (answer.ok) finished.add(i);
        if (finished.size === 400) await before.kill9();
      }),
    );
    await sending.catch(() => undefined);
    assert.ok(finished.size >= 400, `${finished.size}: the crash came in the middle, or after`);
    const after = await startChild({ userDir: folder, flowFile });
    try {
      const card = (await (await post(after.url, { train: true })).json()) as Card;
      assert.ok(card.readings >= finished.size, `${card.readings} of ${finished.size} are there`);
    } finally {
      await after.stop();
    }
  });
});
