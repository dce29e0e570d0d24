import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { KeyState, Transaction } from "../../../../nodes/lib/stream/fraud/contract";
import { judge, only, RULES, rulesIn, transactions } from "./transactions";

const T = 1_700_000_000_000;
const close = (a: readonly number[], b: readonly number[]): void =>
  a.forEach((value, index) => assert.ok(Math.abs(value - (b[index] ?? NaN)) < 1e-6, `${a} and ${b}`));

describe("feedback on transactions", () => {
  it("that were fraud leaves the amounts as if they had never been learned but for the age of the others", () => {
    const amounts = fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(amounts, fc.nat(), (list, pick) => {
        const at = pick % list.length;
        const rules = only({ retain: 1 });
        const [all, others] = [judge(rules), judge(rules)];
        list.forEach((cents, n) => {
          all({ time: T + n, amount: cents / 100, country: `c${cents % 3}` });
          if (n !== at) others({ time: T + n, amount: cents / 100, country: `c${cents % 3}` });
        });
        const cents = list[at] as number;
        all({ time: T + at, amount: cents / 100, country: `c${cents % 3}`, feedback: "fraud" });
        close((all.state as KeyState).amounts, others.state?.amounts ?? [0, 0, 0, 0, 0]);
        const counts = (state: KeyState | undefined) =>
          Object.entries(state?.countries ?? {})
            .map(([name, [count]]) => `${name} ${count}`)
            .sort();
        assert.deepEqual(counts(all.state), counts(others.state));
      }),
    );
  });

  it("told twice is as told once, and fraud after legitimate takes back what was learned", () => {
    fc.assert(
      fc.property(transactions, fc.nat(), (list, pick) => {
        const next = judge(RULES);
        const plain = list.filter(({ feedback }) => !feedback);
        plain.forEach(next);
        const one = plain[pick % plain.length];
        if (!one) return;
        for (const feedback of ["fraud", "legitimate", "fraud"] as const) {
          assert.equal(next({ ...one, feedback }), undefined);
          const once = next.state;
          next({ ...one, feedback });
          assert.deepEqual(next.state, once);
        }
      }),
    );
  });

  it("that were legitimate makes a challenged country and place the customer's own", () => {
    const rules = only({
      country: { warmUp: 2, familiar: 1, points: 50 },
      travel: { speed: 900, distance: 100, points: 60 },
    });
    const next = judge(rules);
    const home = { latitude: 37.5665, longitude: 126.978 };
    const away = { latitude: 35.6762, longitude: 139.6503 };
    for (const n of [0, 1]) next({ time: T + n, amount: 5, country: "KR", place: home });
    const abroad: Transaction = { time: T + 7_200_000, amount: 40, country: "JP", place: away };
    assert.equal(next(abroad)?.action, "challenge");
    next({ ...abroad, feedback: "legitimate" });
    assert.equal(next({ ...abroad, time: T + 7_300_000 }), undefined);
    assert.deepEqual(rulesIn(next({ time: T + 7_400_000, amount: 5, country: "KR", place: home })), [
      "impossible travel",
    ]);
  });

  it("that were fraud forgets the place and the country that were learned of it", () => {
    const next = judge(only({ country: { warmUp: 1, familiar: 1, points: 10 } }));
    const place = { latitude: 1, longitude: 1 };
    next({ time: T, amount: 5, country: "KR" });
    const thief: Transaction = { time: T + 5, amount: 6, country: "US", place };
    assert.deepEqual(rulesIn(next(thief)), ["new country"]);
    assert.deepEqual(next.state?.place, [T + 5, 1, 1]);
    next({ ...thief, feedback: "fraud" });
    assert.equal(next.state?.place, undefined);
    assert.deepEqual(rulesIn(next({ ...thief, time: T + 6 })), ["new country"]);
  });

  it("that are no longer remembered changes only country and category", () => {
    const next = judge(only({ memory: 1000 }));
    next({ time: T, amount: 5, country: "US", category: "games" });
    next({ time: T + 5000, amount: 5, country: "KR" });
    const { amounts } = next.state as KeyState;
    next({ time: T, amount: 5, country: "US", category: "games", feedback: "fraud" });
    assert.deepEqual([Object.keys(next.state?.countries ?? {}), next.state?.categories], [["KR"], {}]);
    next({ time: T, amount: 5, country: "JP", feedback: "legitimate" });
    next({ time: T, amount: 5, country: "JP", feedback: "legitimate" });
    assert.deepEqual(next.state?.countries["JP"], [1, T]);
    assert.deepEqual(next.state?.amounts, amounts);
  });
});
