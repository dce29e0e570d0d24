import assert from "node:assert/strict";
import { openHistory, type History } from "../../../nodes/lib/forecast/history";

const HOUR = 3_600_000;
const opened = (limit = 10, dropped?: (key: string) => void): History =>
  openHistory({ features: ["a"], kept: 3, stepLength: HOUR, limit, ...(dropped && { dropped }) });

function readings(history: History, key = "k"): number[] {
  const out = new Float32Array(3);
  history.copy(key, out);
  return [...out];
}

describe("history of a series", () => {
  it("keeps the latest steps, oldest first", () => {
    const history = opened();
    for (const hour of [0, 1, 2, 3]) assert.equal(history.add("k", hour * HOUR, Float32Array.of(hour)), "newest");
    assert.deepEqual(readings(history), [1, 2, 3]);
  });

  it("leaves a step without a reading empty", () => {
    const history = opened();
    history.add("k", 0, Float32Array.of(1));
    history.add("k", 2 * HOUR, Float32Array.of(3));
    assert.deepEqual(readings(history), [1, Number.NaN, 3]);
  });

  it("forgets everything after a gap longer than it keeps", () => {
    const history = opened();
    history.add("k", 0, Float32Array.of(1));
    history.add("k", 1e6 * HOUR, Float32Array.of(2));
    assert.deepEqual(readings(history), [Number.NaN, Number.NaN, 2]);
  });

  it("puts a late reading in its place and drops one before everything kept", () => {
    const history = opened();
    history.add("k", 5 * HOUR, Float32Array.of(5));
    assert.equal(history.add("k", 4 * HOUR, Float32Array.of(4)), "late");
    assert.equal(history.add("k", 2 * HOUR, Float32Array.of(2)), "stale");
    assert.deepEqual(readings(history), [Number.NaN, 4, 5]);
  });

  it("begins anew when readings are replayed from before everything kept", () => {
    const history = opened();
    history.add("k", 100 * HOUR, Float32Array.of(100));
    const told = [1, 2, 2, 3, 4, 5].map((hour) => history.add("k", hour * HOUR, Float32Array.of(hour)));
    assert.deepEqual(told, ["stale", "stale", "stale", "stale", "newest", "newest"]);
    assert.deepEqual(readings(history), [Number.NaN, 4, 5]);
  });

  it("takes a reading that comes again, or a second one of a step, in place of the first", () => {
    const history = opened();
    history.add("k", 5 * HOUR, Float32Array.of(5));
    assert.equal(history.add("k", 5 * HOUR + 60_000, Float32Array.of(6)), "newest");
    assert.deepEqual(readings(history), [Number.NaN, Number.NaN, 6]);
  });

  it("puts a reading that is a little early or late on the nearest step", () => {
    const history = opened();
    history.add("k", 5 * HOUR - 20_000, Float32Array.of(5));
    history.add("k", 6 * HOUR + 20_000, Float32Array.of(6));
    assert.deepEqual(readings(history), [Number.NaN, 5, 6]);
  });

  it("lets the series unused longest give way", () => {
    const gone: string[] = [];
    const history = opened(2, (key) => gone.push(key));
    for (const key of ["x", "y", "x", "z"]) history.add(key, 0, Float32Array.of(1));
    assert.deepEqual(gone, ["y"]);
    assert.equal(history.keys, 2);
    assert.deepEqual(readings(history, "y"), [Number.NaN, Number.NaN, Number.NaN]);
  });

  it("comes back from a store as it was, gaps included", () => {
    const history = opened();
    history.add("k", HOUR, Float32Array.of(1.5));
    history.add("k", 3 * HOUR, Float32Array.of(-3));
    const again = opened();
    assert.ok(again.restore("k", JSON.parse(JSON.stringify(history.save("k")))));
    assert.deepEqual(readings(again), readings(history));
    again.add("k", 4 * HOUR, Float32Array.of(4));
    assert.deepEqual(readings(again), [Number.NaN, -3, 4]);
  });

  it("refuses what a store has of other features, or broken", () => {
    const history = opened();
    history.add("k", HOUR, Float32Array.of(1));
    const other = openHistory({ features: ["b"], kept: 3, stepLength: HOUR, limit: 1 });
    assert.equal(other.restore("k", history.save("k")), false);
    assert.equal(other.restore("k", null), false);
    assert.equal(opened().restore("k", { ...history.save("k"), rows: "AAA" }), false);
  });

  it("holds 10,000 series of the shipped model's size in less than 25 MB", () => {
    const features = Array.from({ length: 10 }, (_, i) => String(i));
    const history = openHistory({ features, kept: 27, stepLength: HOUR, limit: 10_000 });
    const before = process.memoryUsage();
    for (let i = 0; i < 12_000; i++) history.add(`station-${i}`, HOUR, new Float32Array(10));
    const after = process.memoryUsage();
    assert.equal(history.keys, 10_000);
    const grown = after.arrayBuffers - before.arrayBuffers + Math.max(0, after.heapUsed - before.heapUsed);
    assert.ok(grown < 25e6, `${grown} bytes`);
  });
});
