import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Alert } from "../../nodes/lib/stream/anomaly/alerts";
import type { Anomaly } from "../../nodes/lib/stream/anomaly/detector";
import { laboratory, runtimeWithTestNodes } from "../delivery/nodes";
import { flowOf, nodeRed, type FlowNode } from "../harness";
import { ROOT } from "../../tools/editor/nodes";
import { flow, LIMITS, MINUTE, reading, row } from "./anomaly";
import { at, errorOf } from "./read";

type Told = Alert & { key: string };
type Element = { payload: Told; key: string; timestamp: number; source: unknown; anomaly?: Anomaly };
const states = (message: { payload?: unknown } | undefined): string[] =>
  (message?.payload as Element[]).map(({ payload }) => `${payload.state} ${payload.key} ${payload.time / MINUTE}`);

describe("anomaly-detector", () => {
  it("passes every record, says which are not normal, and raises and clears an alert", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    const source = { kind: "test", offset: 2 };
    red.receive("node", { ...reading(1, 20), topic: "t" });
    red.receive("node", { ...reading(2, 60), topic: "t", key: "k", headers: { h: 1 }, source });
    red.receive("node", reading(3, 44));
    const [normal, hot, after] = await red.arrived("records", 3);
    const [raised, cleared] = await red.arrived("alerts", 2);
    assert.deepEqual([normal?.payload, normal?.topic, normal?.["anomaly"]], [{ id: "a", temp: 20 }, "t", undefined]);
    assert.deepEqual(hot?.payload, { id: "a", temp: 60 });
    assert.deepEqual([at<Anomaly>(hot, "anomaly").state, at<Anomaly>(hot, "anomaly").score], ["alarm", 1.2]);
    assert.equal(after?.["anomaly"], undefined);
    assert.deepEqual(raised?.payload, {
      key: "a",
      state: "raised",
      field: "temp",
      method: "limits",
      value: 60,
      expected: null,
      score: 1.2,
      measure: 60,
      threshold: 50,
      since: 2 * MINUTE,
      time: 2 * MINUTE,
      reason: "temp = 60 has reached the high limit 50",
      evidence: [
        { time: MINUTE, value: 20 },
        { time: 2 * MINUTE, value: 60 },
      ],
      related: [],
    });
    assert.deepEqual(
      [raised?.["key"], raised?.["timestamp"], raised?.["source"], raised?.topic, raised?.["headers"]],
      ["k", 2 * MINUTE, source, "t", { h: 1 }],
    );
    assert.equal(raised?.["anomaly"], undefined);
    assert.deepEqual([at<Told>(cleared, "payload").state, cleared?.["key"]], ["cleared", "a"]);
  });

  it("shows, once its state is there, how many keys it has, before any record comes", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ stateKept: "disk" }));
    await red.until("it shows its keys", () => red.status("node")?.text === "watching, keys 0");
  });

  it("parts a batch into its records and its alerts, in order, and names what cannot be judged", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ pause: "0" }));
    const payload = [
      reading(1, 60, "a"),
      reading(1, 20, "b"),
      reading(2, 20, "a"),
      reading(3, 20, null),
      reading(2, 70, "b"),
      { payload: { id: "a", temp: 70 } },
      reading(1, 99, "a"),
      7,
    ].map((element) => Object.freeze(element));
    red.receive("node", { payload: Object.freeze(payload), topic: "t" });
    const [records] = await red.arrived("records", 1);
    const [alerts] = await red.arrived("alerts", 1);
    const passed = at<Element[]>(records, "payload");
    assert.deepEqual(
      passed.map(({ timestamp, anomaly }) => [timestamp / MINUTE, anomaly?.late ? "late" : anomaly?.state]),
      [
        [1, "alarm"],
        [1, undefined],
        [2, undefined],
        [2, "alarm"],
        [1, "late"],
      ],
    );
    assert.deepEqual(states(alerts), ["raised a 1", "cleared a 2", "raised b 2"]);
    assert.equal(alerts?.topic, "t");
    const [caught] = await red.arrived("caught", 1);
    assert.match(errorOf(caught), /3 of 8 records were not judged: Key: payload.id is null in this record/);
    assert.equal("anomaly" in (payload[0] as object), false, "what is shared is left alone");
  });

  it("fails a record without key or time, or far ahead of the clock, says why, and goes on", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    red.receive("node", { payload: { temp: 1 }, timestamp: 1 });
    red.receive("node", { payload: { id: "a", temp: 1 } });
    red.receive("node", { payload: { id: "a", temp: 60 }, timestamp: Date.now() + 2 * 86_400_000 });
    red.receive("node", reading(1, 60));
    const [key, time, ahead] = (await red.arrived("caught", 3)).map(errorOf);
    assert.match(key ?? "", /Key: payload.id is missing in this record; it must be text or a number/);
    assert.match(time ?? "", /Event time: timestamp is missing in this record; name a property with its time/);
    assert.match(
      ahead ?? "",
      /is more than 1 d ahead of the clock; set the sensor's clock, or allow it in Clock ahead/,
    );
    const [alert] = await red.arrived("alerts", 1);
    assert.equal(at<Told>(alert, "payload").time, MINUTE, "the wrong clock has made nothing late");
  });

  it("takes bad input of every kind for no readings", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ key: "" }));
    const bad = [null, undefined, 5, "{broken", Buffer.alloc(10_000_000), [], [1], {}, { temp: "hot" }, { temp: -999 }];
    for (const payload of bad) red.receive("node", { payload, timestamp: 1 });
    red.receive("node", { payload: { temp: 70 }, timestamp: 1 });
    const passed = await red.arrived("records", bad.length + 1);
    assert.equal(passed.filter((message) => message["anomaly"] !== undefined).length, 1);
    await red.arrived("alerts", 1);
  });

  it("takes a row's own parameters before those below, and the forecast of a predictor", async () => {
    const red = await nodeRed();
    await red.deploy(
      flow({
        key: "key",
        watched: [
          row({ field: "temp", method: "rate", raise: 5, more: "per=second side=above for=2" }),
          row({ field: "temp", method: "zscore", more: "warmup=3, window=10 spread=0.1" }),
          row({ field: "air.PM2.5", method: "forecast", more: 'warmup=2 target="PM2.5" horizon=1h within="1 min"' }),
        ],
        grouping: "0",
        pause: "0",
      }),
    );
    const payload = [10, 10, 10, 10.1, 16, 22, 22].map((temp, second) => ({
      payload: { temp, air: { "PM2.5": second === 6 ? 90 : 30 } },
      key: "k",
      timestamp: second * 1000,
      forecast: {
        ready: true,
        at: second * 1000 - 3_599_000,
        values: { "PM2.5": { "1h": 30 } },
        horizons: { "1h": 3_600_000 },
      },
    }));
    red.receive("node", { payload });
    const [alerts] = await red.arrived("alerts", 1);
    assert.deepEqual(
      at<Element[]>(alerts, "payload").map(({ payload: { state, method, time, related } }) => [
        state,
        method,
        time / 1000,
        related.map((one) => one.method),
      ]),
      [
        ["raised", "zscore", 4, []],
        ["raised", "rate", 5, []],
        ["raised", "forecast", 6, []],
        ["cleared", "rate", 6, []],
      ],
    );
  });

  it("shows how many alerts were raised, and that its keys are full", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ keys: 2 }));
    red.receive("node", reading(1, 1, "a"));
    await red.until("the key is shown", () => red.status("node")?.text === "watching, keys 1");
    red.receive("node", reading(1, 1, "b"));
    red.receive("node", reading(1, 1, "c"));
    await red.until("it says that keys leave", () => red.status("node")?.text === "oldest keys leave");
    assert.ok(red.logs.some((entry) => /Keys: 2 keys are remembered/.test(String(entry.msg))));
    red.receive("node", reading(1, 70, "d"));
    await red.until("the alert is shown", () => red.status("node")?.text === "alerts 1");
  });

  it("lets go when it is redeployed in mid-stream", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    for (let minute = 0; minute < 100; minute++) red.receive("node", reading(minute, 20));
    await red.deploy(flow({ watched: [{ ...LIMITS, raise: 10, clear: "" }] }), "nodes");
    red.receive("node", reading(1, 20));
    await red.until("the new instance judges by its own limit", () => red.collected("alerts").length === 1);
    assert.equal(red.collected("records").length, 101);
  });

  it("finds the faults that its example has", async () => {
    const red = await nodeRed();
    const example = JSON.parse(readFileSync(path.join(ROOT, "examples/anomaly-detector.json"), "utf8")) as FlowNode[];
    await red.deploy(example.map((node) => (node.type === "debug" ? { ...node, type: "test-collect" } : node)));
    const [alerts] = await red.arrived("anomaly-detector-alerts", 1);
    const found = at<Element[]>(alerts, "payload").map(({ payload }) => payload);
    const minuteOf = (time: number): number => (time - Date.UTC(2026, 2, 2)) / MINUTE;
    const raised = found.filter(({ state }) => state === "raised");
    assert.deepEqual(
      raised.map(({ field, method }) => [field, method]),
      [
        ["temperature", "zscore"],
        ["vibration", "ewma"],
        ["pressure", "stuck"],
      ],
    );
    const [spike = NaN, drift = NaN, stuck = NaN] = raised.map(({ time }) => minuteOf(time));
    assert.equal(spike, 90);
    assert.ok(drift > 120 && drift < 140, `minute ${drift}`);
    assert.equal(stuck, 209);
    assert.equal(found.filter(({ state }) => state === "cleared").length, 3);
  });
});

