import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Fired } from "../../../../nodes/lib/stream/window/entry";
import { windowStarts } from "../../../../nodes/lib/stream/window/time-windows";
import { Windower, sent } from "../../../../nodes/lib/stream/window/windower";
import type { WindowerOptions } from "../../../../nodes/lib/stream/window/windower";

const OPTIONS: WindowerOptions = {
  by: "event",
  size: 10,
  hop: 10,
  offset: 0,
  disorder: 0,
  idle: 0,
  partitions: 1,
  silence: 0,
  maxRecords: 1e6,
  maxBytes: 1e9,
};

interface Event {
  key: string;
  time: number;
  partition: string;
  /** Its place in its partition. */
  offset: number;
}

const arrival = (event: Event, origin: Event = event) => ({
  ...event,
  origin,
  bytes: 10,
  record: {
    payload: event.time,
    source: { kind: "test", topic: "t", partition: event.partition, offset: event.offset },
  },
});

/** A window in a few words that two runs must agree on. */
const brief = ({ key, start, end, entries }: Fired<Event>): string =>
  `${key} ${start}-${end}: ${entries.map(({ origin }) => `${origin.time}@${origin.partition}/${origin.offset}`).join(" ")}`;

interface Run {
  windows: string[];
  late: Event[];
  left: number;
  out: Event[];
}

/** Everything through a windower; `look` says after which records somebody asks what has fired. */
function run(
  events: readonly Event[],
  changes: Partial<WindowerOptions>,
  look: (index: number) => boolean = () => true,
): Run {
  const windower = new Windower<Event>({ ...OPTIONS, ...changes });
  const result: Run = { windows: [], late: [], left: 0, out: [] };
  const take = (): void => {
    for (const window of windower.due(0)) {
      result.windows.push(brief(window));
      sent(window, (entry) => result.out.push(entry.origin));
    }
  };
  events.forEach((event, index) => {
    if (windower.add(arrival(event), 0) === "late") result.late.push(event);
    if (look(index)) take();
  });
  take();
  result.left = windower.records;
  return result;
}

/** The same by definition: each record's watermark computed anew, each window filtered out of all records. */
function oracle(events: readonly Event[], { size, hop, offset, disorder, partitions }: WindowerOptions) {
  const watermarkBefore = (count: number): number => {
    let highest = -Infinity;
    for (let n = 1; n <= count; n++) {
      const seen = events.slice(0, n);
      const names = [...new Set(seen.map((event) => event.partition))];
      if (names.length < partitions) continue;
      const lowest = Math.min(
        ...names.map((name) => Math.max(...seen.filter((e) => e.partition === name).map((e) => e.time))),
      );
      highest = Math.max(highest, lowest - disorder);
    }
    return highest;
  };
  const final = watermarkBefore(events.length);
  const late: Event[] = [];
  const windows = new Map<string, { key: string; start: number; members: Event[] }>();
  events.forEach((event, index) => {
    const over = watermarkBefore(index);
    let held = false;
    for (let k = Math.floor((event.time - size - offset) / hop); k <= (event.time - offset) / hop; k++) {
      const start = k * hop + offset;
      if (event.time < start || event.time >= start + size || start + size <= over) continue;
      held = true;
      const id = `${event.key} ${start}`;
      if (!windows.has(id)) windows.set(id, { key: event.key, start, members: [] });
      windows.get(id)?.members.push(event);
    }
    if (!held) late.push(event);
  });
  const fired = [...windows.values()].filter(({ start }) => start + size <= final);
  return {
    late,
    windows: fired.map(({ key, start, members }) => {
      const ordered = [...members].sort(
        (a, b) =>
          a.time - b.time ||
          (a.partition < b.partition ? -1 : a.partition > b.partition ? 1 : 0) ||
          a.offset - b.offset,
      );
      return `${key} ${start}-${start + size}: ${ordered.map((e) => `${e.time}@${e.partition}/${e.offset}`).join(" ")}`;
    }),
  };
}

const events = fc
  .array(
    fc.record({
      key: fc.constantFrom("a", "b", "c"),
      time: fc.integer({ min: -40, max: 60 }),
      partition: fc.constantFrom("0", "1", "2"),
    }),
    {
      maxLength: 40,
    },
  )
  .map((list) => list.map((event, offset) => ({ ...event, offset })));

const shape = fc
  .record({
    hops: fc.integer({ min: 1, max: 4 }),
    hop: fc.integer({ min: 1, max: 12 }),
    cut: fc.integer({ min: 0, max: 11 }),
    offset: fc.integer({ min: -20, max: 20 }),
    disorder: fc.integer({ min: 0, max: 15 }),
    partitions: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ hops, hop, cut, ...rest }) => ({ ...rest, hop, size: Math.max(hop, hops * hop - cut) }));

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
            sent(window, (entry) => out.push(entry.origin));
          }
        }
        assert.equal(out.length + late + windower.records, list.length);
        assert.ok(windower.bytes === windower.records * 10);
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
              sent(window, (entry) => out.push(entry.time));
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
