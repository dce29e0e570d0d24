/**
 * Memory that is used again. What waits until a file is durable outlives V8's young generation, and garbage outside of its
 * heap makes it look at the old one only when 64 MB more have come: made anew for each file, that is what a busy sink has in memory.
 */

/** Four steps between a power of two and the next: at most a quarter of what is had is not needed. */
const step = (size: number): number => 2 ** Math.max(0, Math.floor(Math.log2(size)) - 2);

/** The size, of those in use, that has room for `least`. */
export const sizeFor = (least: number, smallest: number): number => {
  const size = Math.max(least, smallest);
  return Math.ceil(size / step(size)) * step(size);
};

/** Things by their size; not all of them come back, the others are left to the collector. */
export class Spare<T> {
  private readonly bySize = new Map<number, T[]>();
  private kept = 0;

  /**
   * @param smallest size that is made
   * @param most that is kept of what came back, as the sum of sizes
   */
  constructor(
    private readonly make: (size: number) => T,
    private readonly sizeOf: (one: T) => number,
    private readonly smallest: number,
    private readonly most: number,
  ) {}

  /** One with room for `least`; what is in it is left from others. */
  take(least: number): T {
    const size = sizeFor(least, this.smallest);
    const one = this.bySize.get(size)?.pop();
    if (one === undefined) return this.make(size);
    this.kept -= size;
    return one;
  }

  /** Nobody looks into it any more. */
  give(one: T): void {
    const size = this.sizeOf(one);
    if (size !== sizeFor(size, this.smallest) || this.kept + size > this.most) return;
    const same = this.bySize.get(size);
    if (same) same.push(one);
    else this.bySize.set(size, [one]);
    this.kept += size;
  }
}
