import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Scheduler, type Arrival, type SchedulerOptions } from "../../../../nodes/lib/stream/priority/scheduler";

const OPTIONS: SchedulerOptions = {
  classes: [
    { from: 0, share: 1 },
    { from: 1, share: 2 },
    { from: 5, share: 4 },
  ],
  between: "strict",
  ageing: 0,
  lift: 1,
  fair: false,
  keepOrder: false,
};
const scheduler = (changes: Partial<SchedulerOptions> = {}) => new Scheduler<number>({ ...OPTIONS, ...changes });
const arrival = (value: number, changes: Partial<Arrival<number>> = {}): Arrival<number> => ({
  value,
  key: "a",
  priority: 0,
  arrived: value,
  deadline: Infinity,
  ...changes,
});
const levelOf = (priority: number): number => (priority >= 5 ? 2 : priority >= 1 ? 1 : 0);
const drain = (from: Scheduler<number>, now = 1e6): number[] => {
  const all: number[] = [];
  for (let one = from.take(now); one; one = from.take(now)) all.push(one.value);
  return all;
};

/** Something that happens: a record comes, one is taken, or time passes. */
const happening = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("add" as const),
      key: fc.constantFrom("a", "b", "c"),
      priority: fc.constantFrom(-1, 0, 1, 4, 5, 100),
      patience: fc.constantFrom(Infinity, Infinity, 50, 200),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("take" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(300) }) },
);

