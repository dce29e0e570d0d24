import assert from "node:assert/strict";
import { dues } from "../../nodes/lib/due";

describe("what is due to be said", () => {
  it("is said at once, and again when its time has passed, each name for itself", () => {
    let now = 0;
    const isDue = dues(() => now);
    assert.deepEqual([isDue("a", 100), isDue("a", 100), isDue("b", 100)], [true, false, true]);
    now = 99;
    assert.equal(isDue("a", 100), false);
    now = 100;
    assert.deepEqual([isDue("a", 100), isDue("a", 100)], [true, false]);
  });

  it("forgets all names when there are more than it holds", () => {
    const isDue = dues(() => 0);
    for (let name = 0; name < 1000; name++) assert.equal(isDue(`n${name}`, 1), true);
    assert.equal(isDue("n5", 1), false);
    assert.equal(isDue("one more", 1), true);
    assert.equal(isDue("n5", 1), true);
  });
});
