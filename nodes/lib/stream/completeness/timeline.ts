/** What came when, in at most 1,024 buckets whose width doubles as the time that is seen grows. */

/** Counts by time. Bucket `i` begins at `from + i · width`, in ms since the epoch. */
export interface Timeline {
  readonly from: number;
  /** ms */
  readonly width: number;
  readonly rows: readonly number[];
  /** Readings that should have come and did not; estimates where gaps begin or end inside a bucket. */
  readonly absent: readonly number[];
  /** Missing values by column, in the order of the columns. */
  readonly missing: readonly (readonly number[])[];
}

const BUCKETS = 1_024;
const NARROWEST = 1_000;

export class Buckets {
  #width = NARROWEST;
  #from = NaN;
  #used = 0;
  #rows: Float64Array = new Float64Array(BUCKETS);
  #absent: Float64Array = new Float64Array(BUCKETS);
  #missing: Float64Array[] = [];
  #latest = -1;

  /** Counts a row at this time. */
  row(time: number): void {
    let at = Math.floor((time - this.#from) / this.#width);
    if (!(at >= 0 && at < BUCKETS)) at = this.#make(time, time);
    if (at >= this.#used) this.#used = at + 1;
    this.#rows[at] = (this.#rows[at] as number) + 1;
    this.#latest = at;
  }

  /** A missing value of the row counted last, which had a time. */
  missing(column: number): void {
    while (this.#missing.length <= column) this.#missing.push(new Float64Array(BUCKETS));
    const counts = this.#missing[column];
    if (counts && this.#latest >= 0) counts[this.#latest] = (counts[this.#latest] as number) + 1;
  }

  /** The readings missing between two times are spread evenly over them. */
  gap(from: number, to: number, missing: number): void {
    spread(this.#absent, this.#from, this.#width, from, to, missing);
  }

  /** @param gaps to add to those told before */
  read(columns: number, gaps: Iterable<{ from: number; to: number; missing: number }>): Timeline | undefined {
    if (this.#used === 0) return undefined;
    const absent = this.#absent.slice();
    for (const { from, to, missing } of gaps) spread(absent, this.#from, this.#width, from, to, missing);
    const used = (counts: Float64Array | undefined): number[] =>
      counts ? [...counts.subarray(0, this.#used)] : Array.from({ length: this.#used }, () => 0);
    return {
      from: this.#from,
      width: this.#width,
      rows: used(this.#rows),
      absent: used(absent),
      missing: Array.from({ length: columns }, (_, column) => used(this.#missing[column])),
    };
  }

  /** Makes room for times, which are in the buckets then; returns the bucket of the first. */
  #make(first: number, last: number): number {
    if (this.#used === 0) {
      this.#from = Math.floor(first / this.#width) * this.#width;
      return 0;
    }
    const [oldFrom, oldWidth, used] = [this.#from, this.#width, this.#used];
    const low = Math.min(first, oldFrom);
    const high = Math.max(last, oldFrom + (used - 1) * oldWidth);
    let width = oldWidth;
    while (Math.floor(high / width) - Math.floor(low / width) >= BUCKETS) width *= 2;
    const from = Math.floor(low / width) * width;
    const moved = (counts: Float64Array): Float64Array => {
      const fresh = new Float64Array(BUCKETS);
      for (let at = 0; at < used; at++) {
        const to = Math.floor((oldFrom + at * oldWidth - from) / width);
        fresh[to] = (fresh[to] as number) + (counts[at] as number);
      }
      return fresh;
    };
    this.#rows = moved(this.#rows);
    this.#absent = moved(this.#absent);
    this.#missing = this.#missing.map(moved);
    [this.#from, this.#width] = [from, width];
    this.#used = Math.floor((high - from) / width) + 1;
    return Math.floor((first - from) / width);
  }
}

function spread(counts: Float64Array, origin: number, width: number, from: number, to: number, missing: number): void {
  const first = Math.max(0, Math.floor((from - origin) / width));
  const last = Math.min(counts.length - 1, Math.floor((to - origin) / width));
  for (let at = first; at <= last; at++) {
    const begin = Math.max(from, origin + at * width);
    const end = Math.min(to, origin + (at + 1) * width);
    counts[at] = (counts[at] as number) + (missing * (end - begin)) / (to - from);
  }
}
