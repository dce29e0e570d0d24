/**
 * The registry of tokens: how many deliveries of each are under way, what failed, and when a token is settled.
 * It knows neither Node-RED nor retries: hooks feed it, sources own its tokens.
 */
import type { Hold } from "./contract";
import { Registry } from "./registry";
import { nextTurn } from "./soon";
import {
  BUSY,
  Delivered,
  GATHERED,
  HELD,
  isUndoable,
  markedId,
  Token,
  type TokenFailure,
  type TokenOwner,
  type Whereabouts,
} from "./token";

/** `a` and `b` happened to one token: both name elements, perhaps of different parts of a batch, or everything failed. */
const worse = (a: TokenFailure, b: TokenFailure): TokenFailure => {
  if (a.elements === undefined || b.elements === undefined) return a.elements === undefined ? a : b;
  if (a.payload !== b.payload) return { ...a, also: a.also === undefined ? b : worse(a.also, b) };
  const known = new Set(a.elements.map((element) => element.index));
  return { ...a, elements: [...a.elements, ...b.elements.filter((element) => !known.has(element.index))] };
};

/** Counts a delivery's hold in its token, or takes it out of the count. */
const countHold = ({ hold, token }: Delivered, by: 1 | -1): void => {
  if (hold === undefined || hold.counts) return;
  token.holds += by;
  if (hold.gathers) token.gathers += by;
};

export class Ledger {
  readonly tokens: Registry;
  /** A clock in whole ms that its owner moves on: reading the time for every delivery would cost too much. */
  now = 0;
  /** Tokens that failed and wait for their other branches, with the time when they failed. */
  readonly failed = new Map<Token, number>();
  /** Ids of tokens that were ended while branches may still have been running, the latest few thousand. */
  private readonly cut = new Set<string>();
  private ended: Token[] = [];
  private spare: Token[] = [];
  private changed: Token[] = [];
  private flushing = false;

  /** @param epoch as in `Registry` */
  constructor(
    epoch: string = Math.floor(Math.random() * 36 ** 5)
      .toString(36)
      .padStart(5, "0"),
  ) {
    this.tokens = new Registry(epoch);
  }

  private issue(timeout: number, owner: TokenOwner | undefined, children: Set<Token> | undefined): Token {
    const token = new Token(markedId(this.tokens.nextId(), owner, children), this.now, timeout, owner, children);
    this.tokens.add(token);
    return token;
  }

  /** Opens a token with one reference, which `release` ends. */
  open(owner: TokenOwner): Token {
    const token = this.issue(owner.timeout, owner, undefined);
    token.count = 1;
    return token;
  }

  /** The living token of an id; undefined for what was never issued here or is settled. */
  find(id: unknown): Token | undefined {
    return typeof id === "string" ? this.tokens.get(id) : undefined;
  }

  /**
   * True for an id of this ledger that settled by itself, so that no branch of it should be left. Not for what was cut
   * short by a time-out or a close: branches that outlive those are expected.
   */
  isLate(id: unknown): boolean {
    return typeof id === "string" && this.tokens.issues(id) && !this.tokens.get(id) && !this.cut.has(id);
  }

  /** True for an id of this ledger under which nothing may be stored any more: its try can be undone and has ended. */
  isEnded(id: unknown): id is string {
    return isUndoable(id) && this.tokens.issues(id) && !this.tokens.get(id);
  }

  /**
   * A token that settles all of `children` when it is settled: its failure is theirs. It has no reference of its own, so
   * it must be sent in the same turn.
   */
  composite(children: Iterable<Token>): Token {
    const set = new Set(children);
    let timeout = 0;
    for (const child of set) timeout = Math.max(timeout, child.timeout);
    const token = this.issue(timeout, undefined, set);
    for (const child of set) this.add(child);
    this.ask(token);
    return token;
  }

  /**
   * A token of its own, with an owner, for a part of what these tokens stand for, or of nothing tracked: they wait for it
   * and get its failure as the owner passes it on. It has one reference, which `release` ends.
   */
  leg(owner: TokenOwner, parts: Iterable<Token>): Token {
    const children = new Set(parts);
    let timeout = children.size === 0 ? owner.timeout : 0;
    for (const child of children) timeout = Math.max(timeout, child.timeout);
    const token = this.issue(timeout, owner, children);
    for (const child of children) this.add(child);
    token.count = 1;
    return token;
  }

  /** A composite of nothing yet. */
  carrier(timeout: number): Token {
    const token = this.issue(timeout, undefined, new Set());
    this.ask(token);
    return token;
  }

  /** Makes `token` wait for `composite` as well. */
  include(composite: Token, token: Token): void {
    if (composite.children === undefined || composite.children.has(token) || composite === token) return;
    composite.children.add(token);
    this.add(token);
  }

  release(token: Token): void {
    this.drop(token);
  }

  /** Counts a delivery of `message` to a place. */
  enter(token: Token, place: Whereabouts, message: object, from: Whereabouts | undefined): Delivered {
    const delivered = new Delivered(token, place, message, from, this.now);
    token.deliveries += 1;
    this.add(token);
    this.link(delivered);
    return delivered;
  }

  /** Ends a delivery. Twice is once. */
  leave(delivered: Delivered): void {
    if (delivered.over) return;
    delivered.over = true;
    this.unlink(delivered);
    countHold(delivered, -1);
    this.drop(delivered.token);
  }

  /** Puts a delivery that nobody received yet under another token. */
  move(delivered: Delivered, token: Token): void {
    const before = delivered.token;
    this.unlink(delivered);
    delivered.token = token;
    token.deliveries += 1;
    this.add(token);
    this.link(delivered);
    this.drop(before);
  }

