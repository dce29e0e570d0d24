import assert from "node:assert/strict";
import { array, assert as check, constantFrom, integer, oneof, property } from "fast-check";
import { Runs, type Gap } from "../../../../nodes/lib/stream/completeness/runs";

const STEP = 10;
const TOLERANCE = 5;

/** What a set and a sort say of the same positions. */
function counted(positions: readonly number[]): { duplicates: number; gaps: Gap[]; close: number } {
  const sorted = [...new Set(positions)].sort((a, b) => a - b);
  const gaps: Gap[] = [];
  let close = 0;
  for (let at = 1; at < sorted.length; at++) {
    const [from, to] = [sorted[at - 1] as number, sorted[at] as number];
    if (to - from > STEP + TOLERANCE) gaps.push({ from, to, missing: Math.max(1, Math.round((to - from) / STEP) - 1) });
    if (to - from < STEP - TOLERANCE) close++;
  }
  return { duplicates: positions.length - sorted.length, gaps, close };
}

function fed(positions: readonly number[], limit: number): { runs: Runs; duplicates: number; gaps: Gap[] } {
  const forgotten: Gap[] = [];
  const runs = new Runs({ step: STEP, tolerance: TOLERANCE, limit, forgotten: (gap) => forgotten.push(gap) });
  const duplicates = positions.filter((position) => runs.add(position) === "duplicate").length;
  return { runs, duplicates, gaps: [...forgotten, ...runs.gaps()] };
}

/** Mostly on a grid, some beside it. */
const position = oneof(
  integer({ min: -30, max: 60 }).map((slot) => slot * STEP),
  integer({ min: -300, max: 600 }),
);
/** A steady sequence that someone has shuffled a little, repeated and torn. */
const disturbed = array(constantFrom("next", "gap", "again", "late", "beside"), { maxLength: 400 }).map((steps) => {
  const positions: number[] = [];
  let at = 0;
  for (const step of steps) {
    if (step === "again") positions.push(positions[Math.floor(positions.length * 0.7)] ?? 0);
    else if (step === "late") positions.splice(Math.max(0, positions.length - 3), 0, (at += STEP));
    else positions.push((at += step === "gap" ? 70 : step === "beside" ? 13 : STEP));
  }
  return positions;
});

describe("runs of a steady sequence", () => {
  it("tell duplicates, gaps and what is too close exactly, in any order", () => {
    check(
      property(oneof(array(position, { maxLength: 200 }), disturbed), (positions) => {
        const { runs, duplicates, gaps } = fed(positions, 10_000);
        const truth = counted(positions);
        assert.deepEqual({ duplicates, gaps, close: runs.close }, truth);
        assert.equal(runs.unknown, 0);
      }),
      { numRuns: 500 },
    );
  });

  it("keep to their bound, and then never say more than is so", () => {
    check(
      property(
        oneof(array(position, { maxLength: 200 }), disturbed),
        integer({ min: 4, max: 20 }),
        (positions, limit) => {
          const { runs, duplicates, gaps } = fed(positions, limit);
          const truth = counted(positions);
          assert.ok(runs.size <= limit, `${runs.size} runs`);
          assert.ok(duplicates <= truth.duplicates && truth.duplicates <= duplicates + runs.unknown);
          // what came too late to fill a gap is told; everything else about gaps stays exact
          if (runs.beyond === 0) assert.deepEqual(gaps, truth.gaps);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("take no more room for a million steps than for one", () => {
    const runs = new Runs({ step: 3_000, tolerance: 1_500, limit: 100 });
    for (let at = 0; at < 1_000_000; at++) runs.add(at * 3_000);
    assert.equal(runs.size, 1);
    assert.equal(runs.add(123_456 * 3_000), "duplicate");
    assert.equal(runs.add(123_456 * 3_000 + 1), "new");
    assert.equal(runs.size, 3);
  });

  it("decide about late positions of a sequence that never keeps its step as far back as they remember", () => {
    const runs = new Runs({ step: STEP, tolerance: TOLERANCE, limit: 100 });
    for (let at = 0; at < 1_000; at++) runs.add(at * STEP + (at % 3));
    assert.deepEqual([...runs.gaps()], []);
    assert.equal(runs.add(990 * STEP), "duplicate");
    assert.equal(runs.add(500 * STEP + 2), "unknown");
    assert.deepEqual([runs.unknown, runs.beyond], [1, 0]);
  });
});
