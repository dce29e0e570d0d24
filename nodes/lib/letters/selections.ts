/** Letters that somebody was told the number of: what is done to them later is done to these, whatever came meanwhile. */
import { randomUUID } from "node:crypto";
import type { LetterSummary } from "./store";

export interface Selections {
  /** Keeps letters under a name. */
  keep(letters: readonly LetterSummary[]): string;
  /** Takes them back, once; undefined when they are not known any more. */
  take(name: string): readonly LetterSummary[] | undefined;
}

/** How many are kept, and how long, in ms: as long as a question may stay open. */
const MOST = 5;
const KEPT = 15 * 60_000;

export function selections(): Selections {
  const kept = new Map<string, { readonly letters: readonly LetterSummary[]; readonly timer: NodeJS.Timeout }>();
  const take = (name: string): readonly LetterSummary[] | undefined => {
    const found = kept.get(name);
    kept.delete(name);
    clearTimeout(found?.timer);
    return found?.letters;
  };
  return {
    keep(letters) {
      const [oldest] = kept.keys();
      if (oldest !== undefined && kept.size >= MOST) take(oldest);
      const name = randomUUID();
      kept.set(name, { letters, timer: setTimeout(() => kept.delete(name), KEPT).unref() });
      return name;
    },
    take,
  };
}

/** Whether a letter is still what it was: one that was edited, or has failed again, is another. */
export const isUnchanged = (before: LetterSummary, now: LetterSummary): boolean =>
  before === now || JSON.stringify(before) === JSON.stringify(now);
