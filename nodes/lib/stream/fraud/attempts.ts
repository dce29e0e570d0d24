/** The attempts of a key that sliding windows see: all of them, learned or not, in the order of event time. */
import type { Attempt, Velocity } from "./contract";

/** Stands for an amount that is not known. */
export const UNKNOWN = -1;

/** Where attempts later than `time` begin. */
function after(attempts: readonly Attempt[], time: number): number {
  let at = attempts.length;
  while (at > 0 && (attempts[at - 1] as Attempt)[0] > time) at--;
  return at;
}

/**
 * The attempts with one more at its place, and without those that are `memory` ms older than the newest or too many; the
 * same list where that leaves out the new one itself.
 */
export function withAttempt(
  attempts: readonly Attempt[],
  attempt: Attempt,
  most: number,
  memory: number,
): readonly Attempt[] {
  const place = after(attempts, attempt[0]);
  const newest = Math.max(attempt[0], attempts.at(-1)?.[0] ?? -Infinity);
  if (attempt[0] <= newest - memory || (place === 0 && attempts.length >= most)) return attempts;
  const all = attempts.toSpliced(place, 0, attempt);
  const old = Math.max(after(all, newest - memory), all.length - most);
  return old > 0 ? all.slice(old) : all;
}

/**
 * Number or sum of the attempts at or before `time`, and less than the window's length before it, with one of `amount`
 * at `time` that is not among them.
 */
export function within(attempts: readonly Attempt[], velocity: Velocity, time: number, amount: number): number {
  const from = time - velocity.seconds * 1000;
  const counts = velocity.measure === "count";
  let total = counts ? 1 : Math.max(0, amount);
  for (let at = after(attempts, time) - 1; at >= 0; at--) {
    const [when, paid] = attempts[at] as Attempt;
    if (when <= from) break;
    total += counts ? 1 : Math.max(0, paid);
  }
  return total;
}

/** Number of attempts with a known amount up to `small` at or before `time`, and less than `seconds` before it. */
export function smallOnes(attempts: readonly Attempt[], small: number, seconds: number, time: number): number {
  let count = 0;
  for (let at = after(attempts, time) - 1; at >= 0; at--) {
    const [when, paid] = attempts[at] as Attempt;
    if (when <= time - seconds * 1000) break;
    if (paid !== UNKNOWN && paid <= small) count++;
  }
  return count;
}

/** The attempt that feedback is about: of this time and amount; −1 when it is not remembered. */
export const indexOf = (attempts: readonly Attempt[], time: number, amount: number): number =>
  attempts.findLastIndex(([when, paid]) => when === time && paid === amount);
