import assert from "node:assert/strict";
import { batchOf, recordAt, recordsOf } from "../../nodes/lib/batch";
import { Rejected } from "../../nodes/lib/errors";

describe("a batch", () => {
  it("is an array of records, each with a payload of its own, whatever that is", () => {
    const payload = [{ payload: 1 }, { payload: null, key: "k" }, { payload: undefined }, { payload: [1, 2] }];
    assert.equal(batchOf({ payload }), payload);
    assert.equal(recordsOf({ payload }).length, 4);
  });

  it("stays one when elements are broken, wherever they stand: they fail alone", () => {
    const payload = [null, 5, { payload: 1 }, { key: "k" }, undefined];
    assert.equal(batchOf({ payload }), payload);
    const said = payload.map((element, index) => {
      try {
        return recordAt(index, element).payload;
      } catch (error) {
        assert.ok(error instanceof Rejected);
        return error.message;
      }
    });
    assert.deepEqual(said, [
      "element 0 of the batch is no record but null",
      "element 1 of the batch is no record but 5",
      1,
      "element 3 of the batch is no record but an object without a payload",
      "element 4 of the batch is no record but undefined",
    ]);
  });

  it("is no array without a record: that is the value of one", () => {
    const inherited = Object.create({ payload: 1 }) as object;
    for (const payload of [[], [1, 2], [null], [{ a: 1 }], [[{ payload: 1 }]], [inherited]]) {
      assert.equal(batchOf({ payload }), undefined);
      assert.equal(recordsOf({ payload }).length, 1);
    }
    for (const payload of [undefined, null, "x", { payload: [] }, Buffer.from("x"), new Float32Array(3)])
      assert.equal(batchOf({ payload }), undefined);
  });
});
