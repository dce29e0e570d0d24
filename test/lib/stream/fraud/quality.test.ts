import assert from "node:assert/strict";
import { labelled } from "../../../../bench/fraud-data";
import { score, type Found } from "../../../../bench/fraud-score";
import { quantile } from "../../../../bench/meter";

const SHAPE = { customers: 600, days: 60, episodes: 20 };

/** What `node dist/bench/fraud.js` printed for this seed; a margin for what rules may gain or lose by a change. */
const MARGIN = 0.03;
const isNear = (what: string, found: Found, stated: Omit<Found, "falseAlarms">): void =>
  (["precision", "recall", "episodes"] as const).forEach((name) =>
    assert.ok(
      Math.abs(found[name] - stated[name]) <= MARGIN,
      `${name} of ${what} is ${found[name]}, not ${stated[name]}`,
    ),
  );

describe("the default rules on labelled transactions", () => {
  it("are made alike by the same seed, and otherwise by another", () => {
    const small = { ...SHAPE, customers: 20, episodes: 2 };
    assert.deepEqual(labelled({ ...small, seed: 5 }), labelled({ ...small, seed: 5 }));
    assert.notDeepEqual(labelled({ ...small, seed: 5 }), labelled({ ...small, seed: 6 }));
  });

  it("find what they found when their figures were stated, in far less than 50 ms each", () => {
    const { held, blocked, times, stateBytes } = score(labelled({ ...SHAPE, seed: 2 }));
    isNear("challenge and block", held, { precision: 0.541, recall: 0.705, episodes: 0.96 });
    isNear("block alone", blocked, { precision: 0.912, recall: 0.392, episodes: 0.67 });
    assert.ok(held.falseAlarms < 0.005, `${held.falseAlarms} of legitimate transactions are held back`);
    assert.ok(quantile(times, 0.99) < 5_000, `p99 is ${quantile(times, 0.99)} µs`);
    assert.ok(stateBytes[1] < 10_000, `a state takes ${stateBytes[1]} bytes`);
  });
});
