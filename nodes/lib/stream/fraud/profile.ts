/** Learning what a key is used to, and taking back what was learned wrongly. */
import { aged, NO_AMOUNTS, withAmount, withoutAmount } from "./amounts";
import { indexOf, UNKNOWN } from "./attempts";
import type { Attempt, KeyState, Rules, Transaction } from "./contract";
import { countOf, seen, unseen } from "./known";

export const newState = (time: number): KeyState => ({
  version: 1,
  newest: time,
  learned: 0,
  amounts: NO_AMOUNTS,
  countries: {},
  categories: {},
  attempts: [],
});

/** The profile with a transaction more; its number among the learned ones is the new state's `learned`. */
export function learn(state: KeyState, transaction: Transaction, retain: number): KeyState {
  const { time, amount, country, category, place } = transaction;
  const isNewest = place !== undefined && time >= (state.place?.[0] ?? -Infinity);
  return {
    ...state,
    learned: state.learned + 1,
    amounts: amount === undefined ? aged(state.amounts, retain) : withAmount(state.amounts, amount, retain),
    countries: country === undefined ? state.countries : seen(state.countries, country, time),
    categories: category === undefined ? state.categories : seen(state.categories, category, time),
    ...(isNewest && { place: [time, place.latitude, place.longitude] as const }),
  };
}

/** The profile without a transaction that was learned as number `learned`; where the card was before it is not known. */
function unlearn(state: KeyState, transaction: Transaction, learned: number, retain: number): KeyState {
  const { time, amount, country, category, place } = transaction;
  const { place: last, ...rest } = state;
  const isLast = last !== undefined && place !== undefined && last[0] === time;
  return {
    ...rest,
    amounts:
      amount === undefined ? state.amounts : withoutAmount(state.amounts, amount, state.learned - learned, retain),
    countries: country === undefined ? state.countries : unseen(state.countries, country),
    categories: category === undefined ? state.categories : unseen(state.categories, category),
    ...(last && !isLast && { place: last }),
  };
}

/**
 * Takes what is known afterwards: a legitimate transaction that was not learned is learned now, a fraudulent one that was
 * learned is taken out. Told twice is as told once. Of a transaction that is no longer remembered only country and category are
 * changed: added where they are unknown, forgotten where they were seen once.
 */
export function told(state: KeyState, transaction: Transaction, rules: Rules): KeyState {
  const at = indexOf(state.attempts, transaction.time, transaction.amount ?? UNKNOWN);
  const attempt = state.attempts[at];
  if (!attempt) return toldLate(state, transaction);
  const [time, amount, learned] = attempt;
  const isLegitimate = transaction.feedback === "legitimate";
  if (isLegitimate === learned > 0) return state;
  const next = isLegitimate
    ? learn(state, transaction, rules.retain)
    : unlearn(state, transaction, learned, rules.retain);
  const marked: Attempt = [time, amount, isLegitimate ? next.learned : 0];
  return { ...next, attempts: state.attempts.with(at, marked) };
}

function toldLate(state: KeyState, { time, country, category, feedback }: Transaction): KeyState {
  const change = (known: KeyState["countries"], name: string | undefined): KeyState["countries"] => {
    if (name === undefined) return known;
    const count = countOf(known, name);
    if (feedback === "legitimate") return count === 0 ? seen(known, name, time) : known;
    return count === 1 ? unseen(known, name) : known;
  };
  return { ...state, countries: change(state.countries, country), categories: change(state.categories, category) };
}
