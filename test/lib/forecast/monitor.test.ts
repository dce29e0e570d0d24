import assert from "node:assert/strict";
import { array, assert as check, constantFrom, integer, option, property, record } from "fast-check";
import type { Told } from "../../../nodes/lib/forecast/monitor/read-forecast";
import type { Figures } from "../../../nodes/lib/forecast/monitor/window";
import { ahead, figures, HOUR, openIn, OPTIONS, run, take, told } from "./monitored";

/** Readings, missing now and then, and forecasts of 1 and 3 hours ahead, missing now and then. */
const anyHours = array(
  record({
    actual: option(integer({ min: -50, max: 50 }), { freq: 6, nil: null }),
    off: integer({ min: -9, max: 9 }),
    forecasts: constantFrom(true, true, true, false),
    delay: integer({ min: 0, max: OPTIONS.late }),
  }),
  { minLength: 2, maxLength: 60 },
);
const toldOf = (hours: readonly { actual: number | null; off: number; forecasts: boolean }[]): Told[] =>
  hours.map(({ actual, off, forecasts }, hour) =>
    told(
      hour,
      actual,
      forecasts || hour === 0
        ? [ahead(1, off, { band: { lower: off - 2, upper: off + 2, nominal: 0.8 } }), ahead(3, 2 * off)]
        : [],
    ),
  );

