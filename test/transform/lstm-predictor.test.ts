import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { ForecastMissing, ForecastReady } from "../../nodes/lib/forecast/forecast";
import { writeModel } from "../../nodes/lib/forecast/model-file";
import { flowOf, nodeRed } from "../harness";
import { referenceForecast, testModel } from "../lib/forecast/models";
import { at, errorOf } from "./read";

const HOUR = 3_600_000;
const folder = mkdtempSync(path.join(tmpdir(), "citystream-models-"));
const models = { one: path.join(folder, "one"), two: path.join(folder, "two") };

const flow = (settings: Record<string, unknown> = {}) =>
  flowOf(
    {
      id: "node",
      type: "citystream-lstm-predictor",
      key: "key",
      model: models.one,
      ...settings,
      wires: [["out"], ["none"]],
    },
    { id: "out", type: "test-collect" },
    { id: "none", type: "test-collect" },
    { id: "catch", type: "catch", scope: ["node"], wires: [["caught"]] },
    { id: "caught", type: "test-collect" },
  );

/** Readings outlive a deploy, so that each test has keys of its own. */
let test = 0;

const record = (key: string, hour: number, a: unknown, b: unknown) => ({
  payload: { a, b },
  key: `${key}${test}`,
  timestamp: hour * HOUR,
});
const ready = (message: Parameters<typeof at>[0]): ForecastReady => at<ForecastReady>(message, "forecast");
const missing = (message: Parameters<typeof at>[0]): ForecastMissing => at<ForecastMissing>(message, "forecast");

/** A window in which nothing changes. */
const constant = (a: number, b: number): number[][] => Array.from({ length: 4 }, () => [a, b]);

/** That the forecast is what the reference computes for this window with the model of this seed. */
function assertForecast(forecast: ForecastReady, window: number[][], seed = 1): void {
  const [a = 0, b = 0] = referenceForecast(testModel(seed), window);
  const [gotA, gotB] = [forecast.values["a"]?.["1h"] ?? Number.NaN, forecast.values["b"]?.["2h"] ?? Number.NaN];
  assert.ok(Math.abs(gotA - a) < 1e-5 && Math.abs(gotB - b) < 1e-5, `${gotA}, ${gotB} instead of ${a}, ${b}`);
}

describe("lstm-predictor", () => {
  before(async () => {
    await writeModel(models.one, testModel(1));
    await writeModel(models.two, testModel(2));
  });
  beforeEach(() => void test++);
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("forecasts from the last readings of each key as the reference computation does", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
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
    await red.until("a green status", () => red.status("node")?.fill === "green");
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

  it("computes a batch of hundreds in its worker, in order and as the reference does", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    const payload = Array.from({ length: 400 }, (_, hour) => record("k", hour, Math.sin(hour), Math.cos(hour)));
    red.receive("node", { payload });
    const [out] = await red.arrived("out", 1);
    const elements = at<{ forecast: ForecastReady }[]>(out, "payload");
    assert.equal(elements.length, 397);
    for (const [i, { forecast }] of elements.entries()) {
      assert.equal(forecast.at, (i + 3) * HOUR);
      assertForecast(
        forecast,
        [i, i + 1, i + 2, i + 3].map((hour) => [Math.sin(hour), Math.cos(hour)]),
      );
    }
  });

  it("takes windows as records, columns and a matrix, with the same forecast", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    const rows = [
      [0.1, 1],
      [0.2, 0.5],
      [0.3, 0],
      [0.4, -0.5],
    ];
    const window = { key: "w", start: 0, end: 4 * HOUR };
    red.receive("node", { window, payload: rows.map(([a, b], hour) => record("w", hour, a, b)) });
    red.receive("node", { window, payload: { b: rows.map(([, b]) => b), a: rows.map(([a]) => a) } });
    red.receive("node", { window, payload: Float32Array.from(rows.flat()) });
    const swapped = Float32Array.from(rows.flatMap(([a, b]) => [b as number, 99, a as number]));
    red.receive("node", { window: { ...window, features: ["b", "other", "a"] }, payload: swapped });
    for (const message of await red.arrived("out", 4)) {
      assertForecast(ready(message), rows);
      assert.deepEqual([ready(message).at, ready(message).key], [3 * HOUR, "w"]);
    }
  });

  it("refuses windows that do not fit the model, and says why", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    const window = { key: "w", start: 0, end: 4 * HOUR };
    red.receive("node", { window, payload: new Float32Array(7) });
    red.receive("node", { window, payload: { a: [1, 2, 3, 4] } });
    red.receive("node", { window: { ...window, features: ["a", "c"] }, payload: new Float32Array(8) });
    red.receive("node", { window, payload: Buffer.alloc(10) });
    red.receive("node", { window, payload: { a: [1, 2], b: [1] } });
    const texts = (await red.arrived("caught", 5)).map(errorOf);
    const wanted = [
      /7 numbers, which are no rows of 2 features \(a, b\)/,
      /the window has no b; the model needs a, b/,
      /the window has no b/,
      /the window is a buffer of 10 bytes/,
      /columns are not of one length: 2, 1/,
    ];
    for (const [i, pattern] of wanted.entries()) assert.match(texts[i] ?? "", pattern);
  });

  it("fills short gaps, says so, and gives no forecast over long ones", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    for (const hour of [0, 1, 3]) red.receive("node", record("short", hour, hour, hour === 3 ? null : 1));
    const [out] = await red.arrived("out", 1);
    assertForecast(ready(out), [
      [0, 1],
      [1, 1],
      [1, 1],
      [3, 1],
    ]);
    assert.deepEqual(ready(out).filled, ["a", "b"]);
    for (const hour of [0, 1, 5]) red.receive("node", record("long", hour, hour, 1));
    await red.arrived("none", 5);
    assert.equal(red.collected("out").length, 1);
  });

  it("puts a late record in its place for the next forecast", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    for (const hour of [0, 1, 3, 2, 4]) red.receive("node", record("k", hour, hour, 1));
    const out = await red.arrived("out", 2);
    assertForecast(ready(out[1]), [
      [1, 1],
      [2, 1],
      [3, 1],
      [4, 1],
    ]);
    const reasons = (await red.arrived("none", 3)).map((message) => missing(message).reason);
    assert.deepEqual(reasons, ["window", "window", "late"]);
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
    const red = await nodeRed();
    const broken = path.join(folder, "broken.json");
    writeFileSync(broken, "{");
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ model: path.join(folder, "absent.json") }, /absent\.json cannot be read: ENOENT/],
      [{ model: broken }, /broken\.json is not JSON/],
      [{ key: "payload[" }, /Key: "payload\[" is not a property path/],
      [{ properties: [{ feature: "c", property: "c" }] }, /the model has no feature "c"; it has a, b/],
      [{ store: "redis" }, /Context store: there is no "redis"/],
      [{ keys: 0 }, /Series kept: 0 is below/],
    ];
    for (const [settings, pattern] of cases) {
      red.logs.length = 0;
      await red.deploy(flow(settings));
      assert.ok(
        red.logs.some((entry) => pattern.test(String(entry.msg))),
        `${pattern}: ${JSON.stringify(red.logs)}`,
      );
      red.receive("node", record("k", 0, 1, 1));
      const [caught] = await red.arrived("caught", 1);
      assert.match(errorOf(caught), pattern);
    }
  });
});
