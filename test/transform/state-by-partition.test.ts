/** Rules with state by partition under the delivery ledger: what moves with the partition, and what is given back. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Tenure } from "../../nodes/lib/delivery/contract";
import { assigned, laboratory, runtimeWithTestNodes, type SourceRecord } from "../delivery/nodes";
import { until, type FlowNode } from "../harness";
import { decisionOf, T, trackedRules } from "./fraud";

describe("rules with state by partition, under the ledger", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-by-partition-"));
    laboratory.reset();
  });
  afterEach(async () => {
    await (await runtimeWithTestNodes()).deploy([]);
    rmSync(folder, { recursive: true, force: true });
  });

  const rules = (more: Record<string, unknown> = {}): FlowNode[] =>
    trackedRules(folder, { stateKept: "shared", ...more });
  /** The n-th payment of a card, a second after the one before: the sixth within a minute is too many. */
  const pay = (source: SourceRecord, n: number, tenure: Tenure): void =>
    source.deliver(
      n,
      () => ({ card: "c", amount: 12, country: "KR", category: "5411" }),
      { timestamp: T + n * 1000, source: { kind: "kafka", topic: "t", partition: 0, offset: n } },
      { tenure },
    );
  const deployed = async (more?: Record<string, unknown>): Promise<SourceRecord> => {
    await (await runtimeWithTestNodes()).deploy(rules(more));
    const found = laboratory.source("s");
    await until("the source runs", () => found.running);
    return found;
  };
  const scores = (): number[] => laboratory.at("k").map((message) => decisionOf(message).score);
  /** What is told of twelve payments where nothing happens. */
  const calm = async (): Promise<number[]> => {
    const source = await deployed({ stateKept: "memory" });
    for (let n = 0; n < 12; n++) pay(source, n, assigned());
    await until("all are told", () => scores().length === 12);
    const told = scores();
    laboratory.received.clear();
    return told;
  };

  it("say what they would have said when the partition moves between any two payments, and over deploys", async () => {
    const expected = await calm();
    assert.ok(new Set(expected).size > 1, "what came before makes a difference");
    let source = await deployed();
    let tenure = assigned();
    for (let n = 0; n < 12; n++) {
      if (n === 6) source = await deployed({ name: "again" });
      else if (n % 2 === 0) {
        tenure.over = true;
        tenure = assigned();
      }
      pay(source, n, tenure);
      await until(`payment ${n} is told`, () => scores().length === n + 1);
    }
    assert.deepEqual(scores(), expected);
    assert.match(readdirSync(path.join(folder, "node")).join(), /^t-0$/u);
  });

  it("give back what was fetched before the partition moved away, also when it has come back", async () => {
    const source = await deployed();
    const [before, after] = [assigned(), assigned()];
    pay(source, 0, before);
    await until("it is delivered", () => source.count("delivered") === 1);
    before.over = true;
    pay(source, 1, before);
    await until("it is given back", () => source.count("abandoned") === 1);
    pay(source, 1, after);
    await until("it is told", () => scores().length === 2);
    pay(source, 2, before);
    await until("the next one is given back", () => source.count("abandoned") === 2);
    assert.equal(source.deadLetters.length, 0);
    assert.equal(scores().length, 2);
  });

  it("keep payments waiting until it is known whose the partition is, beyond their time-out", async () => {
    laboratory.options = { timeout: 300 };
    const source = await deployed();
    let answer = (_yes: boolean): void => assert.fail();
    const confirmed = new Promise<boolean>((resolve) => (answer = resolve));
    const tenure = assigned({ confirm: () => confirmed });
    for (let n = 0; n < 12; n++) pay(source, n, tenure);
    const since = Date.now();
    await until("long after the time-out", () => Date.now() - since > 1000);
    assert.deepEqual([source.outcomes.size, scores()], [0, []]);
    answer(true);
    await until("all are delivered", () => source.count("delivered") === 12);
    assert.deepEqual(
      laboratory.at("k").map((message) => message["record"]),
      Array.from({ length: 12 }, (_, n) => n),
    );
  });

  it("ask for the folder that all instances share", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(rules({ stateFolder: "" }));
    await until("it says what to enter", () =>
      red.logs.some(({ msg }) => /Folder: it is empty; state by partition needs/u.test(String(msg))),
    );
  });
});
