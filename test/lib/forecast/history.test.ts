import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import * as fc from "fast-check";
import {
  copyWindow,
  joinReading,
  type Grid,
  type Joined,
  type Series,
  type Window,
} from "../../../nodes/lib/forecast/history";
import { joinedCodec, seriesCodec } from "../../../nodes/lib/forecast/history-bytes";
import type { Grown } from "./history-memory";

const HOUR = 3_600_000;
const GRID: Grid = { width: 1, kept: 3, stepLength: HOUR };

/** What is seen of a reading: the window that ends with it, or nothing where it came late. */
type Seen = number[] | undefined;

const rowsOf = (grid: Grid, window: Window): number[] => {
  const out = new Float32Array(grid.kept * grid.width);
  copyWindow(grid, window, out);
  return [...out];
};

/** A series that readings join. */
function opened(grid = GRID) {
  const join = joinReading(grid);
  let state: Series | undefined;
  return {
    get state(): Series | undefined {
      return state;
    },
    add(time: number, ...reading: number[]): Joined {
      const step = join(state, { payload: Float32Array.from(reading), timestamp: time });
      ({ state } = step);
      return step.result as Joined;
    },
    see(time: number, ...reading: number[]): Seen {
      const { window } = this.add(time, ...reading);
      return window && rowsOf(grid, window);
    },
    readings: (): number[] => (state ? rowsOf(grid, state) : []),
  };
}

/** The same by its rules alone: a reading by step, and everything else forgotten. */
function plain({ kept, stepLength }: Grid): (time: number, reading: number) => Seen {
  let steps = new Map<number, number>();
  let [latest, stale, staleStep] = [Number.NaN, 0, 0];
  return (time, reading) => {
    const step = Math.round(time / stepLength);
    if (step <= latest - kept) {
      stale = stale > 0 && step > staleStep ? stale + 1 : 1;
      staleStep = step;
      if (stale < 3) return undefined;
      steps = new Map();
      latest = step;
    }
    stale = 0;
    steps.set(step, reading);
    if (step < latest) return undefined;
    latest = step;
    return Array.from({ length: kept }, (_, i) => Math.fround(steps.get(step - kept + 1 + i) ?? Number.NaN));
  };
}

