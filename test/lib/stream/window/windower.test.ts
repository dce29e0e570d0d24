import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Windower } from "../../../../nodes/lib/stream/window/windower";
import { OPTIONS, arrival, brief, events, oracle, run, shape, type Event } from "./streams";

describe("windows by event time", () => {
  it("are those of a naive oracle, over any disorder, and judge lateness as it does", () => {
    fc.assert(
      fc.property(events, shape, fc.infiniteStream(fc.boolean()), (list, changes, looks) => {
        const found = run(list, changes, () => looks.next().value ?? true);
        const expected = oracle(list, { ...OPTIONS, ...changes });
        assert.deepEqual(found.windows.toSorted(), expected.windows.toSorted());
        assert.deepEqual(found.late, expected.late);
      }),
      { numRuns: 2000 },
    );
  });

  it("let go of each record exactly once: with its last window, or late, or still held", () => {
    fc.assert(
      fc.property(events, shape, (list, changes) => {
        const found = run(list, changes);
        const gone = [...found.out, ...found.late];
        assert.equal(new Set(gone).size, gone.length);
        assert.equal(gone.length + found.left, list.length);
      }),
      { numRuns: 1000 },
    );
  });

  it("are the same however records are shuffled within the disorder", () => {
    fc.assert(
      fc.property(
        events,
        shape,
        fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 40, maxLength: 40 }),
        (list, changes, noise) => {
          const options = { ...changes, partitions: 1 };
          const one = list.map((event) => ({ ...event, partition: "0" })).sort((a, b) => a.time - b.time);
          const delayed = one.map((event, index) => ({
            event,
            at: event.time + ((noise[index] ?? 0) * changes.disorder) / 101,
          }));
          const shuffled = delayed.sort((a, b) => a.at - b.at).map(({ event }) => event);
          const end = [{ key: "z", time: 1000, partition: "0", offset: 99 }];
          const expected = run([...one, ...end], options);
          const found = run([...shuffled, ...end], options);
          assert.deepEqual(found.late, []);
          assert.deepEqual(found.windows.toSorted(), expected.windows.toSorted());
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("fire in the order of their ends and keys", () => {
    const list = [3, 1, 12, 25].flatMap((time, i) =>
      ["b", "a"].map((key, j) => ({ key, time, partition: "0", offset: 2 * i + j })),
    );
    assert.deepEqual(
      run(list, {}, () => false).windows.map((window) => window.split(":")[0]),
      ["a 0-10", "b 0-10", "a 10-20", "b 10-20"],
    );
  });

  it("hold a record once that its source sends again, and let go of both", () => {
    const event = { key: "a", time: 5, partition: "0", offset: 1 };
    const again = { ...event };
    const found = run([event, again, { ...event, offset: 2 }, { key: "a", time: 10, partition: "0", offset: 3 }], {});
    assert.deepEqual(found.windows, ["a 0-10: 5@0/1 5@0/2"]);
    assert.equal(found.out.length, 3);
  });

  it("wait for a partition that is behind, until it is silent", () => {
    const windower = new Windower<Event>({ ...OPTIONS, idle: 100 });
    const put = (time: number, partition: string, now: number) =>
      windower.add(arrival({ key: "a", time, partition, offset: time }), now);
    put(1, "0", 0);
    put(2, "1", 0);
    put(30, "0", 50);
    assert.deepEqual(windower.due(50), []);
    assert.equal(windower.nextDue, 100);
    assert.deepEqual(windower.due(99), []);
    assert.deepEqual(windower.due(100).map(brief), ["a 0-10: 1@0/1 2@1/2"]);
    // It comes back, and holds the watermark no more than where it stands.
    assert.equal(put(3, "1", 110), "late");
    assert.equal(put(31, "1", 110), "held");
  });

  it("wait at the start for all partitions that are to come, or for the idle time", () => {
    const windower = new Windower<Event>({ ...OPTIONS, partitions: 2, idle: 100 });
    const put = (time: number, partition: string, now: number) =>
      windower.add(arrival({ key: "a", time, partition, offset: time }), now);
    put(1, "0", 0);
    put(50, "0", 10);
    assert.deepEqual(windower.due(99), []);
    assert.equal(put(2, "1", 99), "held");
    put(60, "1", 99);
    assert.deepEqual(windower.due(99).map(brief), ["a 0-10: 1@0/1 2@1/2"]);
  });

  it("fire what is held when the stream has been silent, and are over then", () => {
    const windower = new Windower<Event>({ ...OPTIONS, silence: 100 });
    const put = (time: number, now: number) =>
      windower.add(arrival({ key: "a", time, partition: "0", offset: time }), now);
    put(1, 0);
    put(2, 70);
    assert.equal(windower.nextDue, 170);
    assert.deepEqual(windower.due(169), []);
    const [window] = windower.due(170);
    assert.equal(window?.reason, "silence");
    assert.equal(window && brief(window), "a 0-10: 1@0/1 2@0/2");
    assert.equal(windower.nextDue, undefined);
    assert.equal(put(3, 200), "late");
    assert.equal(put(11, 200), "held");
  });

  it("fire the oldest early at the bound, each record once, and never hold more", () => {
    fc.assert(
      fc.property(events, shape, fc.integer({ min: 1, max: 10 }), (list, changes, maxRecords) => {
        const windower = new Windower<Event>({ ...OPTIONS, ...changes, maxRecords });
        const seen = new Map<string, number>();
        const out: Event[] = [];
        let late = 0;
        for (const event of list) {
          if (windower.add(arrival(event), 0) === "late") late++;
          assert.ok(windower.records <= maxRecords);
          for (const window of windower.due(0)) {
            for (const { origin } of window.entries) {
              const place = `${window.start} ${origin.offset}`;
              assert.equal(seen.get(place), undefined, "a record is twice in one window");
              seen.set(place, 1);
            }
            windower.sent(window, (entry) => out.push(entry.origin));
          }
        }
        assert.equal(out.length + late + windower.records, list.length);
        assert.ok(windower.bytes === windower.records * 10);
      }),
      { numRuns: 1000 },
    );
  });

  it("are partial while records from before the first that was seen may be missing", () => {
    const windower = new Windower<Event>({ ...OPTIONS, disorder: 3 });
    const put = (time: number, partition: string) =>
      windower.add(arrival({ key: "a", time, partition, offset: time }), 0);
    put(8, "0");
    put(11, "1");
    for (const time of [22, 33, 44]) for (const partition of ["0", "1"]) put(time, partition);
    // Partition 1 may have had a record of 13 before the one of 11 that was seen first.
    assert.deepEqual(
      windower.due(0).map(({ start, partial }) => [start, partial]),
      [
        [0, true],
        [10, true],
        [20, false],
        [30, false],
      ],
    );
  });

  it("lack nothing when they are not partial, wherever a stream is cut that keeps to its disorder", () => {
    const noise = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 40, maxLength: 40 });
    fc.assert(
      fc.property(events, shape, noise, fc.nat(), (list, changes, delays, cut) => {
        const stream = list
          .map((event, index) => ({
            event: { ...event, partition: "0" },
            at: event.time + ((delays[index] ?? 0) * changes.disorder) / 101,
          }))
          .sort((a, b) => a.at - b.at)
          .map(({ event }) => event);
        const end = { key: "z", time: 1000, partition: "0", offset: 99 };
        const whole = new Set(run([...stream, end], { ...changes, partitions: 1 }).windows);
        const windower = new Windower<Event>({ ...OPTIONS, ...changes, partitions: 1 });
        for (const event of [...stream.slice(cut % (stream.length + 1)), end]) windower.add(arrival(event), 0);
        for (const window of windower.due(0)) assert.ok(window.partial || whole.has(brief(window)), brief(window));
      }),
      { numRuns: 1000 },
    );
  });

  it("keep to the bound in bytes", () => {
    const windower = new Windower<Event>({ ...OPTIONS, maxBytes: 25 });
    for (const time of [1, 2, 3]) windower.add(arrival({ key: "a", time, partition: "0", offset: time }), 0);
    assert.deepEqual(
      windower.due(0).map(({ reason, entries }) => [reason, entries.length]),
      [["bound", 3]],
    );
    windower.add(arrival({ key: "a", time: 4, partition: "0", offset: 4 }), 0);
    windower.add(arrival({ key: "a", time: 10, partition: "0", offset: 5 }), 0);
    assert.deepEqual(
      windower.due(0).map(({ reason, entries }) => [reason, entries.length]),
      [["time", 1]],
    );
  });
});
