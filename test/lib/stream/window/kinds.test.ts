import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Fired } from "../../../../nodes/lib/stream/window/entry";
import { windowStarts } from "../../../../nodes/lib/stream/window/time-windows";
import { Windower } from "../../../../nodes/lib/stream/window/windower";
import { OPTIONS, arrival, brief, shape, type Event } from "./streams";

describe("the windows of a time", () => {
  it("hold it, are as many as hops fit, and begin on the grid, before 1970 too", () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e6, max: 1e6 }), shape, (time, { size, hop, offset }) => {
        const starts = windowStarts(time, { size, hop, offset });
        assert.ok(starts.length === Math.floor(size / hop) || starts.length === Math.ceil(size / hop));
        for (const start of starts) {
          assert.ok(start <= time && time < start + size);
          assert.ok((start - offset) % hop === 0);
        }
      }),
    );
  });

  it("are days of Korea with an offset of −9 h", () => {
    const day = 86_400_000;
    const [start] = windowStarts(Date.UTC(2017, 1, 28, 16), { size: day, hop: day, offset: -9 * 3_600_000 });
    assert.equal(start, Date.UTC(2017, 1, 28, 15));
  });
});

describe("windows by processing time", () => {
  it("hold what comes while they last, in the order of event time", () => {
    const windower = new Windower<Event>({ ...OPTIONS, by: "processing" });
    const put = (time: number, now: number) =>
      windower.add(arrival({ key: "a", time, partition: "0", offset: now }), now);
    put(500, 1);
    put(400, 9);
    assert.equal(windower.nextDue, 10);
    assert.deepEqual(windower.due(9), []);
    // Nobody looked at 10: the next record finds the first window over.
    put(600, 12);
    assert.deepEqual(windower.due(12).map(brief), ["a 0-10: 400@0/9 500@0/1"]);
    assert.deepEqual(windower.due(20).map(brief), ["a 10-20: 600@0/12"]);
    assert.equal(windower.records, 0);
  });
});

describe("windows by count", () => {
  const put = (windower: Windower<Event>, key: string, time: number, now = 0) =>
    windower.add(arrival({ key, time, partition: "0", offset: time }), now);
  const times = (window: Fired<Event>) =>
    `${window.key}:${window.reason}:${window.entries.map((entry) => entry.time).join()}`;

  it("fire when full, per key, with the times of their records", () => {
    const windower = new Windower<Event>({ ...OPTIONS, by: "count", size: 3, hop: 3 });
    for (const [key, time] of [
      ["a", 3],
      ["b", 1],
      ["a", 1],
      ["a", 2],
      ["a", 9],
    ] as const)
      put(windower, key, time);
    const [window, ...others] = windower.due(0);
    assert.deepEqual([window && times(window), window?.start, window?.end, others], ["a:count:1,2,3", 1, 3, []]);
    assert.equal(windower.records, 2);
  });

  it("hop: each holds the last records, and lets go of those that no later one needs", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 0, max: 40 }),
        (size, step, count) => {
          const hop = Math.min(size, step);
          const windower = new Windower<Event>({ ...OPTIONS, by: "count", size, hop });
          const out: number[] = [];
          const windows: string[] = [];
          for (let i = 0; i < count; i++) {
            put(windower, "a", i);
            for (const window of windower.due(0)) {
              windows.push(window.entries.map((entry) => entry.time).join());
              windower.sent(window, (entry) => out.push(entry.time));
            }
          }
          const expected = [];
          for (let start = 0; start + size <= count; start += hop)
            expected.push(Array.from({ length: size }, (_, i) => start + i).join());
          assert.deepEqual(windows, expected);
          assert.deepEqual(
            out,
            Array.from({ length: expected.length * hop }, (_, i) => i),
          );
          assert.equal(windower.records, count - out.length);
        },
      ),
    );
  });

  it("fire a silent key's records, and forget without sending what was sent before", () => {
    const windower = new Windower<Event>({ ...OPTIONS, by: "count", size: 3, hop: 2, silence: 100 });
    for (const time of [1, 2, 3]) put(windower, "a", time, 0);
    put(windower, "b", 1, 50);
    assert.deepEqual(windower.due(50).map(times), ["a:count:1,2,3"]);
    assert.equal(windower.nextDue, 100);
    assert.deepEqual(windower.due(100).map(times), ["a:silence:"]);
    assert.deepEqual(windower.due(150).map(times), ["b:silence:1"]);
    assert.equal(windower.records, 0);
    assert.equal(windower.nextDue, undefined);
  });
});
