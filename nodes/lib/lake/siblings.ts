/** Which of the records that a flow made of one source record this one is. */

/** How many (offset, token) pairs are remembered: more than a source's span and what sinks may hold. */
const REMEMBERED = 200_000;

/** Records that one part of a split may become. */
const MOST_SIBLINGS = 4096;

/** Of one source record, mostly the only one. No text is made of it: that was a tenth of what a record costs. */
interface Seen {
  readonly token: string;
  readonly part: number;
  count: number;
  readonly other: Seen | undefined;
}

type Offsets = Map<string, Map<number, Seen>>;

/**
 * Numbers the records that a flow made of one source record, in the order in which they reach a directory. A record
 * that comes again carries another delivery token, so its siblings are counted anew and meet their own numbers.
 */
export class Siblings {
  // two halves, the older one dropped at once: taking single entries off a large map's front is slow
  private recent: Offsets = new Map();
  private earlier: Offsets = new Map();
  private size = 0;

  /** @param remembered pairs of offset and token, at most */
  constructor(private readonly remembered = REMEMBERED) {}

  /**
   * @param part the piece's own number, when the flow's split left one
   * @returns the piece: 0 for the only record, or the first, that was made of its source record
   */
  next(place: string, offset: number, token: string, part = 0): number {
    let offsets = this.recent.get(place);
    if (!offsets) this.recent.set(place, (offsets = new Map()));
    const other = offsets.get(offset);
    let seen = find(other, token, part);
    if (!seen) {
      const count = find(this.earlier.get(place)?.get(offset), token, part)?.count ?? 0;
      seen = { token, part, count, other };
      offsets.set(offset, seen);
      if (++this.size >= this.remembered / 2) {
        this.earlier = this.recent;
        this.recent = new Map();
        this.size = 0;
      }
    }
    return part * MOST_SIBLINGS + seen.count++;
  }
}

function find(seen: Seen | undefined, token: string, part: number): Seen | undefined {
  let one = seen;
  while (one && (one.token !== token || one.part !== part)) one = one.other;
  return one;
}
