import assert from "node:assert/strict";
import { paced } from "../../nodes/lib/paced";
import { until } from "../harness";

describe("a paced act", () => {
  it("is done at once, and for many calls within the pause once more after it", async () => {
    const times: number[] = [];
    const act = paced(() => void times.push(performance.now()), 50);
    for (let i = 0; i < 100; i++) act();
    assert.equal(times.length, 1);
    await until("the second one", () => times.length === 2);
    assert.ok((times[1] ?? 0) - (times[0] ?? 0) >= 45);
    act.stop();
  });

  it("is not done after it was stopped", async () => {
    let count = 0;
    const act = paced(() => void count++, 20);
    act();
    act();
    act.stop();
    act();
    const since = performance.now();
    await until("the pause is over", () => performance.now() - since > 60);
    assert.equal(count, 1);
  });
});
