/**
 * Which positions of a steady sequence have come: times that keep an interval, or offsets. What keeps the step is kept as
 * a run, its two ends, whatever its length; so memory grows with the irregularities, not with what was seen.
 *
 * **Exact in any order**, duplicates and gaps, as long as there are no more runs than `limit`. Beyond it the oldest half
 * loses its inner places: where the gaps are stays known, but of a position that comes among them later nobody can tell
 * whether it is a duplicate (`unknown`). With more gaps than the limit the oldest gaps are told to `forgotten` and counted, and
 * what comes that late can't fill them any more (`beyond`).
 */

export interface RunOptions {
  /** Distance of neighbours, above 0. */
  readonly step: number;
  /** A distance up to step + tolerance is no gap, one below step − tolerance is too close. */
  readonly tolerance: number;
  /** Most runs, at least 4; each takes 17 bytes. */
  readonly limit: number;
  /** Told of gaps that are given up, in order. */
  readonly forgotten?: (gap: Gap) => void;
}

/** Two neighbours that are too far apart. */
export interface Gap {
  /** The last position before it and the first one after it; both have come. */
  readonly from: number;
  readonly to: number;
  /** Positions that are missing between them, at least 1. */
  readonly missing: number;
}

/** What a position is: not seen before, seen before, or nobody can tell any more. */
export type Seen = "new" | "duplicate" | "unknown";

const FIRST_ROOM = 64;

export class Runs {
  #from = new Float64Array(FIRST_ROOM);
  #to = new Float64Array(FIRST_ROOM);
  /** 1: positions inside are not known, only that no two neighbours are too far apart. */
  #coarse = new Uint8Array(FIRST_ROOM);
  #count = 0;
  /** Everything up to here is forgotten. */
  #horizon = -Infinity;
  #close = 0;
  /** Positions of which nobody could tell whether they were duplicates. */
  unknown = 0;
  /** Those of them that came too late even to fill a gap. */
  beyond = 0;

  constructor(private readonly options: RunOptions) {
    if (!(options.step > 0) || !(options.tolerance >= 0) || options.limit < 4)
      throw new RangeError("runs: bad options");
  }

  /** How many runs there are now. */
  get size(): number {
    return this.#count;
  }

  /** The largest position, −Infinity when none came. */
  get last(): number {
    return this.#count > 0 ? (this.#to[this.#count - 1] as number) : this.#horizon;
  }

  add(position: number): Seen {
    const at = this.#count - 1;
    if (at >= 0) {
      const last = this.#to[at] as number;
      if (position === last + this.options.step && this.#coarse[at] === 0) {
        this.#to[at] = position;
        return "new";
      }
      if (position <= last) return this.#late(position);
    } else if (position <= this.#horizon) return this.#late(position);
    this.#insert(this.#count, position, position);
    this.#bound();
    return "new";
  }

  /** The gaps that can still be filled, in order; those told to `forgotten` lie before them. */
  *gaps(): Generator<Gap> {
    let before = this.#horizon;
    for (let at = 0; at < this.#count; at++) {
      const gap = this.#gap(before, this.#from[at] as number);
      if (gap) yield gap;
      before = this.#to[at] as number;
    }
  }

  /** Neighbours that are nearer to each other than step − tolerance. */
  get close(): number {
    let close = this.#close;
    let before = this.#horizon;
    for (let at = 0; at < this.#count; at++) {
      if (this.#isClose(before, this.#from[at] as number)) close++;
      before = this.#to[at] as number;
    }
    return close;
  }

  #isClose(before: number, after: number): boolean {
    return after - before < this.options.step - this.options.tolerance;
  }

  #gap(from: number, to: number): Gap | undefined {
    const { step, tolerance } = this.options;
    const distance = to - from;
    if (from === -Infinity || distance <= step + tolerance) return undefined;
    return { from, to, missing: Math.max(1, Math.round(distance / step) - 1) };
  }

