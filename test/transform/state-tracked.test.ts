/** Detectors with state on disk under the delivery ledger: when records finish, and what comes again. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { laboratory, runtimeWithTestNodes, type SourceRecord } from "../delivery/nodes";
import { flowOf, until, type FlowNode } from "../harness";
import { decisionOf, T, trackedRules } from "./fraud";
import { LIMITS } from "./anomaly";

describe("detectors with state on disk, under the ledger", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-state-"));
    laboratory.reset();
  });
  afterEach(async () => {
    await (await runtimeWithTestNodes()).deploy([]);
    rmSync(folder, { recursive: true, force: true });
  });

  const rules = (more: Record<string, unknown> = {}): FlowNode[] => trackedRules(folder, more);
  const limits = (more: Record<string, unknown> = {}): FlowNode[] =>
    flowOf(
      { id: "s", type: "test-source", wires: [["node"]] },
      {
        id: "node",
        type: "citystream-anomaly-detector",
        key: "payload.id",
        watched: [LIMITS],
        stateFolder: folder,
        ...more,
        wires: [["k"], ["alerts"]],
      },
      { id: "k", type: "test-sink" },
      { id: "alerts", type: "test-sink" },
    );
  /** The n-th payment of a card, a second after the one before: the sixth within a minute is too many. */
  const pay = (source: SourceRecord, n: number): void =>
    source.deliver(n, () => ({ card: "c", amount: 12, country: "KR", category: "5411" }), {
      timestamp: T + n * 1000,
      source: { kind: "kafka", topic: "t", partition: 0, offset: n },
    });
  const measure = (source: SourceRecord, n: number, temp = 20): void =>
    source.deliver(n, () => ({ id: "a", temp }), {
      timestamp: n * 1000,
      source: { kind: "kafka", topic: "t", partition: 0, offset: n },
    });
  const source = async (): Promise<SourceRecord> => {
    const found = laboratory.sources.get("s");
    assert.ok(found);
    await until("the source runs", () => found.running);
    return found;
  };
  const scores = (): number[] => (laboratory.received.get("k") ?? []).map((message) => decisionOf(message).score);

  it("finish a record once a checkpoint holds what it changed, and not before", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(limits({ checkpointEvery: 600 }));
    const from = await source();
    measure(from, 1);
    await until("it has passed", () => (laboratory.received.get("k") ?? []).length === 1);
    assert.equal(from.outcomes.size, 0);
    from.source?.pressure();
    await until("it is delivered", () => from.count("delivered") === 1);
    assert.match(readdirSync(path.join(folder, "node")).join(), /^\d+\.state$/);
  });

  it("say of a record that failed below the same when it is tried again, and count it once", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(rules());
    const from = await source();
    const tried = new Set<unknown>();
    laboratory.sink = (_id, message, done) => {
      const isFirst = !tried.has(message["record"]);
      tried.add(message["record"]);
      done(isFirst ? new Error("not this time") : undefined);
    };
    for (let n = 0; n < 12; n++) {
      pay(from, n);
      await until(`payment ${n} is delivered`, () => from.count("delivered") === n + 1);
    }
    const all = scores();
    assert.equal(all.length, 24);
    const [first, second] = [0, 1].map((part) => all.filter((_score, n) => n % 2 === part));
    assert.deepEqual(first, second);
    // As often as it would have been told without a failure.
    laboratory.sink = undefined;
    laboratory.received.clear();
    await red.deploy(rules({ stateFolder: path.join(folder, "other") }));
    const anew = await source();
    for (let n = 0; n < 12; n++) pay(anew, n);
    await until("all are delivered", () => scores().length === 12);
    assert.deepEqual(scores(), first);
    assert.ok(new Set(first).size > 1, "what came before makes a difference");
  });

  it("know after a deploy what they knew", async () => {
    const red = await runtimeWithTestNodes();
    const told: number[] = [];
    for (let n = 0; n < 12; n++) {
      if (n % 4 === 0) await red.deploy(rules({ name: `version ${n}` }));
      const from = await source();
      laboratory.received.clear();
      pay(from, n);
      await until(`payment ${n} is told`, () => scores().length === 1);
      told.push(...scores());
    }
    laboratory.received.clear();
    await red.deploy(rules({ stateFolder: path.join(folder, "other") }));
    const anew = await source();
    for (let n = 0; n < 12; n++) pay(anew, n);
    await until("all are told", () => scores().length === 12);
    assert.deepEqual(told, scores());
  });

  it("let records wait in their order, red with the reason, while the folder can't be used, and go on when it can", async () => {
    const file = path.join(folder, "file");
    writeFileSync(file, "");
    const red = await runtimeWithTestNodes();
    laboratory.options = { timeout: 300 };
    await red.deploy(limits({ stateFolder: path.join(file, "state") }));
    const from = await source();
    for (let n = 1; n <= 20; n++) measure(from, n);
    await until(
      "it says why",
      () => red.status("node")?.fill === "red" && /ENOTDIR/.test(red.status("node")?.text ?? ""),
    );
    const since = Date.now();
    await until("long after the time-out", () => Date.now() - since > 1000);
    assert.equal(from.outcomes.size, 0);
    rmSync(file);
    await until("all are delivered", () => from.count("delivered") === 20);
    assert.deepEqual(
      laboratory.at("k").map((message) => message["record"]),
      Array.from({ length: 20 }, (_, n) => n + 1),
    );
    assert.deepEqual([from.tries.get(1), from.deadLetters], [1, []]);
  });

  it("finish what is in flight when they are deployed, or let it come again", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(limits({ checkpointEvery: 600, pause: "0" }));
    const from = await source();
    for (let n = 0; n < 50; n++) measure(from, n, n % 10 === 9 ? 99 : 20);
    await until("all have passed", () => (laboratory.received.get("k") ?? []).length === 50);
    await red.deploy(limits({ checkpointEvery: 0.05, pause: "0", name: "another" }), "nodes");
    await until("all are delivered", () => from.count("delivered") === 50);
    // Each alarm is raised once, also by a record that came again.
    const alerts = (laboratory.received.get("alerts") ?? []).map(
      ({ payload }) => payload as { time: number; state: string },
    );
    const raised = alerts.filter(({ state }) => state === "raised").map(({ time }) => time);
    assert.equal(new Set(raised).size, 5);
  });
});
