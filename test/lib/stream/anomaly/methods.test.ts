import assert from "node:assert/strict";
import * as fc from "fast-check";
import { normal, randomNumbers } from "../../../../nodes/lib/forecast/random";
import type { MethodName } from "../../../../nodes/lib/stream/anomaly/method";
import { slotOf } from "../../../../nodes/lib/stream/anomaly/seasonal";
import { ewma } from "../../../../nodes/lib/stream/anomaly/sigmas";
import { alertsIn, at, judged, made, series, told, type RowSettings } from "./made";

const ROWS: Readonly<Record<MethodName, RowSettings>> = {
  limits: { method: "limits", low: -1e200, raise: 1e200 },
  rate: { method: "rate", raise: 1 },
  zscore: { method: "zscore", more: "warmup=5" },
  ewma: { method: "ewma", more: "warmup=5" },
  seasonal: { method: "seasonal", more: "least=5" },
  forecast: { method: "forecast", more: "warmup=5" },
  stuck: { method: "stuck", raise: 1000 },
};
const ALL = Object.values(ROWS);

const noise = (count: number, seed = 1, mean = 10, spread = 1): number[] => {
  const random = randomNumbers(seed);
  return Array.from({ length: count }, () => mean + spread * normal(random));
};
const repeat = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

describe("the methods", () => {
  it("raise nothing on a constant series, whatever its value", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const records = series(repeat(40, value)).map((record) => ({
          ...record,
          forecast: { ready: true, at: record.timestamp, values: { x: { "1m": value } }, horizons: { "1m": 60_000 } },
        }));
        assert.deepEqual(judged(made(ALL), records).filter(Boolean), []);
      }),
    );
  });

  it("give finite numbers for any readings, so that state and alerts are JSON", () => {
    const value = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(0, -0, 1e308, 5e-324, 1e150));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 60 }), (values) => {
        const advance = made(ALL, { pause: "0", relearn: 7 });
        let state: Parameters<typeof advance>[0];
        for (const record of series(values)) {
          const step = advance(state, record);
          assert.deepEqual(JSON.parse(JSON.stringify(step)), structuredClone(step));
          ({ state } = step);
        }
      }),
    );
  });

  it("take null, text, NaN, what is missing and the error value for no readings", () => {
    for (const none of [null, undefined, "50", NaN, Infinity, -999, {}, [50], true])
      assert.deepEqual(
        told(made([{ method: "limits", raise: 20, low: 0, more: "error=-999" }]), series([10, none, 50, none, 10])),
        ["raised 2", "cleared 4"],
        String(none),
      );
  });

  it("limits: raise at either, clear a margin inside, and say which was reached", () => {
    const advance = made([{ method: "limits", low: 2, raise: 8, clear: 1 }], { pause: "0" });
    const judgements = judged(advance, series([5, 8, 7.5, 7, 1, 2.5, 3]));
    const alerts = alertsIn(judgements);
    assert.deepEqual(
      alerts.map(({ state, threshold, reason }) => [state, threshold, reason]),
      [
        ["raised", 8, "x = 8 has reached the high limit 8"],
        ["cleared", 8, "x = 7 is inside the high limit 8"],
        ["raised", 2, "x = 1 has reached the low limit 2"],
        ["cleared", 2, "x = 3 is inside the low limit 2"],
      ],
    );
  });

  it("rate: by the time between readings, in either direction or one", () => {
    const values = [at(0, { x: 10 }), at(2, { x: 14 }), at(2, { x: 99 }), at(3, { x: 13 }), at(4, { x: 9 })];
    const raised = (more: string): number[] =>
      alertsIn(judged(made([{ method: "rate", raise: 2, more }], { pause: "0" }), values))
        .filter(({ state }) => state === "raised")
        .map(({ time }) => time / 60_000);
    assert.deepEqual(raised(""), [2, 4]);
    assert.deepEqual(raised("side=above"), [2]);
    assert.deepEqual(raised("side=below"), [4]);
    assert.deepEqual(raised("per=second"), []);
    assert.deepEqual(raised("per=hour"), [2]);
  });

  it("z-score: finds a spike in what wanders, and good readings again after a value stood still", () => {
    const wandering = noise(300, 3).map((x, i) => x + i / 50);
    wandering[200] = (wandering[200] as number) + 12;
    assert.deepEqual(told(made([{ method: "zscore" }]), series(wandering)), ["raised 200", "cleared 201"]);
    const stood = [...noise(200, 4), ...repeat(150, 10), ...noise(200, 5)];
    assert.deepEqual(told(made([{ method: "zscore" }]), series(stood)), []);
    assert.deepEqual(told(made([{ method: "zscore", more: "window=0" }]), series([...noise(200), 20, 10])), [
      "raised 200",
      "cleared 201",
    ]);
  });

  it("EWMA chart: has the limits of NIST's example, in which the process leaves control at no reading", () => {
    // e-Handbook 6.3.2.4: μ = 50, σ = 2.0539, λ = 0.3, 20 readings; limits 50 ± 3·2.0539·√(0.3/1.7), so 47.41 and 52.59.
    const data = [
      52, 47, 53, 49.3, 50.1, 47, 51, 50.1, 51.2, 50.5, 49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1,
    ];
    const chart = [
      50, 50.6, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33, 50.11, 49.36, 49.52, 50.05, 49.38, 49.92,
      50.73, 51.23, 51.94, 51.99,
    ];
    const method = ewma(0.3, { warmup: 2, memory: 1e6, spread: 2.0539 }, { raise: 3, clear: 2, side: "both" });
    // Phase I is given: the centre line and a spread that is the floor.
    let known = { base: { n: 1_000_000, mean: 50, variance: 0 }, z: 50, t: 0 };
    data.forEach((value, i) => {
      const reading = { time: i, value, record: {} };
      const verdict = method.judge(known, reading);
      assert.ok(verdict && verdict.score < 1, `reading ${i}`);
      known = method.follow(known, reading, false) as typeof known;
      assert.ok(Math.abs(known.z - (chart[i + 1] as number)) < 0.01, `${known.z} is not ${chart[i + 1]}`);
      const limit = (3 * Math.abs(known.z - 50)) / verdict.measure;
      const width = 3 * 2.0539 * Math.sqrt((0.3 / 1.7) * (1 - 0.7 ** (2 * (i + 1))));
      assert.ok(Math.abs(limit - width) < 1e-9);
    });
  });

  it("EWMA chart: finds a small shift that no single reading shows", () => {
    const shifted = [...noise(300, 8), ...noise(60, 9, 12)];
    assert.deepEqual(told(made([{ method: "zscore" }]), series(shifted)), []);
    const [first] = alertsIn(judged(made([{ method: "ewma" }]), series(shifted)));
    assert.ok(first && first.time / 60_000 > 300 && first.time / 60_000 < 320, String(first?.time));
  });

  it("seasonal: knows what is ordinary at which time of day, on the clocks of the zone", () => {
    const random = randomNumbers(2);
    const hourly = Array.from({ length: 24 * 20 }, (_, hour) =>
      at(hour * 60, { x: ((hour + 9) % 24 === 6 ? 50 : 10) + normal(random) }),
    );
    const night = at(24 * 20 * 60 + 30, { x: 50 });
    const more = "least=10 zone=Asia/Seoul";
    const alerts = alertsIn(judged(made([{ method: "seasonal", more }]), [...hourly, night]));
    assert.deepEqual(
      alerts.map(({ time, expected }) => [time, Math.round(expected ?? NaN)]),
      [[night.timestamp, 10]],
    );
  });

  it("seasonal: hours of the week begin on Sunday and follow the zone through changes of the clocks", () => {
    const slot = slotOf("week", "Europe/Berlin");
    assert.equal(slot(Date.UTC(2026, 2, 28, 23, 10)), 0, "Sunday 0:10");
    assert.equal(slot(Date.UTC(2026, 2, 29, 1, 10)), 3, "3:10 after the clocks went forward");
    assert.equal(slot(Date.UTC(2026, 3, 4, 21, 59)), 167, "Saturday 23:59");
  });

  it("forecast: judges the actual that comes at the time that was forecast, by the forecasts' usual error", () => {
    const random = randomNumbers(6);
    const forecast = (minute: number, value: number) => ({
      ready: true,
      at: minute * 60_000,
      values: { x: { "1h": value, "2h": 0 }, y: { "1h": 7 } },
      horizons: { "1h": 3_600_000, "2h": 7_200_000 },
    });
    const records = Array.from({ length: 60 }, (_, i) => {
      const minute = i * 30;
      // Always 2 too high: that is their usual error.
      const x = 100 + 10 * Math.sin(i) + normal(random);
      return at(
        minute + (i % 3),
        { x: i === 50 ? x + 9 : x },
        { forecast: forecast(minute, 102 + 10 * Math.sin(i + 2)) },
      );
    });
    const alerts = alertsIn(judged(made([{ method: "forecast", more: "warmup=20" }]), records));
    assert.deepEqual(
      alerts.map(({ state, time }) => `${state} ${time / 60_000}`),
      ["raised 1502", "cleared 1530"],
    );
    assert.ok(Math.abs((alerts[0]?.expected ?? 0) - (100 + 10 * Math.sin(50))) < 1);
    const far = alertsIn(judged(made([{ method: "forecast", more: "warmup=20 horizon=3h" }]), records));
    assert.deepEqual(far, []);
  });

  it("stuck: raises when a value stands still, and clears when it moves", () => {
    const values = [1, 2, 3, 3, 3, 3, 3.4, 4, 5];
    assert.deepEqual(told(made([{ method: "stuck", raise: 4 }]), series(values)), ["raised 5", "cleared 6"]);
    assert.deepEqual(told(made([{ method: "stuck", raise: 4, more: "spread=0.5" }]), series(values)), [
      "raised 5",
      "cleared 7",
    ]);
  });
});
