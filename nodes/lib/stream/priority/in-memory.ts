/** Which of what waits is in memory, and which of it can best go: what will leave last. O(1) a record. */

export interface Resident {
  /** The class in which it waits; 0 is the lowest. */
  readonly level: number;
  readonly bytes: number;
  /** In memory: counted here. Kept by `InMemory`. */
  resident: boolean;
}

export class InMemory<T extends Resident> {
  bytes = 0;
  count = 0;
  /** By class, oldest first; those that have left are passed over. */
  private readonly stacks: T[][];

  constructor(levels: number) {
    this.stacks = Array.from({ length: levels }, () => []);
  }

  add(one: T): void {
    one.resident = true;
    this.bytes += one.bytes;
    this.count++;
    const stack = this.stacks[one.level] as T[];
    stack.push(one);
    if (stack.length > 1024 && stack.length > 2 * this.count)
      this.stacks[one.level] = stack.filter((each) => each.resident);
  }

  /** It has left, or went to disk. */
  remove(one: T): void {
    if (!one.resident) return;
    one.resident = false;
    this.bytes -= one.bytes;
    this.count--;
  }

  /** The youngest of the lowest class: by age it leaves last. Undefined when nothing is in memory. It is not taken out of the count. */
  pop(): T | undefined {
    for (const stack of this.stacks) for (let one = stack.pop(); one; one = stack.pop()) if (one.resident) return one;
    return undefined;
  }

  /** What `pop` gave stays after all. */
  putBack(one: T): void {
    (this.stacks[one.level] as T[]).push(one);
  }
}
