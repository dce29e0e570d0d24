import assert from "node:assert/strict";
import { scores, shares, withForecasts, type Score } from "../../../../bench/anomaly-score";
import { FIELDS, pressCsv, pressData, type PressField } from "../../../../bench/press-data";
import type { MethodName } from "../../../../nodes/lib/stream/anomaly/method";

/** What `bench/anomaly.ts` states, less a margin for changes of arithmetic; raise these when it becomes better. */
const AT_LEAST: Readonly<Partial<Record<MethodName, { precision: number; spike: number; drift?: number }>>> = {
  limits: { precision: 0.98, spike: 0.75, drift: 0.8 },
  rate: { precision: 0.98, spike: 0.98 },
  zscore: { precision: 0.75, spike: 0.9 },
  seasonal: { precision: 0.88, spike: 0.95, drift: 0.95 },
  forecast: { precision: 0.5, spike: 0.8 },
};

describe("anomaly-detector's methods on the press data, with default settings", () => {
  const data = pressData();
  const records = withForecasts(data.records);
  const of = (method: MethodName): Score[] => scores(records, data.labels, [method]);
  const only = (all: readonly Score[], ...fields: PressField[]): Score[] =>
    all.filter(({ field }) => fields.includes(field));

  it("have data that is the same each time, with a label for every fault", () => {
    assert.deepEqual(pressData().records.slice(-3), data.records.slice(-3));
    assert.notDeepEqual(pressData({ seed: 8 }).records[0], data.records[0]);
    assert.equal(data.labels.length, 216);
    const lines = pressCsv({ records: data.records.slice(0, 20_000), labels: data.labels }).split("\n");
    assert.equal(lines[0], "device_id,time,vibration,temperature,pressure,fault");
    assert.ok(lines.some((line) => line.endsWith(",vibration:drift")));
  });

  for (const [method, least] of Object.entries(AT_LEAST))
    it(`find what ${method} found`, () => {
      const { precision, byKind } = shares(of(method as MethodName));
      assert.ok(precision >= least.precision, `precision ${precision}`);
      assert.ok(byKind.spike >= least.spike, `spikes ${byKind.spike}`);
      assert.ok(byKind.drift >= (least.drift ?? 0), `drifts ${byKind.drift}`);
    });

  it("find every drift of what should stay put by the EWMA chart, and little of what follows the day", () => {
    const all = of("ewma");
    const stays = shares(only(all, "vibration", "pressure"));
    assert.ok(stays.byKind.drift >= 0.95 && stays.byKind.spike >= 0.9, JSON.stringify(stays));
    assert.ok(stays.precision >= 0.7, `precision ${stays.precision}`);
    assert.ok(shares(only(all, "temperature")).precision < 0.5, "help says to take seasonal there");
  });

  it("find by season what is ordinary at another time of day", () => {
    const { byKind, precision } = shares(only(of("seasonal"), "temperature"));
    assert.ok(byKind.context >= 0.9, `faults of context ${byKind.context}`);
    assert.ok(precision >= 0.75, `precision ${precision}`);
  });

  it("find every stuck sensor by stuck values, and nothing else", () => {
    const all = of("stuck");
    assert.deepEqual(
      all.map(({ field }) => field),
      FIELDS,
    );
    const { precision, byKind } = shares(all);
    assert.deepEqual([precision, byKind.stuck], [1, 1]);
  });
});
