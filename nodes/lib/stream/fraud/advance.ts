/**
 * The fraud rules as a step of a key's state: a transaction is judged by what came before it, then remembered.
 *
 * Event time counts. A transaction is late when its key has a newer attempt. It is judged by what is known: windows end
 * at its own time and see the attempts at or before it, travel is from the newest learned place over the time between
 * the two, everything else as ever. It is remembered as an attempt at its place in time, so that windows count it,
 * but it is not learned: what the customer is used to depends on the order, and must not be moved by what is over.
 */
import { Rejected } from "../../errors";
import type { Advance } from "../../state/port";
import { UNKNOWN, withAttempt } from "./attempts";
import {
  ACTIONS,
  type Action,
  type KeyState,
  type Listed,
  type Reason,
  type Rules,
  type Transaction,
  type Verdict,
} from "./contract";
import { learn, newState, told } from "./profile";
import { reasonsFor } from "./rules";

/**
 * @returns steps for records whose payload is a Transaction; a pass without any reason has no result, nor has feedback.
 * They throw Rejected for a state of a later version.
 */
export function fraudAdvance(rules: Rules): Advance<KeyState, Verdict> {
  const gravest = ACTIONS.indexOf(rules.learn);
  return (kept, record) => {
    const transaction = record.payload as Transaction;
    if (kept && kept.version !== 1)
      throw new Rejected(
        `what is kept of this key is of version ${String(kept.version)}, which this version of the node cannot read: update the pack, or delete the kept state`,
      );
    const state = kept ?? newState(transaction.time);
    if (transaction.feedback) return { state: told(state, transaction, rules) };

    const verdict = judge(rules, state, transaction);
    const isLate = transaction.time < state.newest;
    const isLearned = !isLate && ACTIONS.indexOf(verdict.action) <= gravest;
    const profile = isLearned ? learn(state, transaction, rules.retain) : state;
    const attempt = [transaction.time, transaction.amount ?? UNKNOWN, isLearned ? profile.learned : 0] as const;
    const next: KeyState = {
      ...profile,
      newest: isLate ? state.newest : transaction.time,
      attempts: withAttempt(state.attempts, attempt, rules.attempts, rules.memory),
    };
    return verdict.reasons.length > 0 ? { state: next, result: verdict } : { state: next };
  };
}

/** A list decides alone; otherwise the points of all rules do. */
function judge(rules: Rules, state: KeyState, transaction: Transaction): Verdict {
  if (transaction.listed) return byList(rules, transaction.listed);
  const reasons = reasonsFor(rules, state, transaction);
  const score = reasons.reduce((sum, { points }) => sum + points, 0);
  return { action: actionOf(rules, score), score, reasons };
}

function byList({ blockFrom }: Rules, { list, value }: Listed): Verdict {
  const points = list === "deny" ? blockFrom : 0;
  const reason: Reason = { rule: `${list} list`, points, evidence: { value } };
  return { action: list === "deny" ? "block" : "pass", score: points, reasons: [reason] };
}

function actionOf({ challengeFrom, blockFrom }: Rules, score: number): Action {
  if (score >= blockFrom) return "block";
  return score >= challengeFrom ? "challenge" : "pass";
}