describe("the monitor's arithmetic", () => {
  it("scores each forecast once, when the reading of its time comes", () => {
    const monitor = openIn(OPTIONS);
    assert.deepEqual(take(monitor, told(0, 10, [ahead(1, 12), ahead(3, 16)])).arrivals, []);
    const band = { lower: 9, upper: 15, nominal: 0.8 };
    const first = take(monitor, told(1, 11, [ahead(1, 14, { band }), ahead(3, 8)]));
    assert.deepEqual(first.arrivals[0]?.scored, [["a", 1, 1, 12, null, null, 10, 11]]);
    assert.equal(first.figures[0]?.rmse, 1);
    assert.equal(first.figures[0]?.skill, 0, "persistence said 10 and was as far off");
    const second = take(monitor, told(2, 17));
    assert.deepEqual(second.arrivals[0]?.scored, [["a", 1, 2, 14, 9, 15, 11, 17]]);
    const { bias, rmse, coverage, nominal, persistence } = second.figures[0] as Figures;
    assert.deepEqual([bias, rmse, coverage, nominal], [-1, Math.sqrt(5), 0, 0.8]);
    assert.deepEqual(persistence, { mae: 3.5, rmse: Math.sqrt(18.5) });
    assert.deepEqual(take(monitor, told(2, 18)).arrivals, [], "a second reading of the step changes nothing");
    assert.deepEqual(take(monitor, told(3, 16)).arrivals[0]?.scored, [["a", 3, 3, 16, null, null, 10, 16]]);
  });

  it("comes to the same scores in whatever order records come, as long as none is later than it may be", () => {
    check(
      property(anyHours, (hours) => {
        const all = toldOf(hours);
        const order = all
          .map((one, hour) => ({ one, place: hour === 0 ? -1 : hour + (hours[hour]?.delay ?? 0) + 0.5 * (hour % 2) }))
          .sort((a, b) => a.place - b.place)
          .map(({ one }) => one);
        const [calm, mixed] = [run(all).monitor, run(order).monitor];
        assert.deepEqual(mixed.tracks("k"), calm.tracks("k"));
        const pairs = figures(mixed).map((one, i) => [one, figures(calm)[i]] as const);
        for (const [one, other] of pairs) {
          assert.deepEqual([one?.count, one?.missed, one?.coverage], [other?.count, other?.missed, other?.coverage]);
          for (const name of ["mae", "rmse", "bias", "skill"] as const) {
            const [a, b] = [one?.[name] ?? 0, other?.[name] ?? 0];
            assert.ok(Math.abs(a - b) <= 1e-9 * (1 + Math.abs(a)), `${name}: ${a} and ${b}`);
          }
        }
      }),
    );
  });

  it("counts as missed what never comes true, and every forecast is one or the other or still to come", () => {
    check(
      property(anyHours, (hours) => {
        const { monitor } = run(toldOf(hours));
        const made = hours.filter(({ forecasts }, hour) => forecasts || hour === 0).length;
        const [track] = monitor.tracks("k");
        for (const [i, one] of (track?.series ?? []).entries()) {
          const scores = monitor.models("k")[0]?.series[i];
          const count = (at: number): number =>
            (scores?.blocks ?? []).reduce((sum, block) => sum + (block[at] ?? 0), 0);
          assert.equal(count(1) + count(11) + one.pending.length, made);
        }
      }),
    );
  });

  it("finds no error in perfect forecasts and no skill in those of persistence", () => {
    check(
      property(array(integer({ min: -99, max: 99 }), { minLength: 3, maxLength: 50 }), (values) => {
        const at = (hour: number): number => values[hour] ?? 0;
        const perfect = figures(
          run(values.map((value, hour) => told(hour, value, [ahead(1, at(hour + 1))]))).monitor,
        )[0];
        assert.deepEqual([perfect?.rmse, perfect?.mae, perfect?.bias], [0, 0, 0]);
        const lazy = figures(run(values.map((value, hour) => told(hour, value, [ahead(1, value)]))).monitor)[0];
        assert.equal(lazy?.rmse, lazy?.persistence?.rmse);
        assert.ok(lazy?.skill === 0 || (lazy?.skill === null && lazy.rmse === 0));
      }),
    );
  });

  it("remembers a bounded number of things, whatever it is told", () => {
    const anything = record({
      key: constantFrom("k", "l"),
      model: integer({ min: 0, max: 20 }).map(String),
      version: integer({ min: 0, max: 3 }).map(String),
      at: integer({ min: 0, max: 300 }).map((hour) => hour * HOUR),
      step: constantFrom(HOUR, HOUR / 2),
      actual: record({ a: option(integer(), { nil: null }) }),
      series: array(
        integer({ min: 1, max: 40 }).map((hours) => ahead(hours, 1)),
        { maxLength: 4 },
      ),
    });
    check(
      property(array(anything, { maxLength: 150 }), (all) => {
        const { monitor } = run(all);
        assert.ok(monitor.models("k").length <= 8);
        for (const { series } of monitor.models("k")) for (const { blocks } of series) assert.ok(blocks.length <= 30);
        for (const key of ["k", "l"]) {
          const tracks = monitor.tracks(key);
          assert.ok(tracks.length <= 4);
          for (const { readings, series } of tracks) {
            assert.ok(readings.length <= OPTIONS.late + 1);
            for (const one of series) {
              assert.ok(one.pending.length <= one.ahead + OPTIONS.late + 1, `${one.pending.length} of ${one.ahead}`);
              assert.ok(one.past.length <= OPTIONS.points);
            }
          }
        }
      }),
    );
  });

  it("scores a forecast whose own reading was missing, but does not compare it with persistence", () => {
    const { monitor } = run([told(0, null, [ahead(1, 5)]), told(1, 4, [ahead(1, 6)]), told(2, 6)]);
    const [one] = figures(monitor);
    assert.deepEqual([one?.count, one?.rmse], [2, Math.sqrt(0.5)]);
    assert.deepEqual(one?.persistence, { mae: 2, rmse: 2 });
    assert.equal(one?.skill, 1, "of the pair alone");
  });

  it("goes on with the forecasts of the version before, and begins the scores anew", () => {
    const monitor = openIn(OPTIONS);
    take(monitor, told(0, 1, [ahead(3, 9)]));
    take(monitor, told(1, 1, [ahead(1, 5)]));
    const changed = take(monitor, told(2, 2, [ahead(1, 3)], { version: "2" }));
    assert.deepEqual(
      changed.arrivals.map(({ version }) => version),
      ["1"],
    );
    assert.deepEqual(changed.figures, [null]);
    const both = take(monitor, told(3, 4, [ahead(1, 3)], { version: "2" }));
    assert.deepEqual(
      both.arrivals.map(({ version, scored }) => [version, scored[0]?.[3]]),
      [
        ["1", 9],
        ["2", 3],
      ],
    );
    assert.deepEqual(
      both.figures.map((one) => one?.count),
      [undefined, 1],
    );
  });

  it("begins everything anew after a reset", () => {
    const { monitor } = run([told(5, 1, [ahead(1, 5)]), told(6, 2)]);
    monitor.reset({}, 1);
    assert.deepEqual([monitor.models("k"), monitor.tracks("k"), monitor.keys()], [[], [], []]);
    take(monitor, told(0, 1, [ahead(1, 5)]));
    assert.equal(take(monitor, told(1, 3)).figures[0]?.rmse, 2, "an earlier time is no late one any more");
  });
});
