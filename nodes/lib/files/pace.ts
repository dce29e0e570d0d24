/** When a record of the past is due in a replay. No clock of its own. */

export interface PaceOptions {
  /** Event time runs this many times as fast as the clock. */
  readonly speedUp: number;
  /** Longest wait between two records, in ms of the clock: gaps in the data are cut to it. */
  readonly longestWait: number;
}

export class Pace {
  #anchor: { readonly time: number; readonly clock: number } | undefined;
  #last = -Infinity;

  constructor(private readonly options: PaceOptions) {}

  /**
   * How long to wait, in ms, before a record of this event time (ms since the epoch) is sent, at `now` on the clock.
   * The first record is due at once. A replay that fell behind catches up.
   */
  wait(time: number, now: number): number {
    const { speedUp, longestWait } = this.options;
    const isBack = time < this.#last;
    this.#last = time;
    if (!this.#anchor || isBack) {
      this.#anchor = { time, clock: now };
      return 0;
    }
    const due = this.#anchor.clock + (time - this.#anchor.time) / speedUp;
    if (due - now > longestWait) {
      this.#anchor = { time, clock: now + longestWait };
      return longestWait;
    }
    return Math.max(0, due - now);
  }

  /** The replay stood still on purpose: it goes on from where it is instead of catching up. */
  rest(): void {
    this.#anchor = undefined;
  }
}
