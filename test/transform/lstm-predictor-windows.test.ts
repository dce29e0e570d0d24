import assert from "node:assert/strict";
import type { ForecastReady } from "../../nodes/lib/forecast/forecast";
import { nodeRed } from "../harness";
import { assertForecast, HOUR, missing, modelFiles, predictorFlow, ready, records } from "./predictor";
import { at, errorOf } from "./read";

let record = records();

describe("lstm-predictor, windows", () => {
  const models = modelFiles();
  const flow = (settings: Record<string, unknown> = {}) => predictorFlow(models.one, settings);

  beforeEach(() => (record = records()));

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

  for (const emit of ["records", "columns", "matrix"]) {
    it(`forecasts from a window-batcher's ${emit} as from its own window`, async () => {
      const red = await nodeRed();
      const batcher = {
        id: "batcher",
        type: "citystream-window-batcher",
        size: "4 h",
        hop: "1 h",
        key: "key",
        emit,
        step: "1 h",
        fill: "none",
        disorder: "0",
        idle: "0",
        features: [
          { field: "b", as: "" },
          { field: "a", as: "" },
        ],
        wires: [["node"], ["node"]],
      };
      await red.deploy([...flow(), { x: 1, y: 1, z: "tab", ...batcher }]);
      const hours = [0, 1, 2, 3, 4, 5, 6, 7];
      for (const hour of hours) red.receive("batcher", record("k", hour, Math.sin(hour), hour / 10));
      const forecasts = (await red.arrived("out", 4)).map(ready);
      for (const [i, forecast] of forecasts.entries()) {
        assert.equal(forecast.at, (i + 3) * HOUR);
        const window = [i, i + 1, i + 2, i + 3].map((hour) => [Math.sin(hour), hour / 10]);
        assertForecast(forecast, window);
      }
      assert.ok((await red.arrived("none", 3)).every((message) => !missing(message).ready));
      red.receive("batcher", record("k", 1, 1, 1));
      await red.arrived("none", 4);
    });
  }

  it("refuses a matrix whose rows are not the model's steps apart", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    red.receive("node", { window: { key: "w", end: HOUR, step: 60_000 }, payload: new Float32Array(8) });
    const [caught] = await red.arrived("caught", 1);
    assert.match(errorOf(caught), /rows are 60000 ms apart; the model needs 3600000 ms/);
  });
});
