/** Requests by correlation id: as a Map would have them. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Unanswered } from "../../../nodes/lib/kafka/kafkajs-unanswered";

describe("the requests of a connection that are not answered", () => {
  it("are those that a Map would hold, in its order", () => {
    const step = fc.record({ does: fc.constantFrom("set", "delete", "clear"), id: fc.integer({ min: 0, max: 9 }) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const [map, unanswered] = [new Map<number, string>(), new Unanswered<string>()];
        for (const [n, { does, id }] of steps.entries()) {
          if (does === "set") [map, unanswered].forEach((each) => each.set(id, `request ${n}`));
          else if (does === "delete") assert.equal(unanswered.delete(id), map.delete(id));
          else [map, unanswered].forEach((each) => each.clear());
          assert.equal(unanswered.size, map.size);
          assert.deepEqual([...unanswered.values()], [...map.values()]);
          for (let any = 0; any < 10; any++)
            assert.deepEqual([unanswered.has(any), unanswered.get(any)], [map.has(any), map.get(any)]);
        }
      }),
    );
  });

  it("may be deleted as they are gone through", () => {
    const unanswered = new Unanswered<number>();
    for (const id of [1, 2, 3]) unanswered.set(id, id);
    const seen: number[] = [];
    unanswered.forEach((id) => {
      seen.push(id);
      unanswered.delete(id);
    });
    assert.deepEqual([seen, unanswered.size], [[1, 2, 3], 0]);
  });
});
