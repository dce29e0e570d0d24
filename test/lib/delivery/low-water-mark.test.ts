import assert from "node:assert/strict";
import * as fc from "fast-check";
import { LowWaterMark, type Positions } from "../../../nodes/lib/delivery/low-water-mark";

/** The rule itself, recomputed from everything that was ever delivered. */
interface ModelEntry {
  readonly positions: Positions;
  readonly first: number;
  readonly next: number;
  readonly records: number;
  readonly bytes: number;
  state: "open" | "held" | "finished";
}
const markOf = (model: readonly ModelEntry[]): number | undefined => {
  let mark = model[0]?.first;
  for (const entry of model) {
    if (entry.state !== "finished") break;
    mark = entry.next;
  }
  return mark;
};
const spanOf = (model: readonly ModelEntry[]): { records: number; bytes: number } => {
  const from = model.findIndex((entry) => entry.state === "open");
  const counted = from < 0 ? [] : model.slice(from).filter((entry) => entry.state !== "held");
  return {
    records: counted.reduce((sum, entry) => sum + entry.records, 0),
    bytes: counted.reduce((sum, entry) => sum + entry.bytes, 0),
  };
};

describe("the low-water mark of a partition", () => {
  it("is the position before which everything is finished, whatever the order and the holes", () => {
    const mark = new LowWaterMark();
    assert.equal(mark.mark, undefined);
    const first = mark.delivered(10, 11, 1, 100);
    const second = mark.delivered(15, 20, 3, 300);
    const third = mark.delivered(20, 21, 1, 100);
    assert.equal(mark.mark, 10);
    assert.equal(mark.finished(second), false);
    assert.equal(mark.finished(third), false);
    assert.equal(mark.mark, 10);
    assert.equal(mark.finished(first), true);
    assert.equal(mark.mark, 21);
    assert.equal(mark.unfinished, 0);
    assert.equal(mark.finished(first), false, "twice is once");
  });

  it("counts what was delivered after the first unfinished record, finished or not, and pauses from the limit to half of it", () => {
    const mark = new LowWaterMark({ records: 10, bytes: 1_000_000 });
    const stuck = mark.delivered(0, 1, 1, 10);
    const others = Array.from({ length: 9 }, (_, index) => mark.delivered(index + 1, index + 2, 1, 10));
    assert.equal(mark.paused, true);
    for (const one of others) mark.finished(one);
    assert.deepEqual(mark.span, { records: 10, bytes: 100 });
    assert.equal(mark.paused, true, "nine finished behind one stuck record would all be repeated");
    mark.finished(stuck);
    assert.deepEqual(mark.span, { records: 0, bytes: 0 });
    assert.equal(mark.paused, false);
  });

  it("resumes at half of the limit, not before", () => {
    const mark = new LowWaterMark({ records: 10, bytes: 1_000_000 });
    const all = Array.from({ length: 10 }, (_, index) => mark.delivered(index, index + 1, 1, 10));
    assert.equal(mark.paused, true);
    for (const one of all.slice(0, 4)) mark.finished(one);
    assert.equal(mark.paused, true);
    mark.finished(all[4] as Positions);
    assert.equal(mark.paused, false);
  });

  it("pauses by bytes as well", () => {
    const mark = new LowWaterMark({ records: 1_000, bytes: 1_000 });
    mark.delivered(0, 1, 1, 999);
    assert.equal(mark.paused, false);
    mark.delivered(1, 2, 1, 1);
    assert.equal(mark.paused, true);
  });

  it("knows how many bytes of records like its own fit", () => {
    const mark = new LowWaterMark({ records: 10, bytes: 1_000 });
    assert.equal(mark.room, undefined);
    const first = mark.delivered(0, 2, 2, 100);
    assert.equal(mark.room, 400, "eight more of 50 bytes");
    mark.delivered(2, 3, 1, 800);
    assert.equal(mark.room, 100, "the bytes are less");
    mark.delivered(3, 4, 1, 500);
    assert.equal(mark.room, 0);
    mark.finished(first);
    assert.equal(mark.room, 0);
  });

  it("does not stop a source behind a record that is held on purpose", () => {
    const mark = new LowWaterMark({ records: 10, bytes: 1_000_000 });
    const held = mark.delivered(0, 1, 1, 10);
    mark.held(held, true);
    for (let position = 1; position < 1_000; position += 1)
      mark.finished(mark.delivered(position, position + 1, 1, 10));
    assert.equal(mark.paused, false, "only later records can end the hold");
    assert.equal(mark.mark, 0);
    mark.held(held, false);
    assert.equal(mark.paused, true, "now it is an ordinary unfinished record with 999 behind it");
    mark.finished(held);
    assert.equal(mark.mark, 1_000);
    assert.equal(mark.paused, false);
  });

  it("refuses positions that it has seen", () => {
    const mark = new LowWaterMark();
    mark.finished(mark.delivered(5, 8, 3, 1));
    assert.throws(() => mark.delivered(7, 9, 2, 1), { name: "RangeError", message: /7–9 were delivered already.*8/u });
  });

  it("keeps memory for what is unfinished only", () => {
    const mark = new LowWaterMark();
    const held = mark.delivered(0, 1, 1, 1);
    mark.held(held, true);
    for (let position = 1; position < 1_000_000; position += 1)
      mark.finished(mark.delivered(position, position + 1, 1, 1));
    assert.ok(mark.unfinished === 1);
    let entries = 0;
    for (
      let entry = (mark as unknown as { head?: { after?: object } }).head;
      entry;
      entry = entry.after as typeof entry
    )
      entries += 1;
    assert.equal(entries, 2, "one held entry and one finished run");
  });

  it("agrees with the rule for every sequence of deliveries, ends, holds and ends of holds", () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant("deliver" as const),
        hole: fc.nat(3),
        size: fc.integer({ min: 1, max: 5 }),
        bytes: fc.nat(1_000),
      }),
      fc.record({ kind: fc.constantFrom("finish" as const, "hold" as const, "unhold" as const), which: fc.nat(1_000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const mark = new LowWaterMark({ records: 20, bytes: 5_000 });
        const model: ModelEntry[] = [];
        let next = 100;
        for (const one of steps) {
          if (one.kind === "deliver") {
            const first = next + one.hole;
            next = first + one.size;
            const positions = mark.delivered(first, next, one.size, one.bytes);
            model.push({ positions, first, next, records: one.size, bytes: one.bytes, state: "open" });
          } else {
            const entry = model[one.which % Math.max(1, model.length)];
            if (entry === undefined) continue;
            if (one.kind === "finish") {
              const before = markOf(model);
              entry.state = "finished";
              assert.equal(mark.finished(entry.positions), markOf(model) !== before);
            } else {
              if (entry.state !== "finished") entry.state = one.kind === "hold" ? "held" : "open";
              mark.held(entry.positions, one.kind === "hold");
            }
          }
          assert.equal(mark.mark, markOf(model));
          assert.deepEqual(mark.span, spanOf(model));
          assert.equal(mark.unfinished, model.filter((entry) => entry.state !== "finished").length);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("ends 20,000 holds in order in well under a second", () => {
    const mark = new LowWaterMark();
    const all = Array.from({ length: 20_000 }, (_, index) => mark.delivered(index, index + 1, 1, 1));
    for (const one of all) mark.held(one, true);
    mark.delivered(20_000, 20_001, 1, 1);
    const begun = performance.now();
    for (const one of all) mark.held(one, false);
    for (const one of all) mark.finished(one);
    assert.ok(performance.now() - begun < 1_000);
    assert.equal(mark.mark, 20_000);
  });

  it("leaves finished deliveries without each other: one that has grown old would carry all later ones along", () => {
    const orders = [(n: number) => n, (n: number) => 99 - n, (n: number) => n ^ 1, (n: number) => (n * 37) % 100];
    for (const order of orders) {
      const mark = new LowWaterMark();
      const all = Array.from({ length: 100 }, (_, n) => mark.delivered(n, n + 1, 1, 1));
      for (let n = 0; n < 100; n++) mark.finished(all[order(n)] as Positions);
      assert.equal(mark.mark, 100);
      for (const one of all) assert.ok(!Object.values(one).some((value) => typeof value === "object"));
    }
  });
});
