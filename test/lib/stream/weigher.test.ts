import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Weigher, weighStep, type WeigherOptions, type WeighState } from "../../../nodes/lib/stream/weigher";
import { weightFunction } from "../../../nodes/lib/stream/weight";

const OPTIONS: WeigherOptions = {
  fields: [{ path: "temp", error: -999 }, { path: "hum" }],
  threshold: 0.1,
  step: 0.1,
  combine: "max",
  zeroWeight: 1,
  keys: 1000,
};

const weigher = (changes: Partial<WeigherOptions> = {}) => new Weigher({ ...OPTIONS, ...changes });

describe("the weigher", () => {
  it("gives the published example: 22 °C/61 % first is 0, 25 °C/56 % → 28 °C/48 % is raised", () => {
    const w = weigher();
    assert.equal(w.weigh("a", 1, { temp: 22, hum: 61 }), 0);
    assert.equal(w.weigh("b", 1, { temp: 25, hum: 56 }), 0);
    assert.equal(w.weigh("b", 2, { temp: 28, hum: 48 }), 1);
    const sum = weigher({ combine: "sum" });
    sum.weigh("b", 1, { temp: 25, hum: 56 });
    assert.equal(sum.weigh("b", 2, { temp: 28, hum: 48 }), 2);
  });

  it("compares a reading with the last good one", () => {
    const w = weigher();
    w.weigh("a", 1, { temp: 20, hum: 50 });
    for (const temp of [null, undefined, NaN, Infinity, -999, "40", {}])
      assert.equal(w.weigh("a", 2, { temp, hum: 50 }), 0, String(temp));
    assert.equal(w.weigh("a", 3, { temp: 30, hum: 50 }), 5);
  });

  it("gives 0 to payloads without any reading, whatever they are", () => {
    const w = weigher();
    for (const payload of [null, undefined, 5, "text", [], Buffer.from("x"), {}])
      assert.equal(w.weigh("a", 1, payload), 0);
  });

  it("gives a change from 0 the weight set for it, no change 0", () => {
    const w = weigher({ zeroWeight: 4 });
    w.weigh("a", 1, { temp: 0 });
    assert.equal(w.weigh("a", 2, { temp: -0 }), 0);
    assert.equal(w.weigh("a", 3, { temp: 0.001 }), 4);
    assert.equal(w.weigh("a", 4, { temp: 0 }), 10);
  });

  it("gives a late record 0 and does not keep it", () => {
    const w = weigher();
    w.weigh("a", 1000, { temp: 20 });
    assert.equal(w.weigh("a", 999, { temp: 40 }), 0);
    assert.equal(w.counts.late, 1);
    assert.equal(w.weigh("a", 1001, { temp: 22 }), 1);
  });

  it("goes by arrival where records have no time", () => {
    const w = weigher();
    w.weigh("a", NaN, { temp: 20 });
    assert.equal(w.weigh("a", NaN, { temp: 22 }), 1);
    assert.equal(w.counts.late, 0);
  });

  it("gives a record that comes again its first weight again", () => {
    const w = weigher();
    w.weigh("a", 1, { temp: 20, hum: 50 });
    assert.equal(w.weigh("a", 2, { temp: 30, hum: 50 }), 5);
    assert.equal(w.weigh("a", 2, { temp: 30, hum: 50 }), 5);
    assert.equal(w.weigh("a", 3, { temp: 30, hum: 50 }), 0);
  });

  it("forgets the least recently used key at its bound, and says so", () => {
    const w = weigher({ keys: 2 });
    w.weigh("a", 1, { temp: 10 });
    w.weigh("b", 1, { temp: 10 });
    w.weigh("a", 2, { temp: 10 });
    w.weigh("c", 1, { temp: 10 });
    assert.equal(w.evicted, 1);
    assert.equal(w.keys, 2);
    assert.equal(w.weigh("a", 3, { temp: 20 }), 10);
    assert.equal(w.weigh("b", 3, { temp: 20 }), 0);
  });

  it("agrees with a plain map over any stream, at any bound", () => {
    const record = fc.record({
      key: fc.constantFrom("a", "b", "c", "d", "e"),
      time: fc.integer({ min: 0, max: 5 }),
      temp: fc.constantFrom(0, 10, 11, 20, null, -999),
      hum: fc.constantFrom(0, 40, 50, undefined),
    });
    fc.assert(
      fc.property(
        fc.array(record, { maxLength: 60 }),
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        (records, keys, sum) => {
          const combine = sum ? "sum" : "max";
          const w = weigher({ keys, combine });
          const oracle = plain(keys, combine);
          for (const { key, time, temp, hum } of records)
            assert.equal(w.weigh(key, time, { temp, hum }), oracle(key, time, [temp, hum]));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("keeps a million keys apart within its memory", function () {
    this.timeout(20_000);
    const w = weigher({ keys: 1_000_000 });
    const before = process.memoryUsage();
    for (let i = 0; i < 1_000_000; i++) w.weigh(`sensor-${i}`, 1, { temp: 10 + (i % 7), hum: 50 });
    const after = process.memoryUsage();
    assert.equal(w.keys, 1_000_000);
    for (let i = 0; i < 1_000_000; i += 9973)
      assert.equal(w.weigh(`sensor-${i}`, 2, { temp: 20 + 2 * (i % 7), hum: 50 }), 10);
    assert.equal(w.evicted, 0);
    const bytes = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
    assert.ok(bytes < 250e6, `${Math.round(bytes / 1e6)} MB for a million keys`);
    w.weigh("one more", 1, { temp: 1 });
    assert.equal(w.keys, 1_000_000);
    assert.equal(w.evicted, 1);
  });

  it("weighs the same as a step from state to state, which JSON can hold", () => {
    const options = {
      fields: [{ path: "temp", error: -999 }, { path: "hum" }],
      threshold: 0.1,
      step: 0.1,
      zeroWeight: 1,
    };
    fc.assert(
      fc.property(
        fc.constantFrom("max" as const, "sum" as const),
        fc.array(
          fc.record({
            time: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
            temp: fc.constantFrom(0, 10, 11, 20, -999, null, "x"),
            hum: fc.constantFrom(0, 50, 60, undefined),
          }),
        ),
        (combine, records) => {
          const whole = new Weigher({ ...options, combine, keys: 1 });
          const step = weighStep({ ...options, combine });
          let state: WeighState | undefined;
          for (const { time, ...payload } of records) {
            const before = JSON.stringify(state);
            const next = step(state, { payload, ...(time !== undefined && { timestamp: time }) });
            assert.equal(JSON.stringify(state), before, "the state that it is given stays");
            assert.equal(next.result ?? 0, whole.weigh("k", time ?? NaN, payload));
            state = JSON.parse(JSON.stringify(next.state)) as WeighState;
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("refuses to weigh nothing", () => {
    assert.throws(() => weigher({ fields: [] }), /at least one field to weigh/);
  });
});

/** The same rules over a Map that is searched for its least recently used key. */
function plain(keys: number, combine: "max" | "sum") {
  const weight = weightFunction(0.1, 0.1);
  const kept = new Map<string, { time: number; values: (number | undefined)[]; weight: number }>();
  return (key: string, time: number, values: (number | null | undefined)[]): number => {
    const prev = kept.get(key);
    const good = values.map((v) => (typeof v === "number" && v !== -999 ? v : undefined));
    kept.delete(key);
    if (!prev) {
      if (kept.size === keys) kept.delete([...kept.keys()][0] ?? "");
      kept.set(key, { time, values: good, weight: 0 });
      return 0;
    }
    kept.set(key, prev);
    if (time < prev.time) return 0;
    if (time === prev.time && good.every((v, i) => v === undefined || v === prev.values[i])) return prev.weight;
    const weights = good.map((v, i) => {
      const p = prev.values[i];
      if (v === undefined || p === undefined) return 0;
      if (p === 0) return v === 0 ? 0 : 1;
      return weight(v, p);
    });
    const total = combine === "sum" ? weights.reduce((a, b) => a + b) : Math.max(...weights);
    kept.set(key, { time, values: good.map((v, i) => v ?? prev.values[i]), weight: total });
    return total;
  };
}
