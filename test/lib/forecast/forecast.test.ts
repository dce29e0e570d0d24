import assert from "node:assert/strict";
import { forecaster, horizonName, type ForecastReady, type Prepared } from "../../../nodes/lib/forecast/forecast";
import { fillGaps, inputMaker, relativeHumidity } from "../../../nodes/lib/forecast/inputs";
import type { ForecastMetadata } from "../../../nodes/lib/forecast/metadata";
import { metadataOf } from "./models";

const HOUR = 3_600_000;
const NaNs = (values: (number | null)[]): Float32Array => Float32Array.from(values, (v) => v ?? Number.NaN);

describe("model inputs", () => {
  it("repeat the last reading over a gap, for as many steps as the rule allows", () => {
    const rows = NaNs([1, null, null, 4, null, null, null, 8]);
    fillGaps(rows, 1, 2);
    assert.deepEqual([...rows], [1, 1, 1, 4, 4, 4, Number.NaN, 8]);
  });

  it("leave a gap that nothing comes before", () => {
    const rows = NaNs([null, 1, 2, null]);
    fillGaps(rows, 2, 3);
    assert.deepEqual([...rows], [Number.NaN, 1, 2, 1]);
  });

  it("take relative humidity from temperature and dew point", () => {
    assert.equal(relativeHumidity(20, 20), 100);
    // 52.5 % at 20 °C and 10 °C: WMO-No. 8, table of saturation vapour pressures 23.37 and 12.27 hPa.
    assert.ok(Math.abs(relativeHumidity(20, 10) - 52.5) < 0.3);
  });

  it("turn wind into a vector, time into local sine and cosine, and scale all of it", () => {
    const rule = { offset: 1, scale: 2 };
    const metadata: ForecastMetadata = {
      ...metadataOf(["speed", "from"], 1),
      utcOffset: 540,
      inputs: [
        { as: "east", of: ["speed", "from"], ...rule },
        { as: "north", of: ["speed", "from"], ...rule },
        { as: "sine", period: "day", ...rule },
        { as: "log", of: ["speed"], ...rule },
      ],
    };
    const out = new Float32Array(4);
    // 21:00 UTC is 6:00 the next day at UTC+9.
    inputMaker(metadata)(Float32Array.of(3, 90), 0, 1, 21 * HOUR, out, 0);
    const wanted = [(3 - 1) / 2, (0 - 1) / 2, (1 - 1) / 2, (Math.log(4) - 1) / 2];
    assert.ok(
      out.every((value, i) => Math.abs(value - (wanted[i] as number)) < 1e-6),
      [...out].join(),
    );
  });
});

