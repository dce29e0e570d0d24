/**
 * A binary heap whose members know where they stand, so that any of them can leave or move in O(log n).
 * A member may stand in several heaps at once, each with a slot of its own in `positions`.
 */
export interface Standing {
  /** Where it stands in the heap of each slot, or −1. */
  readonly positions: number[];
}

export class IndexedHeap<T extends Standing> {
  private readonly members: T[] = [];

  /** `before(a, b)`: a leaves before b. Must not change for members that stand in it, unless `moved` is called. */
  constructor(
    private readonly slot: number,
    private readonly before: (a: T, b: T) => boolean,
  ) {}

  get size(): number {
    return this.members.length;
  }

  /** The one that leaves first. */
  get first(): T | undefined {
    return this.members[0];
  }

  add(member: T): void {
    this.members.push(member);
    this.rise(member, this.members.length - 1);
  }

  /** Does nothing when the member does not stand here. */
  remove(member: T): void {
    const at = member.positions[this.slot] ?? -1;
    if (at < 0) return;
    member.positions[this.slot] = -1;
    const last = this.members.pop() as T;
    if (last === member) return;
    this.rise(last, at);
    this.sink(last, last.positions[this.slot] as number);
  }

  /** What decides the member's place has changed. */
  moved(member: T): void {
    this.rise(member, member.positions[this.slot] as number);
    this.sink(member, member.positions[this.slot] as number);
  }

  private rise(member: T, at: number): void {
    while (at > 0) {
      const above = (at - 1) >> 1;
      const other = this.members[above] as T;
      if (!this.before(member, other)) break;
      this.put(other, at);
      at = above;
    }
    this.put(member, at);
  }

  private sink(member: T, at: number): void {
    const { members } = this;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= members.length) break;
      if (below + 1 < members.length && this.before(members[below + 1] as T, members[below] as T)) below++;
      const other = members[below] as T;
      if (!this.before(other, member)) break;
      this.put(other, at);
      at = below;
    }
    this.put(member, at);
  }

  private put(member: T, at: number): void {
    this.members[at] = member;
    member.positions[this.slot] = at;
  }
}