  /** Declares a hold; the function that comes back ends it, and so does the end of the delivery. */
  hold(delivered: Delivered, hold: Hold): () => void {
    if (delivered.over) return () => undefined;
    countHold(delivered, -1);
    delivered.hold = hold;
    countHold(delivered, 1);
    this.askRest(delivered.token);
    return () => {
      if (delivered.over || delivered.hold !== hold) return;
      countHold(delivered, -1);
      delivered.hold = undefined;
      delivered.since = this.now;
      this.askRest(delivered.token);
    };
  }

  /** Marks a token failed; it still settles only when nothing of it is under way. */
  fail(token: Token, failure: TokenFailure): void {
    if (token.settled) return;
    token.failure = token.failure === undefined ? failure : worse(token.failure, failure);
    if (!this.failed.has(token)) this.failed.set(token, this.now);
  }

  /** Ends a token now, and what it settles: branches still running are forgotten, what they do later is late. */
  end(token: Token, failure: TokenFailure): void {
    if (token.settled) return;
    this.fail(token, failure);
    for (let one = token.first; one !== undefined; one = token.first) {
      one.over = true;
      this.unlink(one);
      one.place.forget(one, true);
    }
    token.count = 0;
    this.cutShort(token);
    // Of a leg, only its own part ends: what else its record has goes on.
    const children = token.children === undefined || token.owner !== undefined ? [] : [...token.children];
    this.settle(token);
    for (const child of children) this.end(child, { ...failure, elements: undefined });
  }

  private add(token: Token): void {
    token.count += 1;
    if (token.holds > 0 || token.rests !== BUSY) this.askRest(token);
  }

  private drop(token: Token): void {
    token.count -= 1;
    if (token.count <= 0) this.ask(token);
    else if (token.holds > 0 || token.rests !== BUSY) this.askRest(token);
  }

  private link(delivered: Delivered): void {
    const token = delivered.token;
    delivered.previous = token.last;
    delivered.next = undefined;
    if (token.last === undefined) token.first = delivered;
    else token.last.next = delivered;
    token.last = delivered;
  }

  private unlink(delivered: Delivered): void {
    const { token, previous, next } = delivered;
    if (previous === undefined) token.first = next;
    else previous.next = next;
    if (next === undefined) token.last = previous;
    else next.previous = previous;
    delivered.previous = delivered.next = undefined;
  }

  /**
   * Complete nodes, Catch nodes and returning link calls deliver after a completion, so settling waits: for a turn of
   * the event loop, which all that end meanwhile share; a microtask each would cost more.
   */
  private ask(token: Token): void {
    if (token.queued || token.settled) return;
    token.queued = true;
    this.ended.push(token);
    this.wake();
  }

  private askRest(token: Token): void {
    if (token.settled) return;
    this.changed.push(token);
    this.wake();
  }

  private wake(): void {
    if (this.flushing) return;
    this.flushing = true;
    nextTurn(this.flush);
  }

  private readonly flush = (): void => {
    const { ended } = this;
    this.ended = this.spare;
    try {
      for (const token of ended) {
        token.queued = false;
        if (token.count <= 0) this.settle(token);
      }
      // Who rests in a composite rests only when that does: one after the other, in this turn.
      while (this.changed.length > 0) {
        const { changed } = this;
        this.changed = [];
        for (const token of changed) this.rest(token);
      }
    } finally {
      ended.length = 0;
      this.spare = ended;
      this.flushing = false;
      if (this.ended.length > 0) this.wake();
    }
  };

  private cutShort(token: Token): void {
    this.cut.add(token.id);
    if (this.cut.size > 20_000) for (const id of this.cut) if (this.cut.size > 10_000) this.cut.delete(id);
  }

  private settle(settling: Token): void {
    if (settling.children === undefined) return this.finish(settling);
    const stack = [settling];
    for (let token = stack.pop(); token !== undefined; token = stack.pop()) {
      if (token.settled) continue;
      const { failure, children, rests, owner } = token;
      this.finish(token);
      if (children === undefined) continue;
      for (const child of children) {
        if (child.settled) continue;
        if (failure !== undefined)
          this.fail(child, owner?.passOn?.(failure) ?? { ...failure, elements: undefined, payload: undefined });
        child.count -= 1;
        if (rests !== BUSY) child.holds -= 1;
        if (rests === GATHERED) child.gathers -= 1;
        if (child.count <= 0) stack.push(child);
        else if (child.holds > 0 || child.rests !== BUSY) this.askRest(child);
      }
    }
  }

  private finish(token: Token): void {
    if (token.settled) return;
    token.settled = true;
    this.tokens.remove(token);
    const { failure } = token;
    if (failure !== undefined) {
      this.failed.delete(token);
      if (failure.interrupted) this.cutShort(token);
    }
    token.owner?.settled(token, failure);
  }

  private rest(token: Token): void {
    if (token.settled) return;
    const before = token.rests;
    const held = token.count > 0 && token.holds === token.count;
    const rests = held ? (token.gathers === token.count ? GATHERED : HELD) : BUSY;
    if (rests === before) return;
    token.rests = rests;
    if (rests === BUSY || before === BUSY) token.owner?.rests?.(rests !== BUSY);
    if (rests === GATHERED) token.owner?.gathered?.();
    if (token.children === undefined) return;
    for (const child of token.children) {
      if (child.settled) continue;
      child.holds += Math.min(rests, 1) - Math.min(before, 1);
      child.gathers += (rests === GATHERED ? 1 : 0) - (before === GATHERED ? 1 : 0);
      this.askRest(child);
    }
  }
}
