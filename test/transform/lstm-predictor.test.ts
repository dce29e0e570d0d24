import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { ForecastMissing, ForecastReady } from "../../nodes/lib/forecast/forecast";
import { nodeRed } from "../harness";
import { startChild } from "../harness/child";
import { temporaryFolder } from "../lib/lake/stores";
import { assertForecast, constant, HOUR, missing, modelFiles, predictorFlow, ready, records } from "./predictor";
import { at, errorOf } from "./read";
import { assertRefused } from "./refused";

let record = records();

describe("lstm-predictor", () => {
  const models = modelFiles();
  const flow = (settings: Record<string, unknown> = {}) => predictorFlow(models.one, settings);

  beforeEach(() => (record = records()));

  it("forecasts from the last readings of each key as the reference computation does", async () => {
    const red = await nodeRed();
    // Its keys are counted: others' tests leave theirs in the shared folder.
    await red.deploy(flow({ stateFolder: temporaryFolder() }));
    const values = { x: [0.1, 0.4, -0.3, 0.2, 0.9], y: [1, 0.5, 0.25, 0, -0.5] };
    for (let hour = 0; hour < 5; hour++) {
      for (const key of ["x", "y"] as const) red.receive("node", record(key, hour, values[key][hour], hour / 10));
    }
    const forecasts = (await red.arrived("out", 4)).map(ready);
    assert.deepEqual(
      forecasts.map(({ key, at: time }) => [key[0], time / HOUR]),
      [
        ["x", 3],
        ["y", 3],
        ["x", 4],
        ["y", 4],
      ],
    );
    for (const forecast of forecasts) {
      const last = forecast.at / HOUR;
      const hours = [last - 3, last - 2, last - 1, last];
      assertForecast(
        forecast,
        hours.map((hour) => [values[forecast.key[0] as "x" | "y"][hour] as number, hour / 10]),
      );
    }
    assert.equal(red.collected("none").length, 6);
    await red.until("it counts its keys", () => red.status("node")?.text === "forecasting, keys 2");
  });

  it("passes records on without a forecast until their window is full, and says how far it is", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    red.receive("node", { ...record("k", 0, 1, 2), topic: "kept" });
    red.receive("node", record("k", 1, 1, 2));
    const [first, second] = await red.arrived("none", 2);
    assert.equal(first?.topic, "kept");
    assert.deepEqual(first?.payload, { a: 1, b: 2 });
    const { have, need, reason, ready: isReady } = missing(second);
    assert.deepEqual({ have, need, reason, isReady }, { have: 2, need: 4, reason: "window", isReady: false });
  });

  it("parts a batch into forecasts and records without, and fails only those that are wrong", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    const element = (hour: number, a: unknown = 0.5) => Object.freeze(record("k", hour, a, 0.1));
    red.receive("node", {
      payload: Object.freeze([element(0), element(1), element(2), element(3, "broken"), element(3), element(4)]),
      topic: "t",
    });
    const [out] = await red.arrived("out", 1);
    const [none] = await red.arrived("none", 1);
    const hours = (message: typeof out) =>
      at<{ timestamp: number }[]>(message, "payload").map((e) => e.timestamp / HOUR);
    assert.deepEqual(
      [hours(out), hours(none)],
      [
        [3, 4],
        [0, 1, 2],
      ],
    );
    assertForecast(at<{ forecast: ForecastReady }[]>(out, "payload")[0]!.forecast, constant(0.5, 0.1));
    const [caught] = await red.arrived("caught", 1);
    assert.match(errorOf(caught), /1 of 6 records: a is "broken"; it must be a number/);
  });

  it("takes bad input of every kind and goes on", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    const bad = [
      null,
      undefined,
      5,
      "text",
      [],
      {},
      { a: {}, b: 1 },
      { a: "NA" },
      Buffer.alloc(10_000_000),
      "x".repeat(10_000_000),
    ];
    for (const payload of bad) red.receive("node", { payload, key: "k", timestamp: 0 });
    red.receive("node", { payload: { a: 1, b: 1 }, timestamp: 0 });
    red.receive("node", { payload: { a: 1, b: 1 }, key: "k", timestamp: "soon" });
    red.receive("node", { payload: { a: 1e300, b: 1 }, key: "huge", timestamp: 0 });
    const caught = (await red.arrived("caught", bad.length + 3)).map(errorOf);
    assert.match(caught[0] ?? "", /payload is null; it must be an object with a, b/);
    assert.ok(caught.some((text) => /none of the model's features a, b/.test(text)));
    assert.ok(caught.some((text) => /Key: key is missing in this record/.test(text)));
    assert.ok(caught.some((text) => /the time is "soon"/.test(text)));
    assert.ok(caught.some((text) => /a is 1e\+300/.test(text)));
    for (const hour of [0, 1, 2, 3]) red.receive("node", record("good", hour, "0.5", 1));
    assertForecast(ready((await red.arrived("out", 1))[0]), constant(0.5, 1));
  });

  it("reads features from the properties that are set", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ key: "", properties: [{ feature: "a", property: "air.pm[0]" }] }));
    for (let hour = 0; hour < 4; hour++)
      red.receive("node", { payload: { air: { pm: [hour] }, b: 1 }, timestamp: hour * HOUR });
    assertForecast(ready((await red.arrived("out", 1))[0]), [
      [0, 1],
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
  });

  it("goes on with its windows after a deploy, and loses no answer when the model is swapped under load", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    for (let hour = 0; hour < 200; hour++) red.receive("node", record("k", hour, Math.sin(hour), 1));
    await red.deploy(flow({ model: models.two }), "nodes");
    for (let hour = 200; hour < 400; hour++) red.receive("node", record("k", hour, Math.sin(hour), 1));
    const forecasts = (await red.arrived("out", 397)).map(ready);
    assert.equal(red.collected("none").length, 3);
    for (const [i, forecast] of forecasts.entries()) {
      assert.equal(forecast.at, (i + 3) * HOUR);
      assert.equal(forecast.version, i + 3 < 200 ? "1" : "2");
      const window = [i, i + 1, i + 2, i + 3].map((hour) => [Math.sin(hour), 1]);
      assertForecast(forecast, window, Number(forecast.version));
    }
  });

  it("forecasts PM2.5 and PM10 with the model that comes with the pack", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ model: "" }));
    const payload = {
      "PM2.5": 80,
      PM10: 120,
      NO2: 60,
      CO: 1200,
      TEMP: 3,
      PRES: 1020,
      DEWP: -8,
      RAIN: 0,
      wd: "NNW",
      WSPM: 1.5,
    };
    for (let hour = 0; hour < 24; hour++)
      red.receive("node", { payload, key: "shipped", timestamp: (400_000 + hour) * HOUR });
    const { values, units, horizons, model } = ready((await red.arrived("out", 1))[0]);
    assert.deepEqual(horizons, { "1h": HOUR, "6h": 6 * HOUR, "24h": 24 * HOUR });
    assert.deepEqual(units, { "PM2.5": "µg/m³", PM10: "µg/m³" });
    assert.equal(model, "beijing-air");
    for (const target of ["PM2.5", "PM10"]) {
      for (const value of Object.values(values[target] ?? {}))
        assert.ok(value > 20 && value < 250, `${target} ${value}`);
    }
  });

  it("shows what to change when its settings are wrong, and fails messages instead of losing them", async () => {
    const broken = path.join(models.folder, "broken.json");
    writeFileSync(broken, "{");
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ model: path.join(models.folder, "absent.json") }, /absent\.json cannot be read: ENOENT/],
      [{ model: broken }, /broken\.json is not JSON/],
      [{ key: "payload[" }, /Key: "payload\[" is not a property path/],
      [{ properties: [{ feature: "c", property: "c" }] }, /the model has no feature "c"; it has a, b/],
      [{ checkpointEvery: 0 }, /Checkpoint every \(s\): 0 is below/],
      [{ keys: 0 }, /Keys: 0 is below/],
    ];
    await assertRefused(flow, cases, () => record("k", 0, 1, 1));
  });

  it("goes on with its windows after a restart, as its state is on disk", async () => {
    const userDir = mkdtempSync(path.join(tmpdir(), "citystream-restart-"));
    const flowFile = path.join(userDir, "flow.json");
    const wired = { x: 1, y: 1, z: "tab" };
    const predictor = { type: "citystream-lstm-predictor", model: models.one, key: "payload.site" };
    const time = { t: "set", p: "timestamp", pt: "msg", to: "payload.time", tot: "msg" };
    writeFileSync(
      flowFile,
      JSON.stringify([
        { id: "tab", type: "tab", label: "t" },
        { id: "in", type: "http in", url: "/reading", method: "post", ...wired, wires: [["time"]] },
        { id: "time", type: "change", rules: [time], ...wired, wires: [["node"]] },
        { id: "node", ...predictor, ...wired, wires: [["reply"], ["reply"]] },
        {
          id: "reply",
          type: "change",
          rules: [{ ...time, p: "payload", to: "forecast" }],
          ...wired,
          wires: [["answer"]],
        },
        { id: "answer", type: "http response", ...wired, wires: [] },
      ]),
    );
    const post = async (url: string, hour: number): Promise<ForecastReady | ForecastMissing> => {
      const body = JSON.stringify({ site: "s.1 [x]", time: hour * HOUR, a: hour, b: 1 });
      const headers = { "content-type": "application/json" };
      const answer = await fetch(`${url}/api/reading`, { method: "POST", body, headers });
      return (await answer.json()) as ForecastReady | ForecastMissing;
    };
    try {
      const before = await startChild({ userDir, flowFile });
      for (const hour of [0, 1, 2]) assert.equal((await post(before.url, hour)).ready, false);
      await before.stop();
      const after = await startChild({ userDir, flowFile });
      try {
        const forecast = await post(after.url, 3);
        assert.ok(forecast.ready, JSON.stringify(forecast));
        const window = [0, 1, 2, 3].map((hour) => [hour, 1]);
        assertForecast(forecast, window);
      } finally {
        await after.stop();
      }
    } finally {
      rmSync(userDir, { recursive: true, force: true });
    }
  });
});
