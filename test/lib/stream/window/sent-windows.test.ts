import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Windower } from "../../../../nodes/lib/stream/window/windower";
import type { WindowerOptions } from "../../../../nodes/lib/stream/window/windower";
import { OPTIONS, arrival, brief, events, shape, type Event } from "./streams";

/** A windower that has sent the windows of 0–10 and 10–20 of one key. */
function afterTwo(changes: Partial<WindowerOptions> = {}) {
  const windower = new Windower<Event>({ ...OPTIONS, ...changes });
  const put = (time: number, now = 0, extra: Partial<Event> = {}) =>
    windower.add(arrival({ key: "a", time, partition: "0", offset: time, ...extra }), now);
  const out: number[] = [];
  const take = (now = 0): string[] =>
    windower.due(now).map((window) => {
      windower.sent(window, (entry) => out.push(entry.time));
      return brief(window);
    });
  for (const time of [1, 2, 11, 25]) put(time);
  const first = take();
  return { windower, put, take, first, out };
}

describe("a window that failed downstream", () => {
  it("is sent again, the very same, when all its records have come again", () => {
    const { put, take, first, out } = afterTwo();
    assert.equal(first.length, 2);
    assert.equal(put(2, 5), "again");
    assert.deepEqual(take(5), []);
    assert.equal(put(1, 6), "again");
    assert.deepEqual(take(6), [first[0]]);
    assert.deepEqual(out, [1, 2, 11, 2, 1]);
    // And once more, if it fails once more.
    put(1, 7);
    put(2, 8);
    assert.deepEqual(take(8), [first[0]]);
  });

  it("is sent with the records remembered when the rest does not come within its patience", () => {
    const { windower, put, take, first, out } = afterTwo();
    put(2, 5);
    assert.equal(windower.nextDue, 1005);
    assert.deepEqual(take(1004), []);
    assert.deepEqual(take(1005), [first[0]]);
    assert.deepEqual(out, [1, 2, 11, 2]);
    assert.equal(windower.nextDue, undefined);
  });

  it("takes only what was in it: other late records stay late", () => {
    const { put } = afterTwo();
    assert.equal(put(1, 5, { offset: 99 }), "late");
    assert.equal(put(3, 5), "late");
    assert.equal(put(1, 5, { key: "b" }), "late");
  });

  it("is forgotten when it was sent longest ago and memory is used up", () => {
    const { put, take } = afterTwo({ maxRecords: 4 });
    assert.equal(put(1, 5), "late");
    assert.equal(put(11, 5), "again");
    assert.equal(take(5).length, 1);
  });

  it("is any window of any stream: what fails comes again as it was, and lets go of each record once", () => {
    fc.assert(
      fc.property(events, shape, fc.nat(), (list, changes, pick) => {
        const windower = new Windower<Event>({ ...OPTIONS, ...changes, partitions: 1 });
        const end = { key: "z", time: 1000, partition: "0", offset: 99 };
        const one = [...list.map((event) => ({ ...event, partition: "0" })), end];
        const late = one.filter((event) => windower.add(arrival(event), 0) === "late");
        const sent = windower.due(0);
        for (const window of sent) windower.sent(window, () => undefined);
        const failed = sent[pick % Math.max(1, sent.length)];
        if (!failed) return;
        const out: Event[] = [];
        for (const { origin } of failed.members) assert.equal(windower.add(arrival(origin), 0), "again");
        const again = windower.due(1000);
        for (const window of again) windower.sent(window, (entry) => out.push(entry.origin));
        assert.ok(again.map(brief).includes(brief(failed)));
        const before = new Set(sent.map(brief));
        for (const window of again) assert.ok(before.has(brief(window)), "a window that was never sent");
        assert.deepEqual(new Set(out), new Set(failed.members.map(({ origin }) => origin)));
        assert.equal(out.length, failed.members.length);
        for (const event of late) assert.equal(windower.add(arrival(event), 0), "late");
      }),
      { numRuns: 1000 },
    );
  });
});
