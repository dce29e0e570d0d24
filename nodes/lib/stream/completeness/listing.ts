/** How many there were, and the first of them. */
export interface Listing<T> {
  readonly count: number;
  readonly listed: readonly T[];
}

/** Counts without end and keeps the first. */
export class Listed<T> implements Listing<T> {
  count = 0;
  readonly listed: T[] = [];

  constructor(private readonly most: number) {}

  add(item: T): void {
    this.count++;
    if (this.listed.length < this.most) this.listed.push(item);
  }
}
