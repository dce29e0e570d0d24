/** Which of the records that a flow made of one source record this one is. */

/** How many (offset, token) pairs are remembered: more than a source's span and what sinks may hold. */
const REMEMBERED = 200_000;

/** Records that one part of a split may become. */
const MOST_SIBLINGS = 4096;

/**
 * Numbers the records that a flow made of one source record, in the order in which they reach a directory. A record
 * that comes again carries another delivery token, so its siblings are counted anew and meet their own numbers.
 */
export class Siblings {
  // two halves, the older one dropped at once: taking single entries off a large map's front is slow
  private recent = new Map<string, number>();
  private earlier: ReadonlyMap<string, number> = new Map();

  /**
   * @param part the piece's own number, when the flow's split left one
   * @returns the piece: 0 for the only record, or the first, that was made of its source record
   */
  next(place: string, offset: number, token: string, part = 0): number {
    const key = `${offset} ${part} ${token} ${place}`;
    const count = this.recent.get(key) ?? this.earlier.get(key) ?? 0;
    this.recent.set(key, count + 1);
    if (this.recent.size >= REMEMBERED / 2) {
      this.earlier = this.recent;
      this.recent = new Map();
    }
    return part * MOST_SIBLINGS + count;
  }
}
