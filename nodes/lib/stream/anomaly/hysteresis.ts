/** From scores to a state that does not flap. */

export type AlarmState = "normal" | "suspect" | "alarm";

/** How a row stands; kept only while it is not normal. */
export interface Alarm {
  readonly state: "suspect" | "alarm";
  /** Readings in a row at or above the threshold, until the alarm. */
  readonly count: number;
  /** Event time of the first of them, ms. */
  readonly since: number;
}

export interface Hysteresis {
  /** Readings in a row that raise, at least 1. */
  readonly readings: number;
  /** And how long they must last, ms of event time. */
  readonly lasting: number;
}

/**
 * The next state. A score of 1 or more makes a reading suspect, and an alarm when enough of them follow each other; a
 * lower one ends the suspicion. An alarm ends at a score of `clear` or less; between `clear` and 1 nothing changes.
 *
 * @returns undefined when normal
 */
export function nextAlarm(
  alarm: Alarm | undefined,
  { score, clear }: { readonly score: number; readonly clear: number },
  time: number,
  { readings, lasting }: Hysteresis,
): Alarm | undefined {
  if (alarm?.state === "alarm") return score <= clear && score < 1 ? undefined : alarm;
  if (score < 1) return undefined;
  const count = (alarm?.count ?? 0) + 1;
  const since = alarm?.since ?? time;
  return { state: count >= readings && time - since >= lasting ? "alarm" : "suspect", count, since };
}
