/** The monitor under the delivery ledger: when records finish, and what comes again. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { laboratory, runtimeWithTestNodes, type SourceRecord } from "../delivery/nodes";
import { flowOf } from "../harness";
import { outcome, sawn } from "./monitor";

describe("forecast-monitor under the ledger", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-monitor-"));
    laboratory.reset();
  });
  afterEach(async () => {
    await (await runtimeWithTestNodes()).deploy([]);
    rmSync(folder, { recursive: true, force: true });
  });

  const flow = (settings: Record<string, unknown> = {}) =>
    flowOf(
      { id: "s", type: "test-source", wires: [["forecast"]] },
      // A source's records have no forecast: this puts there what the predictor would have.
      {
        id: "forecast",
        type: "function",
        outputs: 1,
        func: "msg.forecast = msg.payload.forecast; return msg;",
        wires: [["node"]],
      },
      {
        id: "node",
        type: "citystream-forecast-monitor",
        window: 60,
        least: 24,
        band: 0,
        stateFolder: folder,
        checkpointEvery: 0.05,
        ...settings,
        wires: [["k"], ["drift"]],
      },
      { id: "k", type: "test-sink" },
      { id: "drift", type: "test-sink" },
    );
  /** Hours of which the forecasts are wrong from the 30th on. */
  const deliver = (source: SourceRecord, hour: number): void => {
    const { forecast, timestamp } = sawn(hour, hour < 30 ? 1 : 12);
    source.deliver(hour, () => ({ forecast }), {
      timestamp,
      source: { kind: "kafka", topic: "t", partition: 0, offset: hour },
    });
  };
  it("finishes a record when it is scored, kept and done below, and one that tells a drift when that is done too", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow({ checkpointEvery: 600 }));
    const source = laboratory.source("s");
    let training: (() => void) | undefined;
    laboratory.sink = (id, _message, done) => {
      if (id === "drift") training = done;
      else done();
    };
    for (let hour = 0; hour < 36; hour++) deliver(source, hour);
    await red.until("the drift is told", () => training !== undefined);
    await red.until("all have passed", () => laboratory.at("k").length === 36);
    assert.equal(source.outcomes.size, 0, "nothing is kept so far");
    source.source?.pressure();
    await red.until("all but one are finished", () => source.count("delivered") === 35);
    training?.();
    await red.until("the last is finished", () => source.count("delivered") === 36);
    assert.equal(laboratory.at("drift").length, 1);
    assert.equal(laboratory.delivery?.report().tokens, 0);
  });

  it("says the same of a record that comes again, the drift too, and counts it once", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow());
    const source = laboratory.source("s");
    const tried = new Set<string>();
    laboratory.sink = (id, message, done) => {
      const name = `${id} ${String(message["record"])}`;
      const isFirst = !tried.has(name);
      tried.add(name);
      done(isFirst ? new Error("not this time") : undefined);
    };
    for (let hour = 0; hour < 40; hour++) {
      deliver(source, hour);
      await red.until(`hour ${hour} is delivered`, () => source.count("delivered") === hour + 1);
    }
    const all = laboratory.at("k").map((message) => [message["record"], outcome(message)] as const);
    assert.ok(all.length >= 80);
    const first = new Map<unknown, unknown>();
    for (const [record, said] of all) {
      if (first.has(record)) assert.deepEqual(said, first.get(record));
      else first.set(record, said);
    }
    const drifts = laboratory.at("drift");
    assert.ok(drifts.length >= 2);
    assert.equal(new Set(drifts.map(({ payload }) => JSON.stringify(payload))).size, 1, "one drift, told again");
    const tries = [...first.values()];
    // As a run that nothing disturbs.
    laboratory.reset();
    await red.deploy(flow({ stateFolder: path.join(folder, "other") }));
    const anew = laboratory.source("s");
    for (let hour = 0; hour < 40; hour++) deliver(anew, hour);
    await red.until("all are delivered", () => anew.count("delivered") === 40);
    assert.deepEqual(
      laboratory.at("k").map((message) => outcome(message)),
      tries,
    );
  });

  it("loses no record and no score when it is redeployed in mid-flight", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(flow());
    const source = laboratory.source("s");
    for (let hour = 0; hour < 20; hour++) deliver(source, hour);
    await red.deploy(flow({ name: "again" }), "nodes");
    for (let hour = 20; hour < 30; hour++) deliver(source, hour);
    await red.until("all are delivered", () => source.count("delivered") === 30);
    const counts = laboratory.at("k").map((message) => outcome(message).scores[0]?.rolling?.count ?? 0);
    assert.equal(Math.max(...counts), 29);
  });
});
