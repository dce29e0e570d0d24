/** Windows whose process ends in the middle: what was kept makes the windows that an undisturbed run makes. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Fired } from "../../../../nodes/lib/stream/window/entry";
import { Windower, type Came, type WindowerOptions } from "../../../../nodes/lib/stream/window/windower";
import { OPTIONS, arrival, brief, events, run, shape, type Event } from "./streams";

/**
 * The same events through windowers that are thrown away again and again, after each of which the next begins with what was
 * kept: the state, and the records that are in windows not sent yet. What has fired is sent by chance, one window of two.
 */
function interrupted(list: readonly Event[], options: WindowerOptions, chance: () => boolean): string[] {
  const windows: string[] = [];
  let kept: { event: Event; came: Came; left: Set<number> }[] = [];
  let windower = new Windower<Event>(options);
  const keptOf = (event: Event) => kept.find((one) => one.event === event);
  const unsent = new Set<Fired<Event>>();
  const send = (all: boolean): void => {
    for (const window of windower.due(0)) unsent.add(window);
    for (const window of unsent) {
      if (!all && chance()) continue;
      unsent.delete(window);
      windows.push(brief(window));
      for (const { origin } of window.members) keptOf(origin)?.left.add(window.start);
      windower.sent(window, ({ origin }) => (kept = kept.filter(({ event }) => event !== origin)));
    }
  };
  const restart = (): void => {
    const { state } = windower;
    unsent.clear();
    windower = new Windower<Event>(options);
    windower.restore(structuredClone(state), 0);
    for (const { event, came, left } of kept)
      assert.ok(windower.putBack(arrival(event), { ...came, ...(options.hop < options.size && { left }) }));
  };
  for (const event of list) {
    const { over } = windower;
    if (windower.add(arrival(event), 0) === "held") kept.push({ event, came: { now: 0, over }, left: new Set() });
    if (chance()) send(false);
    if (chance()) restart();
  }
  restart();
  send(true);
  return windows;
}

const kinds = fc.oneof(
  shape.map((changes) => ({ ...changes, by: "event" as const })),
  shape.map(({ disorder, partitions, size }) => ({ by: "session" as const, disorder, partitions, size, hop: size })),
  fc.integer({ min: 1, max: 5 }).map((size) => ({ by: "count" as const, size, hop: size })),
);

describe("windows put back from what was kept", () => {
  it("are those of a run that nobody disturbed, by event time, in sessions and by count", () => {
    fc.assert(
      fc.property(events, kinds, fc.infiniteStream(fc.boolean()), (list, changes, chances) => {
        const expected = run(list, changes).windows;
        const options = { ...OPTIONS, ...changes, patience: undefined };
        const found = interrupted(list, options, () => chances.next().value ?? false);
        assert.deepEqual(found.toSorted(), expected.toSorted());
      }),
      { numRuns: 2000 },
    );
  });

  it("know what they had seen: none is called partial for a restart", () => {
    const list = [0, 12, 25, 38].map((time, offset): Event => ({ key: "a", time, partition: "0", offset }));
    const windower = new Windower<Event>(OPTIONS);
    for (const event of list.slice(0, 3)) windower.add(arrival(event), 0);
    const next = new Windower<Event>(OPTIONS);
    next.restore(windower.state, 0);
    for (const event of list.slice(0, 3)) next.putBack(arrival(event), { now: 0, over: -Infinity });
    for (const event of list.slice(3)) next.add(arrival(event), 0);
    assert.deepEqual(
      next.due(0).map(({ start, partial }) => [start, partial]),
      [
        [0, true],
        [10, false],
        [20, false],
      ],
    );
  });
});
