import assert from "node:assert/strict";
import type { ToldSeries, Told } from "../../../nodes/lib/forecast/monitor/read-forecast";
import { ahead, figures, HOUR, normal, openIn, OPTIONS, RULES, run, states, take, told } from "./monitored";

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
