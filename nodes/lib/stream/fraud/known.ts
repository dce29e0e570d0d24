/** The countries and categories that a key is known by: counted, bounded, the longest unseen makes room. */
import type { Known } from "./contract";

/** Most values that are kept of a key. */
export const MOST_KNOWN = 32;
/** Longer texts are no names of countries or categories; what is kept of them is bounded. */
export const LONGEST_NAME = 64;

/** How often a name was learned. */
export const countOf = (known: Known, name: string): number =>
  Object.hasOwn(known, name) ? (known[name]?.[0] ?? 0) : 0;

/** With `name` seen once more at `time`. */
export function seen(known: Known, name: string, time: number): Known {
  const before = Object.hasOwn(known, name) ? known[name] : undefined;
  const next = { ...known, [name]: [(before?.[0] ?? 0) + 1, Math.max(time, before?.[1] ?? time)] as const };
  const names = Object.keys(next);
  if (names.length <= MOST_KNOWN) return next;
  // Of equally old ones the first by name, so that no order of insertion counts.
  const oldest = names
    .filter((one) => one !== name)
    .sort((a, b) => (next[a]?.[1] ?? 0) - (next[b]?.[1] ?? 0) || (a < b ? -1 : 1))[0];
  return without(next, oldest as string);
}

/** With `name` seen once less. */
export function unseen(known: Known, name: string): Known {
  const before = Object.hasOwn(known, name) ? known[name] : undefined;
  if (!before) return known;
  return before[0] > 1 ? { ...known, [name]: [before[0] - 1, before[1]] } : without(known, name);
}

const without = (known: Known, name: string): Known =>
  Object.fromEntries(Object.entries(known).filter(([one]) => one !== name));