describe("forecaster", () => {
  const metadata = metadataOf(["a", "b"], 3, { fill: 1 });
  const { prepare, late } = forecaster(metadata);
  const readyOf = (prepared: Prepared, answers: number[]): ForecastReady => {
    assert.ok("inputs" in prepared);
    return prepared.finish(Float32Array.from(answers));
  };

  it("adds the answer, scaled back, to the target's last value", () => {
    const forecast = readyOf(prepare(NaNs([1, 1, 2, 2, 3, 7]), 3, 5 * HOUR, "k", performance.now()), [0.5, -1]);
    // Output rules of the test model: offset 1, scale 2, the change of "a"; then offset 1, scale 2 of "b" itself.
    assert.deepEqual(forecast.values, { a: { "1h": 3 + 1 + 2 * 0.5 }, b: { "2h": 1 + 2 * -1 } });
    assert.deepEqual(forecast.horizons, { "1h": HOUR, "2h": 2 * HOUR });
    assert.deepEqual([forecast.at, forecast.key, forecast.model, forecast.ready], [5 * HOUR, "k", "test", true]);
  });

  it("says what the targets are in the newest reading, as they were read, and how wrong the model was in its test", () => {
    const score = {
      target: "a",
      horizon: 1,
      rmse: 7,
      mae: 5,
      persistence: { rmse: 9, mae: 6 },
      ridge: { rmse: 8, mae: 6 },
    };
    const scored = forecaster({ ...metadata, scores: [score] });
    const forecast = readyOf(scored.prepare(NaNs([1, 1, 2, 2, 3, null]), 3, 0, "k", 0), [0, 0]);
    assert.deepEqual(forecast.actual, { a: 3, b: null }, "a gap that is filled for the network stays one here");
    assert.deepEqual([forecast.step, forecast.testError], [HOUR, { a: { "1h": 7 } }]);
    const none = scored.prepare(NaNs([1, 1, 2, 2]), 2, 0, "k", 0);
    assert.ok("lacking" in none);
    assert.deepEqual([none.lacking.actual, none.lacking.step], [{ a: 2, b: 2 }, HOUR]);
    assert.deepEqual(late(0, "k", NaNs([5, null])).actual, { a: 5, b: null });
    assert.equal(readyOf(prepare(NaNs([1, 1, 2, 2, 3, 7]), 3, 0, "k", 0), [0, 0]).testError, undefined);
  });

  it("never goes below what an output may be", () => {
    const bounded = forecaster({ ...metadata, outputs: metadata.outputs.map((rule) => ({ ...rule, min: 0 })) });
    const forecast = readyOf(bounded.prepare(NaNs([1, 1, 2, 2, 3, 7]), 3, 0, "k", 0), [-9, -9]);
    assert.deepEqual(forecast.values, { a: { "1h": 0 }, b: { "2h": 0 } });
  });

  it("gives quantiles beside the forecast, rising even where the network's cross", () => {
    const [rule] = metadata.outputs;
    assert.ok(rule);
    const outputs = [rule, { ...rule, quantile: 0.1 }, { ...rule, quantile: 0.9 }];
    const spread = forecaster({ ...metadata, outputs });
    const forecast = readyOf(spread.prepare(NaNs([1, 1, 2, 2, 3, 7]), 3, 0, "k", 0), [0, 2, -2]);
    assert.deepEqual(forecast.values, { a: { "1h": 4 } });
    assert.deepEqual(forecast.quantiles, { a: { "1h": { "0.1": 0, "0.9": 8 } } });
    assert.equal(readyOf(prepare(NaNs([1, 1, 2, 2, 3, 7]), 3, 0, "k", 0), [0, 0]).quantiles, undefined);
  });

  it("names what was filled and what is outside of the training range", () => {
    const forecast = readyOf(prepare(NaNs([1, 1, 2, null, 3, 5000]), 3, 0, "k", 0), [0, 0]);
    assert.deepEqual(forecast.filled, ["b"]);
    assert.deepEqual(forecast.outOfRange, ["b"]);
  });

  it("uses readings before the window to fill its first rows", () => {
    const prepared = prepare(NaNs([9, 9, 1, null, 2, 2, 3, 3]), 4, 0, "k", 0);
    assert.ok("inputs" in prepared);
    assert.deepEqual([...prepared.inputs], [1, 9, 2, 2, 3, 3]);
  });

  it("gives no forecast while readings are still to come", () => {
    const prepared = prepare(NaNs([1, 1, 2, 2]), 2, HOUR, "k", 0);
    assert.ok("lacking" in prepared);
    const { reason, have, need, ready } = prepared.lacking;
    assert.deepEqual({ reason, have, need, ready }, { reason: "window", have: 2, need: 3, ready: false });
  });

  it("gives no forecast over a gap longer than the rule allows, and names the feature", () => {
    const prepared = prepare(NaNs([1, 1, 2, null, 3, null]), 3, HOUR, "k", 0);
    assert.ok("lacking" in prepared);
    assert.equal(prepared.lacking.reason, "missing");
    assert.deepEqual(prepared.lacking.missing, ["b"]);
  });

  it("says that a record came late", () => assert.equal(late(0, "k", NaNs([1, null])).reason, "late"));

  it("names horizons as people say them", () => {
    assert.deepEqual([HOUR, 24 * HOUR, 48 * HOUR, 900_000, 30_000, 1].map(horizonName), [
      "1h",
      "24h",
      "2d",
      "15m",
      "30s",
      "1ms",
    ]);
  });
});
