import assert from "node:assert/strict";
import { array, assert as check, constantFrom, integer, option, property, record } from "fast-check";
import type { DriftEvent } from "../../../nodes/lib/forecast/monitor/scores";
import { readForecast, type Told, type ToldSeries } from "../../../nodes/lib/forecast/monitor/read-forecast";
import { figuresOf, type Figures } from "../../../nodes/lib/forecast/monitor/window";
import type { Monitor, MonitorOptions } from "../../../nodes/lib/forecast/monitor/monitor";
import { ahead, HOUR, normal, openIn, OPTIONS, RULES, told } from "./monitored";

const take = (monitor: Monitor, one: Told) => monitor.take(monitor.era(), {}, one);
const run = (all: readonly Told[], options: MonitorOptions = OPTIONS): { monitor: Monitor; events: DriftEvent[] } => {
  const monitor = openIn(options);
  return { monitor, events: all.flatMap((one) => [...take(monitor, one).events]) };
};
const figures = (monitor: Monitor, key = "k"): (Figures | undefined)[] =>
  (monitor.models(key).at(-1)?.series ?? []).map(({ blocks, nominal }) => figuresOf(blocks, nominal));
const states = (events: readonly DriftEvent[]): string[] => events.map(({ state }) => state);

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

/** A wave with noise of its own, forecast by what is known of it: `wrong(hour)` is added to forecasts. */
function wave(hours: number, seed: number, wrong: (hour: number) => number, more: Partial<ToldSeries> = {}): Told[] {
  const noise = normal(seed);
  const base = (hour: number): number => 50 + 20 * Math.sin((2 * Math.PI * hour) / 24);
  return Array.from({ length: hours }, (_, hour) => {
    const value = base(hour + 6) + wrong(hour);
    const band = { lower: value - 1.2816 * 2, upper: value + 1.2816 * 2, nominal: 0.8 };
    return told(hour, base(hour) + 2 * noise(), [ahead(6, value, { band, testError: 2, ...more })]);
  });
}

