import assert from "node:assert/strict";
import { readForecast } from "../../../nodes/lib/forecast/monitor/read-forecast";
import { HOUR } from "./monitored";

describe("a message's forecast", () => {
  const forecast = {
    ready: true,
    model: "m",
    version: "1",
    key: "k",
    at: 5 * HOUR,
    values: { a: { "1h": 3, "6h": 4 } },
    horizons: { "1h": HOUR, "6h": 6 * HOUR },
  };

  it("is read with its band, what the targets were, and the step that all horizons are multiples of", () => {
    const quantiles = { a: { "6h": { "0.5": 4, "0.05": 1, "0.95": 8 } } };
    const record_ = { payload: { a: "7" }, forecast: { ...forecast, quantiles, testError: { a: { "6h": 2 } } } };
    assert.deepEqual(readForecast(record_), {
      key: "k",
      model: "m",
      version: "1",
      at: 5 * HOUR,
      step: HOUR,
      actual: { a: 7 },
      series: [
        { target: "a", horizon: "1h", ahead: 1, value: 3 },
        { target: "a", horizon: "6h", ahead: 6, value: 4, testError: 2, band: { lower: 1, upper: 8, nominal: 0.9 } },
      ],
    });
    assert.deepEqual(
      readForecast({ forecast: { ...forecast, step: HOUR / 2, actual: { a: null } } }).series[0]?.ahead,
      2,
    );
  });

  it("that is none, or broken, is refused with what is wrong", () => {
    for (const [broken, said] of [
      [undefined, /msg\.forecast is missing; connect the outputs of lstm predictor/],
      [7, /msg\.forecast is 7/],
      [{ ...forecast, at: undefined }, /msg\.forecast\.at is missing/],
      [{ ...forecast, at: "soon" }, /the time is/],
      [{ ...forecast, values: undefined }, /msg\.forecast\.values is missing/],
      [{ ...forecast, values: { a: 3 } }, /msg\.forecast\.values\["a"\] is 3/],
      [{ ...forecast, values: { a: { "1h": Number.NaN } } }, /values\["a"\]\["1h"\] is/],
      [{ ...forecast, horizons: { "1h": HOUR } }, /horizons\["6h"\] is missing/],
      [{ ...forecast, horizons: { "1h": 0, "6h": -5 } }, /horizons\["1h"\]/],
      [{ ...forecast, step: 24 * HOUR }, /it must be a step/],
    ] as const)
      assert.throws(() => readForecast({ payload: { a: 1 }, forecast: broken }), said);
    assert.throws(() => readForecast({ payload: { a: "hot" }, forecast }), /a is "hot"; it must be a number/);
  });
});
