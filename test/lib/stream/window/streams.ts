/** Streams of events, what a windower makes of them, and what it should. */
import * as fc from "fast-check";
import type { Fired } from "../../../../nodes/lib/stream/window/entry";
import { Windower } from "../../../../nodes/lib/stream/window/windower";
import type { WindowerOptions } from "../../../../nodes/lib/stream/window/windower";

export const OPTIONS: WindowerOptions = {
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
  patience: 1000,
};

export interface Event {
  key: string;
  time: number;
  partition: string;
  /** Its place in its partition. */
  offset: number;
}

export const arrival = (event: Event, origin: Event = event) => ({
  ...event,
  origin,
  bytes: 10,
  record: {
    payload: event.time,
    source: { kind: "test", topic: "t", partition: event.partition, offset: event.offset },
  },
});

/** A window in a few words that two runs must agree on. */
export const brief = ({ key, start, end, entries }: Fired<Event>): string =>
  `${key} ${start}-${end}: ${entries
    .map(({ time, record }) => {
      const { partition, offset } = record.source as Event;
      return `${time}@${partition}/${offset}`;
    })
    .join(" ")}`;

export interface Run {
  windows: string[];
  late: Event[];
  left: number;
  out: Event[];
}

/** Everything through a windower; `look` says after which records somebody asks what has fired. */
export function run(
  events: readonly Event[],
  changes: Partial<WindowerOptions>,
  look: (index: number) => boolean = () => true,
): Run {
  const windower = new Windower<Event>({ ...OPTIONS, ...changes });
  const result: Run = { windows: [], late: [], left: 0, out: [] };
  const take = (): void => {
    // By turns of three: what is left must come in the next.
    for (let turn = windower.due(0, 3); turn.length > 0; turn = windower.due(0, 3))
      for (const window of turn) {
        result.windows.push(brief(window));
        windower.sent(window, (entry) => result.out.push(entry.origin));
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
export function oracle(events: readonly Event[], { size, hop, offset, disorder, partitions }: WindowerOptions) {
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

export const events = fc
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

export const shape = fc
  .record({
    hops: fc.integer({ min: 1, max: 4 }),
    hop: fc.integer({ min: 1, max: 12 }),
    cut: fc.integer({ min: 0, max: 11 }),
    offset: fc.integer({ min: -20, max: 20 }),
    disorder: fc.integer({ min: 0, max: 15 }),
    partitions: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ hops, hop, cut, ...rest }) => ({ ...rest, hop, size: Math.max(hop, hops * hop - cut) }));
