import assert from "node:assert/strict";
import { Pace } from "../../../nodes/lib/files/pace";

const HOUR = 3_600_000;

describe("the pace of a replay", () => {
  it("keeps the distances of event time, divided by the speed-up", () => {
    const pace = new Pace({ speedUp: 3_600, longestWait: 10_000 });
    assert.equal(pace.wait(0, 50), 0);
    assert.equal(pace.wait(HOUR, 50), 1_000);
    assert.equal(pace.wait(HOUR, 1_050), 0);
    assert.equal(pace.wait(3 * HOUR, 1_050), 2_000);
  });

  it("catches up when it fell behind", () => {
    const pace = new Pace({ speedUp: 3_600, longestWait: 10_000 });
    pace.wait(0, 0);
    assert.equal(pace.wait(HOUR, 2_500), 0);
    assert.equal(pace.wait(2 * HOUR, 2_500), 0);
    assert.equal(pace.wait(3 * HOUR, 2_500), 500);
  });

  it("cuts gaps to the longest wait and goes on from there", () => {
    const pace = new Pace({ speedUp: 3_600, longestWait: 5_000 });
    pace.wait(0, 0);
    assert.equal(pace.wait(1_000 * HOUR, 0), 5_000);
    assert.equal(pace.wait(1_001 * HOUR, 5_000), 1_000);
  });

  it("does not wait for event time that goes back, nor catch up after a rest", () => {
    const pace = new Pace({ speedUp: 3_600, longestWait: 5_000 });
    pace.wait(10 * HOUR, 0);
    assert.equal(pace.wait(HOUR, 0), 0);
    assert.equal(pace.wait(2 * HOUR, 0), 1_000);
    pace.rest();
    assert.equal(pace.wait(3 * HOUR, 60_000), 0);
    assert.equal(pace.wait(4 * HOUR, 60_000), 1_000);
  });
});
