/** One sequence of positions that should keep a step: the times of one key, or the offsets of one partition. */
import { Runs, type Gap, type Seen } from "./runs";

export interface SequenceReport {
  readonly rows: number;
  /** Smallest and largest position; absent when there was none. */
  readonly first?: number;
  readonly last?: number;
  readonly gaps: number;
  /** Positions missing in all gaps. */
  readonly missing: number;
  readonly longest?: Gap;
  /** Neighbours that are too close to each other for the interval, in pairs. */
  readonly tooClose: number;
  readonly duplicates: number;
  /** Came after a larger position; and by how much at most. */
  readonly outOfOrder: number;
  readonly furthest: number;
  /** Came so late that nobody could tell any more whether they are duplicates; `beyond` of them could not fill a gap either. */
  readonly undecided: number;
  readonly beyond: number;
}

export interface SequenceOptions {
  readonly step: number;
  readonly tolerance: number;
  /** Most runs that are remembered. */
  readonly limit: number;
  /** Told of gaps that are given up for want of room: they can't be filled any more. */
  readonly forgotten: (gap: Gap) => void;
}

export class Sequence {
  readonly #runs: Runs;
  #rows = 0;
  #first = Infinity;
  #duplicates = 0;
  #outOfOrder = 0;
  #furthest = 0;
  #gaps = 0;
  #missing = 0;
  #longest: Gap | undefined;

  constructor(options: SequenceOptions) {
    this.#runs = new Runs({
      ...options,
      forgotten: (gap) => {
        this.#gaps++;
        this.#missing += gap.missing;
        this.#longest = longer(this.#longest, gap);
        options.forgotten(gap);
      },
    });
  }

  add(position: number): Seen {
    this.#rows++;
    if (position < this.#first) this.#first = position;
    const behind = this.#runs.last - position;
    if (behind > 0) {
      this.#outOfOrder++;
      if (behind > this.#furthest) this.#furthest = behind;
    }
    const seen = this.#runs.add(position);
    if (seen === "duplicate") this.#duplicates++;
    return seen;
  }

  /** The gaps that can still be filled, in order. */
  gaps(): Iterable<Gap> {
    return this.#runs.gaps();
  }

  report(): SequenceReport {
    let [gaps, missing, longest] = [this.#gaps, this.#missing, this.#longest];
    for (const gap of this.#runs.gaps()) {
      gaps++;
      missing += gap.missing;
      longest = longer(longest, gap);
    }
    return {
      rows: this.#rows,
      ...(this.#rows > 0 ? { first: this.#first, last: this.#runs.last } : {}),
      gaps,
      missing,
      ...(longest ? { longest } : {}),
      tooClose: this.#runs.close,
      duplicates: this.#duplicates,
      outOfOrder: this.#outOfOrder,
      furthest: this.#furthest,
      undecided: this.#runs.unknown,
      beyond: this.#runs.beyond,
    };
  }
}

const longer = (one: Gap | undefined, other: Gap): Gap =>
  one && one.to - one.from >= other.to - other.from ? one : other;
