import assert from "node:assert/strict";
import * as fc from "fast-check";
import { InMemoryState } from "../../../../nodes/lib/state/in-memory";
import { fraudAdvance } from "../../../../nodes/lib/stream/fraud/advance";
import type { KeyState, Transaction } from "../../../../nodes/lib/stream/fraud/contract";
import { LONGEST_NAME, MOST_KNOWN } from "../../../../nodes/lib/stream/fraud/known";
import { judge, only, RULES, rulesIn, transaction, transactions } from "./transactions";

const T = 1_700_000_000_000;
const copy = <V>(value: V): V => (value === undefined ? value : (JSON.parse(JSON.stringify(value)) as V));

describe("the fraud rules by key", () => {
  it("count as a naive search of all attempts does, in order or not", () => {
    const row = fc.record({
      measure: fc.constantFrom("count" as const, "sum" as const),
      seconds: fc.integer({ min: 1, max: 60 }),
      limit: fc.integer({ min: 0, max: 60 }),
      points: fc.constant(1),
    });
    const rows = fc.array(row, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(rows, transactions, (velocity, list) => {
        const next = judge(only({ velocity, attempts: 100, memory: 1e9 }));
        const before: Transaction[] = [];
        for (const one of list.filter(({ feedback }) => !feedback)) {
          const wanted = velocity.flatMap(({ measure, seconds, limit }) => {
            const seen = before.filter(({ time }) => time <= one.time && time > one.time - seconds * 1000);
            const total =
              measure === "count"
                ? seen.length + 1
                : seen.reduce((sum, { amount }) => sum + (amount ?? 0), one.amount ?? 0);
            return total > limit + 1e-9 ? [`velocity ${measure}`] : [];
          });
          // Sums of cents differ by rounding at the limit itself.
          const isAtLimit = velocity.some(({ measure, limit, seconds }) => {
            const seen = before.filter(({ time }) => time <= one.time && time > one.time - seconds * 1000);
            const sum = seen.reduce((all, { amount }) => all + (amount ?? 0), one.amount ?? 0);
            return measure === "sum" && Math.abs(sum - limit) < 1e-6;
          });
          const found = rulesIn(next(one));
          if (!isAtLimit) assert.deepEqual(found, wanted);
          before.push(one);
        }
      }),
    );
  });

  it("judge a key alike however other keys come between", () => {
    const keyed = fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), transaction), { maxLength: 90 });
    fc.assert(
      fc.property(keyed, (list) => {
        const together = new InMemoryState(fraudAdvance(RULES), 10);
        const apart = new Map(["a", "b", "c"].map((key) => [key, judge(RULES)]));
        for (const [key, one] of list) assert.deepEqual(together.take(key, { payload: one }), apart.get(key)?.(one));
      }),
    );
  });

  it("go on alike from a state that went through JSON, and never change the state that they are given", () => {
    fc.assert(
      fc.property(transactions, (list) => {
        const straight = judge(RULES);
        let state: KeyState | undefined;
        for (const one of list) {
          const wanted = straight(one);
          const given = copy(state);
          const { state: after, result } = fraudAdvance(RULES)(state, { payload: one });
          assert.deepEqual(state, given);
          assert.deepEqual(result, wanted);
          state = copy(after);
          assert.deepEqual(state, copy(straight.state));
        }
      }),
    );
  });

  it("keep a bounded state, whatever comes", () => {
    const wild = fc.record({
      time: fc.integer({ min: T, max: T + 1e9 }),
      amount: fc.double({ min: 0, max: 1e15, noNaN: true }),
      country: fc.string({ minLength: 1, maxLength: LONGEST_NAME }),
      category: fc.string({ minLength: 1, maxLength: LONGEST_NAME }),
    });
    fc.assert(
      fc.property(fc.array(wild, { maxLength: 150 }), (list) => {
        const next = judge({ ...RULES, memory: 1e12, learn: "block" });
        list.forEach(next);
        const { state } = next;
        if (!state) return;
        assert.ok(state.attempts.length <= RULES.attempts);
        assert.ok(Object.keys(state.countries).length <= MOST_KNOWN);
        assert.ok(Object.keys(state.categories).length <= MOST_KNOWN);
        const name = LONGEST_NAME * 6 + 40;
        assert.ok(JSON.stringify(state).length < 1000 + RULES.attempts * 60 + 2 * MOST_KNOWN * name);
      }),
    );
  });

  it("learn nothing of late transactions, but count them in windows", () => {
    const next = judge(only({ velocity: [{ measure: "count", seconds: 60, limit: 2, points: 50 }] }));
    next({ time: T, amount: 10, country: "KR" });
    next({ time: T + 50_000, amount: 10, country: "KR" });
    const { amounts, countries, place, learned, newest } = next.state as KeyState;
    assert.equal(
      next({ time: T + 20_000, amount: 900, country: "US", place: { latitude: 1, longitude: 2 } }),
      undefined,
    );
    assert.deepEqual(
      { ...next.state, attempts: [] },
      {
        version: 1,
        newest,
        learned,
        amounts,
        countries,
        categories: {},
        attempts: [],
        ...(place && { place }),
      },
    );
    assert.equal(next({ time: T + 55_000, amount: 10 })?.reasons[0]?.evidence["count"], 4);
  });

  it("refuse a state of a version that they do not know, and say what to do", () => {
    const foreign = { version: 2 } as unknown as KeyState;
    assert.throws(() => judge(RULES, foreign)({ time: T, amount: 1 }), /version 2.*update the pack/u);
  });
});

