/** Records kept together: what is needed of them comes back, whatever happened to the others. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Chunk } from "../../../nodes/lib/state/chunk";

describe("a chunk of records", () => {
  const back = (chunk: Chunk<unknown>): [value: unknown, at: number, left: number[]][] => {
    const found: [unknown, number, number[]][] = [];
    new Chunk<unknown>(chunk.first).restore(chunk.bytes(), chunk.marks(), (value, at, left) => {
      found.push([value, at, [...(left ?? [])]]);
      return true;
    });
    return found;
  };

  it("gives back what is needed of it, with the windows that each has left", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.anything({ withDate: true, withBigInt: true }), fc.boolean(), fc.array(fc.integer()))),
        (list) => {
          const chunk = new Chunk<unknown>(7);
          const expected: [unknown, number, number[]][] = [];
          list.forEach(([value], at) => {
            chunk.add({ value });
            if (at % 3 === 2) chunk.endMessage();
          });
          list.forEach(([value, isOut, starts], at) => {
            for (const start of starts) chunk.leave(at, start);
            if (isOut) chunk.drop(at);
            else expected.push([structuredClone({ value }), at, [...new Set(starts)]]);
          });
          assert.equal(chunk.isNeeded, expected.length > 0);
          if (list.length > 0) assert.deepEqual(back(chunk), expected);
        },
      ),
    );
  });

  it("holds records as they were when they came", () => {
    const chunk = new Chunk<unknown>(0);
    const record = { payload: [1, Buffer.from("온도")], deep: { value: 1 } };
    chunk.add(record);
    chunk.endMessage();
    record.deep.value = 2;
    chunk.add(record);
    const values = back(chunk).map(([value]) => (value as typeof record).deep.value);
    assert.deepEqual(values, [1, 2]);
  });

  it("refuses what is no data, and keeps what came before and comes after", () => {
    const chunk = new Chunk<unknown>(0);
    assert.throws(() => chunk.add({ call: () => 1 }), /can't be kept on disk: .*take out what is no data/u);
    chunk.add({ n: 0 });
    chunk.endMessage();
    chunk.add({ n: 1 });
    assert.throws(() => chunk.add({ long: "x".repeat(100), call: () => 1 }), /can't be kept on disk/u);
    chunk.add({ n: 2 });
    assert.deepEqual(
      back(chunk).map(([value]) => value),
      [{ n: 0 }, { n: 1 }, { n: 2 }],
    );
  });
});
