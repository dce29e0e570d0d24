/** Deliveries in the order of their coming, found by message object. Built for short lines that come and go quickly. */
import type { Delivered } from "./token";

/** Longer lines are searched by an index; a Map for every line would cost more than all else in short ones. */
const SHORT = 16;

export class Line {
  first: Delivered | undefined;
  last: Delivered | undefined;
  size = 0;
  private index: Map<object, Delivered> | undefined;
  private twins = false;

  push(delivered: Delivered): void {
    delivered.ahead = this.last;
    delivered.behind = undefined;
    if (this.last === undefined) this.first = delivered;
    else this.last.behind = delivered;
    this.last = delivered;
    this.size += 1;
    if (this.index !== undefined) this.register(delivered);
  }

  remove(delivered: Delivered): void {
    const { ahead, behind } = delivered;
    if (ahead === undefined) this.first = behind;
    else ahead.behind = behind;
    if (behind === undefined) this.last = ahead;
    else behind.ahead = ahead;
    delivered.ahead = delivered.behind = undefined;
    this.size -= 1;
    if (this.index === undefined) return;
    if (this.size === 0) {
      this.index = undefined;
      this.twins = false;
    } else this.unregister(delivered);
  }

  /** A delivery of this very object. */
  get(message: object): Delivered | undefined {
    if (this.first?.message === message) return this.first;
    if (this.size > SHORT) {
      this.index ??= this.indexed();
      return this.index.get(message);
    }
    for (let one = this.last; one !== undefined; one = one.ahead) if (one.message === message) return one;
    return undefined;
  }

  *[Symbol.iterator](): Generator<Delivered> {
    for (let one = this.first; one !== undefined; one = one.behind) yield one;
  }

  private indexed(): Map<object, Delivered> {
    this.index = new Map();
    for (const one of this) this.register(one);
    return this.index;
  }

  /** The same object can be delivered twice to a node: the index leads to one of the deliveries. */
  private register(delivered: Delivered): void {
    if (this.index?.has(delivered.message)) this.twins = true;
    else this.index?.set(delivered.message, delivered);
  }

  private unregister(delivered: Delivered): void {
    if (this.index?.get(delivered.message) !== delivered) return;
    this.index.delete(delivered.message);
    if (!this.twins) return;
    for (const one of this) {
      if (one.message !== delivered.message) continue;
      this.index.set(one.message, one);
      return;
    }
  }
}
