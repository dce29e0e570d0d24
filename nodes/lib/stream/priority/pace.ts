/** A rate: so many a second, evenly, with a little to catch up on what a busy event loop has missed. No clock of its own. */

/** What may be caught up, in ms. */
const SLACK = 100;

export class Pace {
  private readonly gap: number;
  private next = -Infinity;

  /** @param perSecond above 0; Infinity is no limit */
  constructor(perSecond: number) {
    this.gap = 1000 / perSecond;
  }

  /** When the next one may go, ms on the clock of `took`. */
  get due(): number {
    return this.next;
  }

  /** So many have gone at this time, ms. */
  took(now: number, count = 1): void {
    this.next = Math.max(this.next, now - SLACK) + this.gap * count;
  }
}
