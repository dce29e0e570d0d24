/**
 * The requests of a connection that are not answered, by correlation id, in kafkajs's place for them: the part of a Map that it uses.
 * They are few, and come and go by thousands a second, which in a Map leaves garbage behind (see lib/delivery/chain.ts).
 */
export class Unanswered<T> {
  private readonly ids: number[] = [];
  private readonly requests: T[] = [];

  get size(): number {
    return this.ids.length;
  }

  has(id: number): boolean {
    return this.ids.includes(id);
  }

  get(id: number): T | undefined {
    const at = this.ids.indexOf(id);
    return at < 0 ? undefined : this.requests[at];
  }

  set(id: number, request: T): this {
    const at = this.ids.indexOf(id);
    if (at >= 0) this.requests[at] = request;
    else {
      this.ids.push(id);
      this.requests.push(request);
    }
    return this;
  }

  delete(id: number): boolean {
    const at = this.ids.indexOf(id);
    if (at < 0) return false;
    this.ids.splice(at, 1);
    this.requests.splice(at, 1);
    return true;
  }

  clear(): void {
    this.ids.length = this.requests.length = 0;
  }

  values(): IterableIterator<T> {
    return this.requests.values();
  }

  /** Of those that are there now: `each` may delete. */
  forEach(each: (request: T) => void): void {
    for (const request of this.requests.slice()) each(request);
  }
}
