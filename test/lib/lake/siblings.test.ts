/** Records that a flow made of one source record, told apart. */
import assert from "node:assert/strict";
import { Siblings } from "../../../nodes/lib/lake/siblings";

describe("siblings of a source record", () => {
  it("are numbered in the order in which they reach a directory, each directory and record for itself", () => {
    const siblings = new Siblings();
    const pieces = [
      siblings.next("a", 7, "t"),
      siblings.next("a", 7, "t"),
      siblings.next("b", 7, "t"),
      siblings.next("a", 8, "t"),
      siblings.next("a", 7, "t"),
    ];
    assert.deepEqual(pieces, [0, 1, 0, 0, 2]);
  });

  it("have their own numbers again when their record comes again, also while the first ones still arrive", () => {
    const siblings = new Siblings();
    assert.deepEqual([siblings.next("a", 7, "first"), siblings.next("a", 7, "first")], [0, 1]);
    assert.deepEqual(
      [siblings.next("a", 7, "again"), siblings.next("a", 7, "first"), siblings.next("a", 7, "again")],
      [0, 2, 1],
    );
  });

  it("are told at once of many offsets where none of them can have come before, else one by one", () => {
    const siblings = new Siblings();
    const offsets = { offset: (at: number) => 10 + at };
    assert.equal(siblings.nextOfAll("a", offsets, 0, 5, "t"), 0);
    assert.equal(siblings.nextOfAll("a", offsets, 4, 8, "t"), undefined);
    assert.deepEqual([siblings.next("a", 14, "t"), siblings.next("a", 15, "t")], [1, 0]);
    assert.equal(siblings.nextOfAll("a", offsets, 6, 8, "t"), 0);
    assert.equal(siblings.nextOfAll("a", offsets, 0, 5, "again"), 0);
    assert.equal(siblings.nextOfAll("b", offsets, 0, 5, "t", 2), 2 * 4096);
  });

  it("are numbered within their part where a split has numbered the parts", () => {
    const siblings = new Siblings();
    assert.deepEqual(
      [siblings.next("a", 7, "t", 2), siblings.next("a", 7, "t", 1), siblings.next("a", 7, "t", 2)],
      [8192, 4096, 8193],
    );
  });

  it("are remembered for at least half of what may be remembered, and forgotten after all of it", () => {
    const siblings = new Siblings(100);
    siblings.next("a", 0, "t");
    for (let offset = 1; offset < 50; offset++) siblings.next("a", offset, "t");
    assert.equal(siblings.next("a", 0, "t"), 1);
    for (let offset = 50; offset < 200; offset++) siblings.next("a", offset, "t");
    assert.equal(siblings.next("a", 0, "t"), 0);
  });
});
