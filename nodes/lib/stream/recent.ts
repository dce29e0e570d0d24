/**
 * The last numbers seen of each key, for a bounded number of keys: the least recently used key makes room.
 * Rows live in typed arrays (8 bytes a number) which grow with the keys; order of use is a linked list over their slots.
 */

export class RecentRows {
  private readonly slots = new Map<string, number>();
  private keys: (string | undefined)[] = [];
  private rows: Float64Array;
  private newer: Int32Array;
  private older: Int32Array;
  private newest = -1;
  private oldest = -1;
  private used = 0;
  /** Keys that had to make room so far. */
  evicted = 0;

  /** `width` numbers for each of at most `capacity` keys. */
  constructor(
    readonly width: number,
    readonly capacity: number,
  ) {
    if (!Number.isInteger(capacity) || capacity < 1)
      throw new RangeError(`capacity must be at least 1, it is ${capacity}`);
    const start = Math.min(capacity, 1024);
    this.rows = new Float64Array(start * width);
    this.newer = new Int32Array(start);
    this.older = new Int32Array(start);
  }

  get size(): number {
    return this.slots.size;
  }

  /** All rows: that of a slot begins at `slot * width`. Valid until the next `take`. */
  get data(): Float64Array {
    return this.rows;
  }

  /** The slot of `key`, now the most recently used, or −1. */
  find(key: string): number {
    const slot = this.slots.get(key);
    if (slot === undefined) return -1;
    if (slot !== this.newest) {
      this.unlink(slot);
      this.link(slot);
    }
    return slot;
  }

  /** A slot for a key that has none; its row holds whatever was there. The least recently used key leaves if needed. */
  take(key: string): number {
    let slot = this.used;
    if (slot < this.capacity) {
      this.used++;
      this.grow();
    } else {
      slot = this.oldest;
      this.slots.delete(this.keys[slot] ?? "");
      this.unlink(slot);
      this.evicted++;
    }
    this.slots.set(key, slot);
    this.keys[slot] = key;
    this.link(slot);
    return slot;
  }

  private grow(): void {
    if (this.used <= this.newer.length) return;
    const length = Math.min(this.capacity, this.newer.length * 2);
    const rows = new Float64Array(length * this.width);
    rows.set(this.rows);
    this.rows = rows;
    const newer = new Int32Array(length);
    newer.set(this.newer);
    this.newer = newer;
    const older = new Int32Array(length);
    older.set(this.older);
    this.older = older;
  }

  private link(slot: number): void {
    this.older[slot] = this.newest;
    this.newer[slot] = -1;
    if (this.newest >= 0) this.newer[this.newest] = slot;
    else this.oldest = slot;
    this.newest = slot;
  }

  private unlink(slot: number): void {
    const newer = this.newer[slot] ?? -1;
    const older = this.older[slot] ?? -1;
    if (newer >= 0) this.older[newer] = older;
    else this.newest = older;
    if (older >= 0) this.newer[older] = newer;
    else this.oldest = newer;
  }
}