describe("what says that a model no longer holds", () => {
  it("is an error of so many times that of its test: told once, over with a margin", () => {
    const { events } = run(
      wave(1500, 1, (hour) => (hour > 400 && hour < 700 ? 6 : 0)),
      {
        ...OPTIONS,
        rules: { ...RULES, band: 0 },
      },
    );
    assert.deepEqual(states(events), ["raised", "over"]);
    const [raised, over] = events;
    const [finding] = raised?.findings ?? [];
    assert.deepEqual([finding?.rule, finding?.limit, finding?.reference, finding?.from], ["error", 4, 2, "test"]);
    assert.ok(raised && raised.since > 400 * HOUR && raised.since < 540 * HOUR, String((raised?.since ?? 0) / HOUR));
    assert.ok(over && over.time > 700 * HOUR && over.since === raised.since);
  });

  it("is one of what was learnt first where the model's file says nothing, or other readings come", () => {
    for (const [testError, reference] of [
      [undefined, "test"],
      [99, "learnt"],
    ] as const) {
      const { events } = run(
        wave(900, 2, (hour) => (hour > 400 ? 6 : 0), { ...(testError && { testError }) }).map((one) => ({
          ...one,
          series: one.series.map(({ testError: said, ...rest }) => (testError && said ? { ...rest, testError } : rest)),
        })),
        { ...OPTIONS, rules: { ...RULES, reference, band: 0 } },
      );
      assert.deepEqual(states(events), ["raised"]);
      const [finding] = events[0]?.findings ?? [];
      assert.equal(finding?.from, "learnt");
      assert.ok(Math.abs((finding?.reference ?? 0) - 2) < 0.3, String(finding?.reference));
    }
  });

  it("is being worse than persistence by more than chance", () => {
    const noise = normal(5);
    let level = 0;
    // A walk at random: to say that nothing changes is the best forecast; the model adds something of its own.
    const walk = (extra: number): Told[] =>
      Array.from({ length: 900 }, (_, hour) => {
        level += noise();
        return told(hour, level, [ahead(1, level + extra * noise(), { testError: 1 })]);
      });
    const rules = { ...RULES, factor: 0 };
    assert.deepEqual(run(walk(0.05), { ...OPTIONS, rules }).events, [], "hardly worse may be chance");
    const { events } = run(walk(0.8), { ...OPTIONS, rules });
    assert.deepEqual(states(events), ["raised"]);
    assert.deepEqual(events[0]?.findings[0]?.rule, "skill");
    assert.deepEqual(run(walk(0.8), { ...OPTIONS, rules: { ...rules, skill: false } }).events, []);
  });

  it("is a band that holds too few or too many truths", () => {
    const rules = { ...RULES, factor: 0, skill: false };
    for (const width of [0.5, 4]) {
      const widened = wave(600, 3, () => 0).map((one) => ({
        ...one,
        series: one.series.map((forecast) => {
          const half = 1.2816 * 2 * width;
          return { ...forecast, band: { lower: forecast.value - half, upper: forecast.value + half, nominal: 0.8 } };
        }),
      }));
      const { events } = run(widened, { ...OPTIONS, rules });
      assert.deepEqual(states(events), ["raised"], `a band ${width} times as wide`);
      assert.equal(events[0]?.findings[0]?.rule, "band");
      assert.deepEqual(run(widened, { ...OPTIONS, rules: { ...rules, band: 0 } }).events, []);
    }
  });

  it("is not chance: of forty models that are as good as can be, over a year of hours each, none is told to fail", () => {
    let told_ = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const noise = normal(seed);
      const [phi, hours] = [0.95, 6];
      // An autoregression: its best forecast is known, and errors of six hours ahead come in runs.
      const spread = Math.sqrt((1 - phi ** (2 * hours)) / (1 - phi ** 2));
      let level = 0;
      const all = Array.from({ length: 8760 / 4 }, (_, hour) => {
        level = phi * level + noise();
        const value = level * phi ** hours;
        const band = { lower: value - 1.2816 * spread, upper: value + 1.2816 * spread, nominal: 0.8 };
        return told(hour, level, [ahead(hours, value, { band, testError: spread })]);
      });
      told_ += run(all, { ...OPTIONS, rules: { ...RULES, window: 720, least: 504 } }).events.length;
    }
    assert.equal(told_, 0);
  });

  it("waits for enough of it, and says again what goes on", () => {
    const wrong = wave(1000, 4, () => 30);
    const { events } = run(wrong, { ...OPTIONS, again: 200 });
    assert.deepEqual(states(events), ["raised", "again", "again", "again", "again"]);
    const hours = events.map(({ time }) => time / HOUR);
    assert.ok((hours[0] ?? 0) >= 112 && (hours[0] ?? 0) < 130, `judged from ${hours[0]}`);
    assert.ok(events.every(({ since }) => since === events[0]?.since));
  });

  it("is over when another version comes, which has scores of its own", () => {
    const { monitor, events } = run([
      ...wave(300, 4, () => 30),
      ...wave(500, 4, () => 0)
        .slice(300)
        .map((one) => ({ ...one, version: "2" })),
    ]);
    assert.deepEqual(
      events.map(({ state, version }) => [state, version]),
      [
        ["raised", "1"],
        ["version", "1"],
      ],
    );
    assert.ok((figures(monitor)[0]?.rmse ?? 99) < 3);
  });

  it("is found in the one series that fails where each is judged by itself", () => {
    const good = ["b", "c", "d", "e", "f"].flatMap((key, seed) =>
      wave(400, seed + 7, () => 0).map((one) => ({ ...one, key })),
    );
    const all = [...wave(400, 6, (hour) => (hour > 200 ? 7 : 0)), ...good].sort((a, b) => a.at - b.at);
    const rules = { ...RULES, band: 0 };
    assert.deepEqual(run(all, { ...OPTIONS, rules }).events, [], "one of six is not the model");
    const each = { ...OPTIONS, rules, each: true };
    const monitor = openIn(each);
    const keys = all.flatMap((one) => take(monitor, one).events.map(() => one.key));
    assert.deepEqual(keys, ["k"]);
  });
});

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
