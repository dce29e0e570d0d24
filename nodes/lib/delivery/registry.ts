/** The living tokens: found by id, walked from the oldest on. */
import { Chain } from "./chain";
import type { Token } from "./token";

/** The last two digits of an id. */
const LOW = Array.from({ length: 36 ** 2 }, (_, value) => value.toString(36).padStart(2, "0"));

/** The number that follows `from` characters in an id of this process; some number for any other string. */
const numberIn = (id: string, from: number): number => {
  let number = 0;
  for (let at = from; at < id.length; at += 1) {
    const code = id.charCodeAt(at);
    if (code < 48) break;
    number = number * 36 + (code < 58 ? code - 48 : code - 87);
  }
  return number;
};

const empty = (length: number): (Token | undefined)[] => Array.from({ length });

/** A table of short lists. Numbers follow each other, so they spread evenly over it without being hashed. */
export class Registry {
  private readonly order = new Chain<Token>();
  private table = empty(1024);
  private issued = 0;
  private high = "";
  private readonly prefix: string;

  /** @param epoch tells this process's tokens from those of others: five characters keep ids short and so cheap */
  constructor(epoch: string) {
    this.prefix = `${epoch}.`;
  }

  get size(): number {
    return this.order.size;
  }

  /** An id that was never issued. At most 12 characters made by one concatenation are a flat string: one object, not three. */
  nextId(): string {
    const low = this.issued % LOW.length;
    if (low === 0) this.high = this.prefix + Math.floor(this.issued / LOW.length).toString(36);
    this.issued += 1;
    return this.high + (LOW[low] ?? "");
  }

  /** True for ids of this process. */
  issues(id: string): boolean {
    return id.startsWith(this.prefix);
  }

  add(token: Token): void {
    if (this.order.size === this.table.length) this.grow();
    token.number = numberIn(token.id, this.prefix.length);
    this.order.add(token);
    this.put(token);
  }

  get(id: string): Token | undefined {
    let token = this.table[numberIn(id, this.prefix.length) & (this.table.length - 1)];
    while (token !== undefined && token.id !== id) token = token.beside;
    return token;
  }

  remove(token: Token): void {
    this.order.remove(token);
    const slot = token.number & (this.table.length - 1);
    const first = this.table[slot];
    if (first === token) this.table[slot] = token.beside;
    else
      for (let one = first; one !== undefined; one = one.beside)
        if (one.beside === token) {
          one.beside = token.beside;
          break;
        }
    token.beside = undefined;
  }

  /** The oldest; each knows the next as `newer`. */
  get oldest(): Token | undefined {
    return this.order.oldest;
  }

  private put(token: Token): void {
    const slot = token.number & (this.table.length - 1);
    token.beside = this.table[slot];
    this.table[slot] = token;
  }

  private grow(): void {
    this.table = empty(this.table.length * 2);
    for (let one = this.order.oldest; one !== undefined; one = one.newer) this.put(one);
  }
}
