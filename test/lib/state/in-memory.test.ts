import assert from "node:assert/strict";
import type { Emission } from "../../../nodes/lib/delivery/contract";
import { forgetMemory, InMemoryState, memoryOf } from "../../../nodes/lib/state/in-memory";
import type { Advance } from "../../../nodes/lib/state/port";

/** Counts the records of a key, and says how many. */
const count: Advance<number, number> = (state = 0) => ({ state: state + 1, result: state + 1 });
const record = (offset: number) => ({ source: { kind: "kafka", topic: "t", partition: 0, offset } });

describe("state in memory", () => {
  it("forgets the key unused for longest where there are too many", () => {
    const state = new InMemoryState(count, 2);
    const said = ["x", "y", "x", "z", "x", "y"].map((key) => state.take(key, {}));
    assert.deepEqual(said, [1, 1, 2, 1, 3, 1]);
    assert.equal(state.keys, 2);
  });

  it("takes what comes again for new where it need not remember", () => {
    const state = new InMemoryState(count, 2);
    assert.deepEqual([state.take("x", record(1)), state.take("x", record(1))], [1, 2]);
  });

  describe("that outlives its node", () => {
    let committed: number | undefined;
    const open = (node: string, format = "counts", most = 100) =>
      new InMemoryState(count, most, memoryOf<number>(node, format), () => [{ resumesAt: committed } as Emission]);

    beforeEach(() => (committed = undefined));
    afterEach(() => ["one", "two"].forEach(forgetMemory));

    it("goes on after a deploy, and says of what comes again what it said", async () => {
      const before = open("one");
      assert.deepEqual(
        [1, 2, 3].map((offset) => before.take("x", record(offset))),
        [1, 2, 3],
      );
      await before.close();
      const after = open("one");
      assert.deepEqual(
        [2, 3, 4].map((offset) => after.take("x", record(offset))),
        [2, 3, 4],
      );
      assert.equal(open("two").take("x", record(2)), 1, "another node has a state of its own");
    });

    it("begins anew when the node was removed, and where its states are of another format", () => {
      open("one").take("x", record(1));
      assert.equal(open("one", "other").take("x", record(2)), 1);
      forgetMemory("one");
      assert.equal(open("one", "other").take("x", record(3)), 1);
    });

    it("holds no more keys than its node may have after a deploy", () => {
      const before = open("one");
      ["x", "y", "z"].forEach((key) => before.take(key, {}));
      const after = open("one", "counts", 2);
      after.take("z", {});
      assert.equal(after.keys, 2);
    });

    it("takes a record for new that its source has committed before", () => {
      const state = open("one");
      [1, 2, 3].forEach((offset) => state.take("x", record(offset)));
      committed = 3;
      state.kept({});
      assert.deepEqual(
        [3, 2].map((offset) => state.take("x", record(offset))),
        [3, 4],
      );
    });
  });
});
