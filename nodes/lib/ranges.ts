/** Whole numbers kept as ranges: offsets and positions mostly follow each other, so a file's ten thousand take two numbers. */

/** Ascending numbers, by their position. */
export interface Ascending {
  offset(at: number): number;
}

/** A set of whole numbers, sorted. */
export class Ranges {
  /** Of so many numbers. */
  size = 0;
  private readonly firsts: number[] = [];
  private readonly lasts: number[] = [];

  /** The smallest; Infinity where there is none. */
  get first(): number {
    return this.firsts[0] ?? Infinity;
  }

  /** The largest; −1 where there is none. */
  get last(): number {
    return this.lasts[this.lasts.length - 1] ?? -1;
  }

  /** The ranges in order, both ends included. */
  *entries(): Generator<[first: number, last: number]> {
    for (const [at, first] of this.firsts.entries()) yield [first, this.lasts[at] ?? first];
  }

  /** All numbers in order. */
  *numbers(): Generator<number> {
    for (const [first, last] of this.entries()) for (let one = first; one <= last; one++) yield one;
  }

  has(number: number): boolean {
    const { firsts } = this;
    if (number > this.last || number < this.first) return false;
    if (number >= firsts[firsts.length - 1]!) return true;
    return firsts[this.search(number)]! <= number;
  }

  add(number: number): void {
    const { firsts, lasts } = this;
    const end = lasts.length - 1;
    if (end >= 0 && number <= lasts[end]!) {
      this.insert(number);
      return;
    }
    this.size++;
    if (end >= 0 && number === lasts[end]! + 1) lasts[end] = number;
    else {
      firsts.push(number);
      lasts.push(number);
    }
  }

  /** Adds those at the positions from…to−1, at least one: in one go where they follow each other behind all others. */
  addAll(numbers: Ascending, from: number, to: number): void {
    const [first, last] = [numbers.offset(from), numbers.offset(to - 1)];
    if (first <= this.last || last - first !== to - 1 - from) {
      for (let at = from; at < to; at++) this.add(numbers.offset(at));
      return;
    }
    this.add(first);
    this.size += last - first;
    this.lasts[this.lasts.length - 1] = last;
  }

  /** Adds one that is not behind all others. */
  private insert(number: number): void {
    const { firsts, lasts } = this;
    const at = this.search(number);
    if (firsts[at]! <= number) return;
    this.size++;
    const joinsBefore = at > 0 && lasts[at - 1] === number - 1;
    if (firsts[at] === number + 1) {
      firsts[at] = number;
      if (!joinsBefore) return;
      firsts[at] = firsts[at - 1]!;
      firsts.splice(at - 1, 1);
      lasts.splice(at - 1, 1);
    } else if (joinsBefore) lasts[at - 1] = number;
    else {
      firsts.splice(at, 0, number);
      lasts.splice(at, 0, number);
    }
  }

  /** The first range that does not end before `number`, which is not behind all of them. */
  private search(number: number): number {
    const { lasts } = this;
    let [low, high] = [0, lasts.length - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (lasts[middle]! < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
