/**
 * Things in the order of their coming, each leaving when it will. A Set of what comes and goes by thousands makes a new
 * table again and again, and each old table, long since in V8's old space, carries what it held there as well: measured as
 * 700 bytes a record that only a full collection freed.
 */
export interface Linked<T> {
  older: T | undefined;
  newer: T | undefined;
}

export class Chain<T extends Linked<T>> {
  size = 0;
  oldest: T | undefined;
  private newest: T | undefined;

  add(one: T): void {
    one.older = this.newest;
    if (this.newest === undefined) this.oldest = one;
    else this.newest.newer = one;
    this.newest = one;
    this.size += 1;
  }

  /** Takes out one that is in it. */
  remove(one: T): void {
    const { older, newer } = one;
    if (older === undefined) this.oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.newest = older;
    else newer.older = older;
    one.older = one.newer = undefined;
    this.size -= 1;
  }

  /** From the oldest on, as they are now: leaving on the way changes nothing. */
  *[Symbol.iterator](): Generator<T> {
    const all: T[] = [];
    for (let one = this.oldest; one !== undefined; one = one.newer) all.push(one);
    yield* all;
  }
}