describe("anomaly-detector under the ledger", () => {
  beforeEach(() => laboratory.reset());

  it("finishes a batch at its source when its records and its alerts are done below", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(
      flowOf(
        { id: "s", type: "test-source", wires: [["node"]] },
        {
          id: "node",
          type: "citystream-anomaly-detector",
          key: "payload.id",
          watched: [LIMITS],
          wires: [["k"], ["k2"]],
        },
        { id: "k", type: "test-sink" },
        { id: "k2", type: "test-sink" },
      ),
    );
    const source = laboratory.source("s");
    const open = new Map<string, () => void>();
    laboratory.sink = (id, _message, done) => void open.set(id, done);
    const batch = [reading(1, 20), reading(2, 70), reading(3, 20, null)];
    source.source?.deliver(
      { records: 3, bytes: 1, message: (elements) => ({ payload: elements?.map((index) => batch[index]) ?? batch }) },
      (verdict, failure) => source.outcomes.set(0, { verdict, failure }),
    );
    await red.until("both outputs are reached", () => open.size === 2);
    open.get("k")?.();
    assert.equal(source.outcomes.size, 0);
    open.get("k2")?.();
    await red.until("it is finished", () => source.outcomes.size === 1);
    assert.equal(source.outcomes.get(0)?.verdict, "dead-lettered", "the record without a key, and only that one");
    assert.deepEqual(
      source.deadLetters.flatMap(({ message }) => message.payload),
      [batch[2]],
    );
    assert.equal(laboratory.delivery?.report().tokens, 0);
  });
});
