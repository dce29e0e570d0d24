/** Whole numbers kept as ranges. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Ranges } from "../../nodes/lib/ranges";

describe("ranges of whole numbers", () => {
  it("take two numbers for any that follow each other", () => {
    const ranges = new Ranges();
    for (let number = 5; number < 10_005; number++) ranges.add(number);
    assert.deepEqual([...ranges.entries()], [[5, 10_004]]);
    assert.deepEqual([ranges.size, ranges.first, ranges.last], [10_000, 5, 10_004]);
  });

  it("hold what a set would, in whatever order it came and however often", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 60 })), (numbers) => {
        const ranges = new Ranges();
        for (const number of numbers) ranges.add(number);
        const expected = [...new Set(numbers)].sort((a, b) => a - b);
        assert.deepEqual([...ranges.numbers()], expected);
        assert.equal(ranges.size, expected.length);
        for (let number = -1; number <= 61; number++) assert.equal(ranges.has(number), expected.includes(number));
        const found = [...ranges.entries()];
        for (const [at, [first]] of found.entries()) if (at > 0) assert.ok(first > (found[at - 1]?.[1] ?? 0) + 1);
      }),
    );
  });

  it("take ascending numbers in one go as one by one", () => {
    const ascending = fc
      .uniqueArray(fc.integer({ min: 0, max: 60 }), { minLength: 1 })
      .map((all) => all.sort((a, b) => a - b));
    fc.assert(
      fc.property(fc.array(ascending), (lists) => {
        const [ranges, expected] = [new Ranges(), new Ranges()];
        for (const list of lists) {
          ranges.addAll({ offset: (at) => list[at]! }, 0, list.length);
          for (const number of list) expected.add(number);
        }
        assert.deepEqual([[...ranges.entries()], ranges.size], [[...expected.entries()], expected.size]);
      }),
    );
  });

  it("begin nowhere and end before everything while they are empty", () => {
    assert.deepEqual([new Ranges().first, new Ranges().last, new Ranges().has(0)], [Infinity, -1, false]);
  });
});