describe("the scheduler of priorities", () => {
  it("takes the highest class first, and within a class whoever came first", () => {
    const one = scheduler();
    [0, 5, 1, 0, 7, -3].forEach((priority, value) => one.add(arrival(value, { priority })));
    assert.deepEqual(drain(one), [1, 4, 2, 0, 3, 5]);
    assert.equal(one.waiting, 0);
    assert.equal(one.take(0), undefined);
  });

  it("agrees with a search through everything that waits, by class, age and deadline", () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 120 }), fc.constantFrom(0, 100), (happenings, ageing) => {
        const one = scheduler({ ageing });
        let waiting: Arrival<number>[] = [];
        let now = 0;
        let number = 0;
        const oldestFirst = (a: Arrival<number>, b: Arrival<number>) => a.arrived - b.arrived || a.value - b.value;
        const expected = (): Arrival<number> | undefined => {
          const classes = [0, 1, 2].map((level) => waiting.filter(({ priority }) => levelOf(priority) === level));
          const urgency = classes.map((all, level) => {
            const [oldest] = [...all].sort(oldestFirst);
            if (!oldest) return -Infinity;
            return ageing > 0 ? level * ageing + now - oldest.arrived : level;
          });
          const all = classes[urgency.lastIndexOf(Math.max(...urgency))] ?? [];
          const [oldest] = [...all].sort(oldestFirst);
          if (ageing > 0 && oldest && now - oldest.arrived >= ageing) return oldest;
          const by = (value: number) => (Number.isFinite(value) ? value : Number.MAX_VALUE);
          return [...all].sort((a, b) => by(a.deadline) - by(b.deadline) || a.value - b.value)[0];
        };
        for (const each of happenings) {
          if (each.kind === "wait") now += each.ms;
          else if (each.kind === "add") {
            const { key, priority, patience } = each;
            const added = { value: number++, key, priority, arrived: now, deadline: now + patience };
            waiting.push(added);
            one.add(added);
          } else {
            const next = expected();
            assert.deepEqual(one.take(now), next);
            waiting = waiting.filter((other) => other !== next);
          }
          assert.equal(one.waiting, waiting.length);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("lets nothing starve: under endless urgent records an ordinary one waits for no more than its classes' ageing", () => {
    const one = scheduler({ ageing: 1000 });
    one.add(arrival(-1, { arrived: 0 }));
    let left: number | undefined;
    for (let now = 0; left === undefined && now < 10_000; now += 10) {
      one.add(arrival(now, { priority: 9, arrived: now }));
      if (one.take(now)?.value === -1) left = now;
    }
    assert.equal(left, 2010);
  });

  it("starves the ordinary without ageing, as strict says", () => {
    const one = scheduler();
    one.add(arrival(-1));
    for (let now = 0; now < 10_000; now += 10) {
      one.add(arrival(now, { priority: 9 }));
      assert.notEqual(one.take(now)?.value, -1);
    }
  });

  it("gives classes their shares while they wait, and none a claim on what it missed", () => {
    const one = scheduler({ between: "weighted" });
    for (let value = 0; value < 3000; value++) one.add(arrival(value, { priority: [0, 1, 5][value % 3] as number }));
    const taken = [0, 0, 0];
    for (let n = 0; n < 700; n++) taken[(one.take(0)?.value ?? 0) % 3]!++;
    assert.deepEqual(taken, [100, 200, 400]);
    const late = scheduler({ between: "weighted" });
    for (let value = 0; value < 100; value++) late.add(arrival(value));
    for (let n = 0; n < 50; n++) late.take(0);
    for (let value = 100; value < 200; value++) late.add(arrival(value, { priority: 5 }));
    const ordinary = Array.from({ length: 50 }, () => late.take(0)?.value ?? 0).filter((value) => value < 100).length;
    assert.ok(ordinary >= 9 && ordinary <= 11, `${ordinary} of 50 at a share of a fifth`);
  });

  it("lets keys take turns: one that floods its class delays the others by one record", () => {
    const one = scheduler({ fair: true });
    for (let value = 0; value < 1000; value++) one.add(arrival(value, { key: "flood" }));
    for (let n = 0; n < 10; n++) one.take(0);
    for (let value = 1000; value < 1005; value++) one.add(arrival(value, { key: "quiet" }));
    const next = Array.from({ length: 10 }, () => one.take(0)?.value ?? 0);
    const quiet = next.map((value) => value >= 1000);
    for (let at = 1; at < quiet.length; at++) assert.notEqual(quiet[at], quiet[at - 1], next.join());
  });

  it("serves keys equally while they wait, whatever came before", () => {
    const keys = fc.constantFrom("a", "b", "c");
    fc.assert(
      fc.property(fc.array(keys, { maxLength: 60 }), fc.nat(30), fc.array(keys), (before, takes, then) => {
        const one = scheduler({ fair: true });
        const all = [...before, ...then];
        const wait = { a: 0, b: 0, c: 0 } as Record<string, number>;
        const add = (key: string, value: number) => {
          one.add(arrival(value, { key }));
          wait[key]!++;
        };
        before.forEach(add);
        for (let n = 0; n < takes; n++) {
          const taken = one.take(0);
          if (taken) wait[taken.key]!--;
        }
        then.forEach((key, at) => add(key, before.length + at));
        const served = { a: 0, b: 0, c: 0 } as Record<string, number>;
        for (let taken = one.take(0); taken; taken = one.take(0)) {
          assert.equal(all[taken.value], taken.key);
          served[taken.key]!++;
          wait[taken.key]!--;
          const both = Object.keys(wait).filter((key) => wait[key]! > 0);
          for (const x of both) for (const y of both) assert.ok(served[x]! - served[y]! <= 2, JSON.stringify(served));
        }
      }),
    );
  });

  it("keeps the order of a key, one at a time, and pulls those along that stand before an urgent one", () => {
    const one = scheduler({ keepOrder: true });
    one.add(arrival(0, { key: "a" }));
    one.add(arrival(1, { key: "b", priority: 1 }));
    one.add(arrival(2, { key: "a", priority: 5 }));
    assert.equal(one.take(0)?.value, 0);
    assert.equal(one.take(0)?.value, 1);
    assert.equal(one.take(0), undefined);
    assert.equal(one.waiting, 1);
    one.finished("a");
    assert.equal(one.take(0)?.value, 2);
    one.finished("a");
    one.finished("b");
    assert.equal(one.take(0), undefined);
  });

  it("keeps the order of each key whatever happens, and loses none", () => {
    fc.assert(
      fc.property(
        fc.array(happening, { maxLength: 150 }),
        fc.boolean(),
        fc.constantFrom(0, 100),
        (all, fair, ageing) => {
          const one = scheduler({ keepOrder: true, fair, ageing });
          const last: Record<string, number> = {};
          const busy: string[] = [];
          let now = 0;
          let number = 0;
          let left = 0;
          const took = (taken: Arrival<number> | undefined) => {
            if (!taken) return;
            assert.ok(!busy.includes(taken.key), "its key is busy");
            assert.ok(taken.value > (last[taken.key] ?? -1), "out of order");
            last[taken.key] = taken.value;
            busy.push(taken.key);
            left++;
          };
          for (const each of all) {
            if (each.kind === "wait") {
              now += each.ms;
              left += one.expired(now).length;
              const key = busy.shift();
              if (key !== undefined) one.finished(key);
            } else if (each.kind === "add")
              one.add({ ...each, value: number++, arrived: now, deadline: now + each.patience });
            else took(one.take(now));
            assert.equal(one.waiting, number - left);
            assert.equal(
              one.report().reduce((sum, { waiting }) => sum + waiting, 0),
              number - left,
            );
          }
          while (one.waiting > 0) {
            for (const key of busy.splice(0)) one.finished(key);
            took(one.take(now));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("takes away what waits beyond its deadline, and nothing else", () => {
    for (const keepOrder of [false, true]) {
      const one = scheduler({ keepOrder });
      for (let value = 0; value < 100; value++)
        one.add(arrival(value, { key: `k${value % 7}`, deadline: value % 3 === 0 ? value + 10 : Infinity }));
      const gone = one.expired(70).map(({ value }) => value);
      assert.deepEqual(
        gone.sort((a, b) => a - b),
        Array.from({ length: 61 }, (_, value) => value).filter((value) => value % 3 === 0),
      );
      assert.equal(one.waiting, 100 - gone.length);
    }
  });

  it("keeps urgent records fast in an endless overload, and gives what has waited its part of the turns", () => {
    const one = scheduler({ ageing: 1000, lift: 0.25 });
    let number = 0;
    const waits = [0, 1, 2].map(() => [] as number[]);
    const gaps = [0, 0, 0];
    const last = [0, 0, 0];
    // A turn every 10 ms; each class alone could fill 60 % of them, the urgent one 20 %.
    for (let now = 0; now < 60_000; now += 10) {
      if (now % 50 === 0) one.add(arrival(number++, { priority: 9, arrived: now }));
      if (now % 20 !== 0) one.add(arrival(number++, { priority: 1, arrived: now }));
      if (now % 20 !== 0) one.add(arrival(number++, { priority: 0, arrived: now }));
      const taken = one.take(now);
      if (!taken) continue;
      const level = levelOf(taken.priority);
      waits[level]?.push(now - taken.arrived);
      gaps[level] = Math.max(gaps[level] as number, now - (last[level] as number));
      last[level] = now;
    }
    assert.ok(Math.max(...(waits[2] ?? [])) <= 30, `urgent waited ${Math.max(...(waits[2] ?? []))} ms`);
    // Longer than its ageing none of its records leaves, and then for no longer than its part of the turns takes.
    assert.ok((gaps[0] as number) <= 2000 + 4 * 2 * 10, `the lowest class stood for ${gaps[0]} ms`);
    assert.ok((gaps[1] as number) <= 1000, `the middle class stood for ${gaps[1]} ms`);
    assert.ok((waits[0]?.length ?? 0) > 0.05 * 6000, `${waits[0]?.length} of the lowest left`);
  });

  it("gives every lifted turn to something at least as urgent as what stands, whatever comes, so that nothing starves", () => {
    const rates = fc.record({
      urgent: fc.double({ min: 0.2, max: 1.5, noNaN: true }),
      middle: fc.double({ min: 0.2, max: 1.5, noNaN: true }),
      lowest: fc.double({ min: 0.2, max: 1.5, noNaN: true }),
      lift: fc.constantFrom(0.1, 0.25, 0.5, 1),
    });
    fc.assert(
      fc.property(rates, ({ urgent, middle, lowest, lift }) => {
        const ageing = 300;
        const one = scheduler({ ageing, lift });
        const owed = [0, 0, 0];
        /** Arrivals of what waits, by class. */
        const waiting: number[][] = [[], [], []];
        /** Turns that others had while a class stood, and how many of them were more urgent than its oldest. */
        const turns = [0, 0, 0];
        const overtaken = [0, 0, 0];
        let number = 0;
        for (let now = 0; now < 8000; now += 10) {
          [lowest, middle, urgent].forEach((rate, level) => {
            for (owed[level]! += rate; owed[level]! >= 1; owed[level]!--) {
              one.add(arrival(number++, { priority: [0, 1, 5][level] as number, arrived: now }));
              waiting[level]!.push(now);
            }
          });
          const taken = one.take(now);
          if (!taken) continue;
          const of = levelOf(taken.priority);
          assert.equal(waiting[of]!.shift(), taken.arrived);
          turns[of] = overtaken[of] = 0;
          for (const level of [0, 1, 2]) {
            const oldest = waiting[level]![0];
            if (level === of || oldest === undefined) continue;
            turns[level]!++;
            if (taken.arrived <= oldest + (of - level) * ageing) overtaken[level]!++;
            // What is more urgent is a finite number of records: those that came less than the ageing between the classes later.
            if (now - oldest >= 2 * ageing)
              assert.ok(
                overtaken[level]! >= Math.floor(turns[level]! * lift) - 1,
                `class ${level}: ${overtaken[level]} of ${turns[level]} turns went to what is more urgent`,
              );
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("lets no weighted class that waits stand for longer than one round of the shares", () => {
    const rates = fc.tuple(...[0, 1, 2].map(() => fc.double({ min: 0.2, max: 1.5, noNaN: true })));
    fc.assert(
      fc.property(rates, fc.constantFrom(0.1, 0.5, 1), (given, lift) => {
        const one = scheduler({ ageing: 300, lift, between: "weighted" });
        const owed = [0, 0, 0];
        const waiting = [0, 0, 0];
        const turns = [0, 0, 0];
        let number = 0;
        for (let now = 0; now < 8000; now += 10) {
          given.forEach((rate, level) => {
            for (owed[level]! += rate; owed[level]! >= 1; owed[level]!--) {
              one.add(arrival(number++, { priority: [0, 1, 5][level] as number, arrived: now }));
              waiting[level]!++;
            }
          });
          const taken = one.take(now);
          if (!taken) continue;
          const of = levelOf(taken.priority);
          waiting[of]!--;
          for (const level of [0, 1, 2]) turns[level] = level === of || waiting[level] === 0 ? 0 : turns[level]! + 1;
          OPTIONS.classes.forEach(({ share }, level) =>
            assert.ok(turns[level]! <= Math.ceil(7 / share) + 2, `class ${level} stood for ${turns[level]} turns`),
          );
        }
      }),
      { numRuns: 60 },
    );
  });

  it("gives weighted classes their shares within a few per cent, for any shares, keys and bursts", () => {
    const shares = fc.tuple(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 20 }),
    );
    fc.assert(
      fc.property(shares, fc.boolean(), (given, fair) => {
        const classes = OPTIONS.classes.map(({ from }, level) => ({ from, share: given[level] as number }));
        const one = scheduler({ classes, between: "weighted", fair });
        for (let value = 0; value < 30_000; value++)
          one.add(arrival(value, { priority: [0, 1, 5][value % 3] as number, key: `k${value % 11}` }));
        const taken = [0, 0, 0];
        for (let n = 0; n < 9000; n++) taken[levelOf(one.take(0)?.priority ?? 0)]!++;
        const sum = given.reduce((a, b) => a + b);
        taken.forEach((count, level) => {
          const wanted = (9000 * (given[level] as number)) / sum;
          assert.ok(Math.abs(count - wanted) <= Math.max(2, wanted * 0.03), `${count} for ${wanted}`);
        });
      }),
      { numRuns: 20 },
    );
  });

  it("sheds the oldest of a class that is named", () => {
    const one = scheduler();
    [0, 1, 0, 5, 1].forEach((priority, value) => one.add(arrival(value, { priority })));
    assert.deepEqual(
      [one.shed(1)?.value, one.shed(1)?.value, one.shed(1)?.value, one.shed(0)?.value],
      [1, 4, undefined, 0],
    );
    assert.deepEqual([one.waitingIn(0), one.waitingIn(1), one.waitingIn(2), one.waiting], [1, 0, 1, 2]);
  });

  it("tells the next deadline", () => {
    const one = scheduler();
    assert.equal(one.nextDeadline, undefined);
    one.add(arrival(0, { deadline: 70 }));
    one.add(arrival(1, { deadline: 50 }));
    one.add(arrival(2));
    assert.equal(one.nextDeadline, 50);
    one.take(0);
    assert.equal(one.nextDeadline, 70);
  });

  it("sheds the oldest of the lowest class", () => {
    for (const keepOrder of [false, true]) {
      const one = scheduler({ keepOrder });
      [5, 1, 0, 0, 5].forEach((priority, value) => one.add(arrival(value, { priority, key: `k${value}` })));
      assert.deepEqual(
        Array.from({ length: 6 }, () => one.shed()?.value),
        [2, 3, 1, 0, 4, undefined],
      );
    }
  });

  it("has no inversion in a million that wait", function million() {
    this.timeout(120_000);
    const one = scheduler();
    const priorities = new Uint8Array(1_000_000).map((_, at) => (at * 7919) % 8);
    priorities.forEach((priority, value) => one.add(arrival(value, { priority })));
    const taken = drain(one);
    assert.equal(taken.length, priorities.length);
    let inversions = 0;
    for (let at = 1; at < taken.length; at++) {
      const [before, after] = [taken[at - 1] as number, taken[at] as number];
      const [high, low] = [levelOf(priorities[before] as number), levelOf(priorities[after] as number)];
      if (!(high > low || (high === low && before < after))) inversions++;
    }
    assert.equal(inversions, 0);
  });

  it("refuses classes that make no sense, by name", () => {
    const wrong: [SchedulerOptions["classes"], RegExp][] = [
      [[], /add at least one/],
      [[{ from: NaN, share: 1 }], /NaN is no priority/],
      [
        [
          { from: 1, share: 1 },
          { from: 1, share: 2 },
        ],
        /two begin at priority 1/,
      ],
      [[{ from: 0, share: 0 }], /share of the class from 0 is 0/],
    ];
    for (const [classes, message] of wrong) assert.throws(() => scheduler({ classes }), message);
    for (const lift of [0, -1, 1.1, NaN]) assert.throws(() => scheduler({ lift }), /must be above 0, at most 1/);
  });
});