  /** A position that is not behind all others. */
  #late(position: number): Seen {
    if (position < this.#horizon) {
      this.unknown++;
      this.beyond++;
      return "unknown";
    }
    if (position === this.#horizon) return "duplicate";
    const at = this.#below(position);
    if (at >= 0 && position <= (this.#to[at] as number)) return this.#inside(at, position);
    const { step } = this.options;
    const joinsBelow = at >= 0 && this.#coarse[at] === 0 && position === (this.#to[at] as number) + step;
    const joinsAbove = this.#coarse[at + 1] === 0 && position === (this.#from[at + 1] as number) - step;
    if (joinsBelow && joinsAbove) {
      this.#to[at] = this.#to[at + 1] as number;
      this.#remove(at + 1);
    } else if (joinsBelow) this.#to[at] = position;
    else if (joinsAbove) this.#from[at + 1] = position;
    else {
      this.#insert(at + 1, position, position);
      this.#bound();
    }
    return "new";
  }

  #inside(at: number, position: number): Seen {
    const [from, to] = [this.#from[at] as number, this.#to[at] as number];
    if (position === from || position === to) return "duplicate";
    if (this.#coarse[at] === 1) {
      this.unknown++;
      return "unknown";
    }
    const { step } = this.options;
    const steps = Math.floor((position - from) / step);
    if (from + steps * step === position) return "duplicate";
    this.#to[at] = from + steps * step;
    this.#insert(at + 1, from + (steps + 1) * step, to);
    this.#insert(at + 1, position, position);
    this.#bound();
    return "new";
  }

  /** The last run that begins at the position or before it, or -1. */
  #below(position: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#from[middle] as number) <= position) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #insert(at: number, from: number, to: number): void {
    if (this.#count === this.#from.length) this.#grow();
    if (at < this.#count) {
      this.#from.copyWithin(at + 1, at, this.#count);
      this.#to.copyWithin(at + 1, at, this.#count);
      this.#coarse.copyWithin(at + 1, at, this.#count);
    }
    this.#from[at] = from;
    this.#to[at] = to;
    this.#coarse[at] = 0;
    this.#count++;
  }

  #remove(at: number): void {
    this.#from.copyWithin(at, at + 1, this.#count);
    this.#to.copyWithin(at, at + 1, this.#count);
    this.#coarse.copyWithin(at, at + 1, this.#count);
    this.#count--;
  }

  #grow(): void {
    const room = this.#from.length * 2;
    const [from, to, coarse] = [new Float64Array(room), new Float64Array(room), new Uint8Array(room)];
    from.set(this.#from);
    to.set(this.#to);
    coarse.set(this.#coarse);
    [this.#from, this.#to, this.#coarse] = [from, to, coarse];
  }

  /** Beyond the limit the older half is chained over distances that are no gaps; if that is not enough, the oldest are given up. */
  #bound(): void {
    if (this.#count <= this.options.limit) return;
    const half = this.#count >>> 1;
    let kept = 0;
    for (let at = 1; at < half; at++) {
      const [from, to] = [this.#from[at] as number, this.#to[at] as number];
      if (this.#gap(this.#to[kept] as number, from) === undefined) {
        if (this.#isClose(this.#to[kept] as number, from)) this.#close++;
        this.#to[kept] = to;
        this.#coarse[kept] = 1;
      } else {
        kept++;
        this.#from[kept] = from;
        this.#to[kept] = to;
        this.#coarse[kept] = this.#coarse[at] as number;
      }
    }
    this.#drop(kept + 1, half);
    if (this.#count <= (this.options.limit * 3) >>> 2) return;
    const given = this.#count >>> 2;
    for (let at = 0; at < given; at++) {
      const gap = this.#gap(this.#horizon, this.#from[at] as number);
      if (gap) this.options.forgotten?.(gap);
      else if (this.#isClose(this.#horizon, this.#from[at] as number)) this.#close++;
      this.#horizon = this.#to[at] as number;
    }
    this.#drop(0, given);
  }

  /** Takes out the runs from `first` up to `next`. */
  #drop(first: number, next: number): void {
    this.#from.copyWithin(first, next, this.#count);
    this.#to.copyWithin(first, next, this.#count);
    this.#coarse.copyWithin(first, next, this.#count);
    this.#count -= next - first;
  }
}