describe("each fraud rule", () => {
  const seoul = { latitude: 37.5665, longitude: 126.978 };
  const tokyo = { latitude: 35.6762, longitude: 139.6503 };

  it("of travel speaks where the distance cannot be made in the time, also backwards and in no time", () => {
    const travel = { speed: 900, distance: 100, points: 60 };
    const next = judge(only({ travel }));
    next({ time: T, amount: 1, place: seoul });
    assert.equal(
      next({ time: T + 90 * 60_000, amount: 1, place: tokyo }),
      undefined,
      "1149 km in 90 minutes is a flight",
    );
    const back = next({ time: T + 150 * 60_000, amount: 1, place: seoul });
    assert.deepEqual(back?.reasons, [
      {
        rule: "impossible travel",
        points: 60,
        evidence: { km: 1149, seconds: 3600, speed: 1149, limit: 900 },
      },
    ]);
    assert.deepEqual(rulesIn(next({ time: T + 60 * 60_000, amount: 1, place: seoul })), ["impossible travel"]);
    const atOnce = next({ time: T + 90 * 60_000, amount: 1, place: seoul });
    assert.equal("speed" in (atOnce?.reasons[0]?.evidence ?? {}), false);
    assert.equal(next({ time: T + 90 * 60_000, amount: 1, place: { latitude: 36.2, longitude: 139.6 } }), undefined);
  });

  it("of amounts speaks after the warm-up, from the floor, above the customer's own mean", () => {
    const amount = { z: 3, warmUp: 5, floor: 100, points: 50 };
    const next = judge(only({ amount }));
    for (let n = 0; n < 4; n++) next({ time: T + n, amount: 20 + n });
    assert.equal(next({ time: T + 10, amount: 22 }), undefined);
    assert.equal(next({ time: T + 20, amount: 99 }), undefined, "below the floor");
    const { state } = next;
    assert.deepEqual(rulesIn(next({ time: T + 30, amount: 900 })), ["unusual amount"]);
    assert.deepEqual(next.state?.amounts, state?.amounts, "what was challenged is not learned");
    const rich = judge(only({ amount }));
    for (let n = 0; n < 10; n++) rich({ time: T + n, amount: 500 + 100 * n });
    assert.equal(rich({ time: T + 30, amount: 900 }), undefined);
  });

  it("of amounts takes no offence at a first, or at what is usual", () => {
    const next = judge(only({ amount: { z: 3, warmUp: 2, floor: 0, points: 50 } }));
    for (let n = 0; n < 40; n++) assert.equal(next({ time: T + n, amount: 9.99 }), undefined);
    assert.equal(next({ time: T + 50, amount: 12 }), undefined);
  });

  it("of countries and categories speaks until they are familiar", () => {
    const country = { warmUp: 2, familiar: 2, points: 5 };
    const next = judge(only({ country, category: { warmUp: 2, familiar: 1, points: 3 } }));
    const pay = (time: number, where: string, what: string) =>
      rulesIn(next({ time: T + time, amount: 1, country: where, category: what }));
    assert.deepEqual(pay(1, "KR", "food"), []);
    assert.deepEqual(pay(2, "KR", "food"), []);
    assert.deepEqual(pay(3, "JP", "fuel"), ["new country", "new category"]);
    assert.deepEqual(pay(4, "JP", "fuel"), ["new country"]);
    assert.deepEqual(pay(5, "JP", "fuel"), []);
  });

  it("of card testing speaks at the large amount after small ones, blocked or not", () => {
    const testing = { small: 2, count: 3, seconds: 600, large: 100, points: 80 };
    const velocity = [{ measure: "count" as const, seconds: 60, limit: 0, points: 80 }];
    const next = judge(only({ testing, velocity, learn: "block" }));
    for (let n = 0; n < 3; n++) assert.equal(next({ time: T + n * 100_000, amount: 1 })?.action, "block");
    assert.deepEqual(rulesIn(next({ time: T + 400_000, amount: 99 })), ["velocity count"]);
    assert.deepEqual(rulesIn(next({ time: T + 500_000, amount: 300 })), ["velocity count", "card testing"]);
    assert.deepEqual(rulesIn(next({ time: T + 700_000, amount: 300 })), ["velocity count"], "one is out of the time");
  });

  it("of the night speaks by the hours of a time zone, also over midnight", () => {
    const night = { from: 22, to: 5, hourAt: (time: number) => new Date(time).getUTCHours(), points: 10 };
    const at = (hour: number) => rulesIn(judge(only({ night }))({ time: Date.UTC(2026, 0, 1, hour), amount: 1 }));
    assert.deepEqual([at(21), at(22), at(4), at(5)], [[], ["night"], ["night"], []]);
  });

  it("of lists decides alone: deny blocks, allow passes and is learned", () => {
    const next = judge(only({ velocity: [{ measure: "count", seconds: 60, limit: 0, points: 90 }] }));
    const denied = next({ time: T, amount: 1, country: "KR", listed: { list: "deny", value: "m-1" } });
    assert.deepEqual([denied?.action, denied?.score, rulesIn(denied)], ["block", 80, ["deny list"]]);
    assert.equal(next.state?.learned, 0);
    const allowed = next({ time: T + 1, amount: 1, country: "KR", listed: { list: "allow", value: "m-2" } });
    assert.deepEqual([allowed?.action, allowed?.score, rulesIn(allowed)], ["pass", 0, ["allow list"]]);
    assert.deepEqual(next.state?.countries, { KR: [1, T + 1] });
  });

  it("of currencies speaks where the amount has no rate, and no other judges it", () => {
    const next = judge({ ...RULES, blockFrom: 1000, challengeFrom: 1000 });
    assert.deepEqual(rulesIn(next({ time: T, unratedCurrency: "XAU" })), ["unknown currency"]);
    assert.deepEqual(next.state?.amounts, [0, 0, 0, 0, 0]);
  });
});
