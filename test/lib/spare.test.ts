/** Memory that is used again. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { sizeFor, Spare } from "../../nodes/lib/spare";

const bytes = (most = 1000): Spare<Buffer> => new Spare<Buffer>(Buffer.alloc, ({ length }) => length, 16, most);

describe("what is to spare", () => {
  it("is had again for every size that it has room for, where not more than a quarter is left unused", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 30 }), (least) => {
        const size = sizeFor(least, 16);
        assert.ok(size >= least && size >= 16);
        assert.ok(size === 16 || size <= least * 1.25, `${size} for ${least}`);
        assert.equal(sizeFor(size, 16), size);
      }),
    );
  });

  it("is what was given back, once", () => {
    const spare = bytes();
    const one = spare.take(100);
    assert.ok(one.length >= 100);
    spare.give(one);
    assert.equal(spare.take(100), one);
    assert.notEqual(spare.take(100), one);
  });

  it("is not more than is wanted, and nothing of another size", () => {
    const spare = bytes(200);
    const [first, second] = [spare.take(128), spare.take(128)];
    spare.give(first);
    spare.give(second);
    spare.give(Buffer.alloc(17));
    assert.equal(spare.take(128), first);
    assert.notEqual(spare.take(128), second);
    assert.equal(spare.take(17).length, sizeFor(17, 16));
    spare.give(second);
    assert.equal(spare.take(128), second);
  });
});
