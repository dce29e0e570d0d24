import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Windower } from "../../../../nodes/lib/stream/window/windower";
import { OPTIONS, arrival, brief, events, run, type Event } from "./streams";

const END: Event = { key: "z", time: 1000, partition: "0", offset: 99 };
const sessions = (gap: number, disorder = 0) => ({ by: "session" as const, size: gap, hop: gap, disorder });
const delays = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 40, maxLength: 40 });
/** The events as they come when each is delayed by less than the disorder. */
const shuffled = (list: readonly Event[], noise: readonly number[], disorder: number): Event[] =>
  list
    .map((event, index) => ({
      event: { ...event, partition: "0" },
      at: event.time + ((noise[index] ?? 0) * disorder) / 101,
    }))
    .sort((a, b) => a.at - b.at)
    .map(({ event }) => event);

/** Each key's records in the order of time, cut where they are further apart than the gap. */
const byDefinition = (list: readonly Event[], gap: number): string[] =>
  [...new Set(list.map(({ key }) => key))].flatMap((key) => {
    const ordered = list.filter((event) => event.key === key).sort((a, b) => a.time - b.time || a.offset - b.offset);
    const parts: Event[][] = [];
    for (const event of ordered) {
      const last = parts.at(-1);
      if (last && event.time - (last.at(-1) as Event).time <= gap) last.push(event);
      else parts.push([event]);
    }
    return parts.map((part) => {
      const [start, end] = [(part[0] as Event).time, (part.at(-1) as Event).time + gap];
      return `${key} ${start}-${end}: ${part.map(({ time, offset }) => `${time}@0/${offset}`).join(" ")}`;
    });
  });

describe("session windows", () => {
  it("are a key's records with no longer gap between them, in whatever order they came", () => {
    fc.assert(
      fc.property(events, fc.integer({ min: 1, max: 15 }), fc.nat(15), delays, (list, gap, disorder, noise) => {
        const stream = shuffled(list, noise, disorder);
        const found = run([...stream, END], sessions(gap, disorder));
        assert.deepEqual(found.late, []);
        assert.deepEqual(found.windows.toSorted(), byDefinition(stream, gap).toSorted());
      }),
      { numRuns: 2000 },
    );
  });

  it("do not depend on when somebody asks what has fired", () => {
    fc.assert(
      fc.property(events, fc.integer({ min: 1, max: 15 }), fc.infiniteStream(fc.boolean()), (list, gap, looks) => {
        const always = run([...list, END], sessions(gap));
        const sometimes = run([...list, END], sessions(gap), () => looks.next().value ?? true);
        assert.deepEqual(sometimes.windows.toSorted(), always.windows.toSorted());
        assert.deepEqual(sometimes.late, always.late);
      }),
      { numRuns: 1000 },
    );
  });

  it("let go of each record exactly once: with its window, or late, or still held", () => {
    fc.assert(
      fc.property(events, fc.integer({ min: 1, max: 15 }), fc.nat(15), (list, gap, disorder) => {
        const found = run(list, { ...sessions(gap, disorder), maxRecords: 5 });
        const gone = [...found.out, ...found.late];
        assert.equal(new Set(gone).size, gone.length);
        assert.equal(gone.length + found.left, list.length);
      }),
      { numRuns: 1000 },
    );
  });

  it("become one when a record closes the gap between them", () => {
    const list = [0, 20, 10].map((time, offset) => ({ key: "a", time, partition: "0", offset }));
    assert.deepEqual(run([...list, END], sessions(10, 15)).windows, ["a 0-30: 0@0/0 10@0/2 20@0/1"]);
  });

  it("take a record at their very end, whatever came at that moment before", () => {
    const list = ["a", "b", "a"].map((key, offset) => ({
      key,
      time: [0, 10, 10][offset] ?? 0,
      partition: "0",
      offset,
    }));
    assert.deepEqual(run([...list, END], sessions(10)).windows, ["a 0-20: 0@0/0 10@0/2", "b 10-20: 10@0/1"]);
  });

  it("take no record once they are over: it is late, or begins a session of its own", () => {
    const windower = new Windower<Event>({ ...OPTIONS, ...sessions(10, 5) });
    const put = (time: number, key = "a") => windower.add(arrival({ key, time, partition: "0", offset: time }), 0);
    put(0);
    put(16, "b");
    // The watermark is 11 and the session of 0 over, although nobody has come for it.
    assert.equal(put(1), "held");
    assert.equal(put(0, "c"), "late");
    put(40, "b");
    assert.deepEqual(windower.due(0).map(brief), ["a 0-10: 0@0/0", "a 1-11: 1@0/1", "b 16-26: 16@0/16"]);
  });

  it("that failed are sent again as they were, although a later one touches them", () => {
    const windower = new Windower<Event>({ ...OPTIONS, ...sessions(10, 5) });
    const put = (time: number) => windower.add(arrival({ key: "a", time, partition: "0", offset: time }), 0);
    const take = () =>
      windower.due(0).map((window) => {
        windower.sent(window, () => undefined);
        return brief(window);
      });
    for (const time of [0, 3, 20]) put(time);
    assert.deepEqual(take(), ["a 0-13: 0@0/0 3@0/3"]);
    assert.equal(put(12), "held");
    assert.deepEqual([put(3), put(0)], ["again", "again"]);
    assert.deepEqual(take(), ["a 0-13: 0@0/0 3@0/3"]);
    put(50);
    assert.deepEqual(take(), ["a 12-30: 12@0/12 20@0/20"]);
  });

  it("lack nothing when they are not partial, wherever a stream is cut that keeps to its disorder", () => {
    fc.assert(
      fc.property(
        events,
        fc.integer({ min: 1, max: 15 }),
        fc.nat(15),
        delays,
        fc.nat(),
        (list, gap, disorder, noise, cut) => {
          const stream = shuffled(list, noise, disorder);
          const whole = new Set(run([...stream, END], sessions(gap, disorder)).windows);
          const windower = new Windower<Event>({ ...OPTIONS, ...sessions(gap, disorder) });
          for (const event of [...stream.slice(cut % (stream.length + 1)), END]) windower.add(arrival(event), 0);
          for (const window of windower.due(0)) assert.ok(window.partial || whole.has(brief(window)), brief(window));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("all leave when the stream falls silent, and are over then", () => {
    const windower = new Windower<Event>({ ...OPTIONS, ...sessions(10), silence: 100 });
    const put = (time: number, now: number) =>
      windower.add(arrival({ key: "a", time, partition: "0", offset: time }), now);
    put(0, 0);
    put(30, 5);
    assert.equal(windower.due(50).length, 1);
    assert.equal(windower.nextDue, 105);
    const [window] = windower.due(105);
    assert.equal(window && brief(window), "a 30-40: 30@0/30");
    assert.equal(put(25, 110), "late");
    assert.equal(put(41, 110), "held");
  });
});
