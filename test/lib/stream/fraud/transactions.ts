/** Transactions and rules for tests. */
import * as fc from "fast-check";
import { fraudAdvance } from "../../../../nodes/lib/stream/fraud/advance";
import type { KeyState, Rules, Transaction, Verdict } from "../../../../nodes/lib/stream/fraud/contract";

/** All rules on, with small numbers, so that each speaks often. */
export const RULES: Rules = {
  velocity: [
    { measure: "count", seconds: 10, limit: 2, points: 1 },
    { measure: "sum", seconds: 30, limit: 100, points: 2 },
  ],
  travel: { speed: 900, distance: 50, points: 4 },
  amount: { z: 2, warmUp: 3, floor: 5, points: 8 },
  country: { warmUp: 3, familiar: 2, points: 16 },
  category: { warmUp: 3, familiar: 1, points: 32 },
  testing: { small: 2, count: 2, seconds: 20, large: 30, points: 64 },
  unratedPoints: 128,
  challengeFrom: 20,
  blockFrom: 60,
  learn: "challenge",
  retain: 0.9,
  attempts: 30,
  memory: 60_000,
};

/** Nothing but the rules that are named. */
export const only = (rules: Partial<Rules>): Rules => ({
  velocity: [],
  unratedPoints: 0,
  challengeFrom: 40,
  blockFrom: 80,
  learn: "pass",
  retain: 0.98,
  attempts: 64,
  memory: 86_400_000,
  ...rules,
});

export interface Judge {
  (transaction: Transaction): Verdict | undefined;
  readonly state: KeyState | undefined;
}

/** Judges transactions of one key, one after the other. */
export function judge(rules: Rules, from?: KeyState): Judge {
  const advance = fraudAdvance(rules);
  let state = from;
  const next = (transaction: Transaction): Verdict | undefined => {
    const step = advance(state, { payload: transaction });
    state = step.state;
    return step.result;
  };
  return Object.defineProperty(next, "state", { get: () => state }) as Judge;
}

export const rulesIn = (verdict: Verdict | undefined): string[] => verdict?.reasons.map(({ rule }) => rule) ?? [];

/** Times close together and not always in order; places of two cities; feedback now and then. */
export const transaction: fc.Arbitrary<Transaction> = fc
  .tuple(
    fc.record(
      {
        time: fc.integer({ min: 0, max: 200 }).map((seconds) => 1_700_000_000_000 + seconds * 1000),
        amount: fc.integer({ min: 0, max: 8000 }).map((cents) => cents / 100),
        country: fc.constantFrom("KR", "JP", "US", "__proto__"),
        category: fc.constantFrom("5411", "4111", "constructor"),
        place: fc.constantFrom({ latitude: 37.5, longitude: 127 }, { latitude: 35.7, longitude: 139.7 }),
      },
      { requiredKeys: ["time", "amount"] },
    ),
    fc.constantFrom(undefined, undefined, undefined, "legitimate" as const, "fraud" as const),
  )
  .map(([made, feedback]) => (feedback ? { ...made, feedback } : made));

export const transactions = fc.array(transaction, { maxLength: 80 });