describe("history of a series", () => {
  it("keeps the latest steps, oldest first", () => {
    const series = opened();
    for (const hour of [0, 1, 2, 3]) assert.ok(series.see(hour * HOUR, hour));
    assert.deepEqual(series.readings(), [1, 2, 3]);
  });

  it("leaves a step without a reading empty", () => {
    const series = opened();
    series.add(0, 1);
    assert.deepEqual(series.see(2 * HOUR, 3), [1, Number.NaN, 3]);
  });

  it("forgets everything after a gap longer than it keeps", () => {
    const series = opened();
    series.add(0, 1);
    assert.deepEqual(series.see(1e6 * HOUR, 2), [Number.NaN, Number.NaN, 2]);
  });

  it("puts a late reading in its place and drops one before everything kept", () => {
    const series = opened();
    series.add(5 * HOUR, 5);
    assert.equal(series.see(4 * HOUR, 4), undefined);
    assert.equal(series.see(2 * HOUR, 2), undefined);
    assert.deepEqual(series.readings(), [Number.NaN, 4, 5]);
  });

  it("begins anew when readings are replayed from before everything kept", () => {
    const series = opened();
    series.add(100 * HOUR, 100);
    const seen = [1, 2, 2, 3, 4, 5].map((hour) => series.see(hour * HOUR, hour) !== undefined);
    assert.deepEqual(seen, [false, false, false, false, true, true]);
    assert.deepEqual(series.readings(), [Number.NaN, 4, 5]);
  });

  it("takes a second reading of a step in place of the first", () => {
    const series = opened();
    series.add(5 * HOUR, 5);
    assert.deepEqual(series.see(5 * HOUR + 60_000, 6), [Number.NaN, Number.NaN, 6]);
  });

  it("puts a reading that is a little early or late on the nearest step", () => {
    const series = opened();
    series.add(5 * HOUR - 20_000, 5);
    assert.deepEqual(series.see(6 * HOUR + 20_000, 6), [Number.NaN, 5, 6]);
  });

  it("keeps of a window of one step nothing but the reading", () => {
    const series = opened({ ...GRID, kept: 1 });
    for (const hour of [3, 4, 4, 9]) assert.deepEqual(series.see(hour * HOUR, hour), [hour]);
    assert.equal(series.see(8 * HOUR, 8), undefined);
  });

  const arrivals = fc.array(fc.tuple(fc.integer({ min: -4, max: 6 }), fc.integer({ min: 0, max: 99 })), {
    maxLength: 120,
  });
  const kepts = fc.integer({ min: 1, max: 9 });

  it("says what its rules say, and a window stays as it was, whatever comes after it and however often a reading is tried", () => {
    fc.assert(
      fc.property(kepts, arrivals, (kept, moves) => {
        const grid = { ...GRID, kept };
        const [series, rules] = [opened(grid), plain(grid)];
        const join = joinReading(grid);
        const told: [Joined, Seen][] = [];
        let step = 100;
        for (const [move, value] of moves) {
          step += move;
          // The same state once more, as where a record was refused after that: nothing of it is seen.
          join(series.state, { payload: Float32Array.of(-1), timestamp: (step + 1) * HOUR });
          told.push([series.add(step * HOUR, value), rules(step * HOUR, value)]);
        }
        for (const [{ window }, seen] of told) assert.deepEqual(window && rowsOf(grid, window), seen);
      }),
    );
  });

  it("goes on from its bytes as if nothing had been, and what was told comes back from a file as it was told", () => {
    fc.assert(
      fc.property(kepts, arrivals, fc.nat(), (kept, moves, cut) => {
        const grid = { ...GRID, kept };
        const codec = seriesCodec(grid);
        const join = joinReading(grid);
        const rules = plain(grid);
        const file = joinedCodec(grid);
        let writer = file();
        let [text, anew]: [unknown[], Joined[]] = [[], []];
        let state: Series | undefined;
        const seen: Seen[] = [];
        let step = 100;
        for (const [n, [move, value]] of moves.entries()) {
          step += move;
          const next = join(state, { payload: Float32Array.of(value), timestamp: step * HOUR });
          state = next.state;
          seen.push(rules(step * HOUR, value));
          text.push(JSON.parse(JSON.stringify(writer.encode(next.result))));
          anew.push(next.result as Joined);
          if (n % 7 !== cut % 7) continue;
          // A restart: a file is read, another begins with all that it had, and the states are those on disk.
          const reader = file();
          anew = text.map((one) => reader.decode(one) as Joined);
          writer = file();
          text = anew.map((one) => JSON.parse(JSON.stringify(writer.encode(one))) as unknown);
          state = codec.decode(codec.encode(state)) as Series;
        }
        const reader = file();
        const back = text.map((one) => reader.decode(one) as Joined);
        assert.deepEqual(
          back.map(({ window }) => window && rowsOf(grid, window)),
          seen,
        );
      }),
    );
  });

  it("tells of a missing reading from its bytes what it was, not a number", () => {
    const grid = { ...GRID, width: 2 };
    const series = opened(grid);
    series.add(HOUR, Number.NaN, 2);
    series.add(3 * HOUR, 3, Number.NaN);
    const codec = seriesCodec(grid);
    const back = codec.decode(codec.encode(series.state)) as Series;
    assert.deepEqual(rowsOf(grid, back), [Number.NaN, 2, Number.NaN, Number.NaN, 3, Number.NaN]);
  });

  it("writes of a record little more than its reading, where its window was written before", () => {
    const grid = { width: 10, kept: 27, stepLength: HOUR };
    const series = opened(grid);
    const { encode } = joinedCodec(grid)();
    const sizes = Array.from(
      { length: 1_000 },
      (_, hour) => JSON.stringify(encode(series.add(hour * HOUR, ...Array.from({ length: 10 }, () => hour)))).length,
    );
    const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    assert.ok(mean < 250, `${mean} characters a record; a window has 1,440`);
  });

  it("holds 10,000 series of the shipped model's size in less than 25 MB, and the windows of 100,000 records in less than 55 MB", () => {
    const program = path.join(__dirname, "history-memory.js");
    const { series, windows } = JSON.parse(
      execFileSync(process.execPath, ["--expose-gc", program], { encoding: "utf8" }),
    ) as Grown;
    assert.ok(series < 25e6, `${series} bytes of series`);
    for (const bytes of windows) assert.ok(bytes < 55e6, `${bytes} bytes of windows`);
  });
});
