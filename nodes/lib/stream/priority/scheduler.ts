/**
 * Who is next when more waits than can be done: strict or weighted between classes, lifted by waiting, fair between
 * keys, earliest deadline first. No clock of its own; O(log n) a record.
 *
 * Fairness is start-time fair queueing (Goyal, Vin, Cheng, 1996) with equal shares; weighted classes are stride
 * scheduling (Waldspurger, Weihl, 1995).
 */
import { ConfigError } from "../../errors";
import { IndexedHeap } from "../indexed-heap";
import { Line, Single, type Arrival, type Waiter } from "./line";

export type { Arrival } from "./line";

export interface PriorityClass {
  /** Lowest priority of the class; what is below every class belongs to the lowest. */
  readonly from: number;
  /** Part of the work that the class gets while others wait, relative to theirs. */
  readonly share: number;
}

export interface SchedulerOptions {
  readonly classes: readonly PriorityClass[];
  /** `strict`: the highest class first. `weighted`: each by its share. */
  readonly between: "strict" | "weighted";
  /** ms of waiting that count as much as one class, so that nothing starves; 0: waiting does not count. */
  readonly ageing: number;
  /**
   * Part of the turns, above 0 and at most 1, that may go to what is next only for having waited; 1: waiting always
   * counts. Less keeps an overload from turning into first come, first served, in which urgent records wait like all.
   */
  readonly lift: number;
  /** Within a class keys take turns, however much each sends. */
  readonly fair: boolean;
  /** Records of one key leave in the order in which they came, and one at a time: `finished` lets the next go. */
  readonly keepOrder: boolean;
}

export interface ClassReport {
  readonly from: number;
  readonly waiting: number;
  /** Arrival of the record that waits longest, ms since the epoch; undefined when none waits. */
  readonly oldest: number | undefined;
}

const ORDER = 0;
const AGE = 1;
const DEADLINE = 2;

const older = (a: Waiter<unknown>, b: Waiter<unknown>): boolean =>
  a.arrived < b.arrived || (a.arrived === b.arrived && a.number < b.number);
const ahead = (a: Waiter<unknown>, b: Waiter<unknown>): boolean => {
  if (a.deadline !== b.deadline) return a.deadline < b.deadline;
  if (a.tag !== b.tag) return a.tag < b.tag;
  return a.number < b.number;
};

/** One class: its lines by whose turn it is, and by age. */
class Rank<T> {
  readonly order = new IndexedHeap<Waiter<T>>(ORDER, ahead);
  readonly age = new IndexedHeap<Waiter<T>>(AGE, older);
  /** The last turn of each key, while a record that comes later could gain by its being forgotten. */
  private readonly turns = new Map<string, number>();
  private turn = 0;
  /** What it has had, in units of its share. */
  pass = 0;

  constructor(readonly options: PriorityClass) {}

  /** The turn of a key's next record. */
  tagOf(key: string): number {
    const tag = Math.max(this.turn, (this.turns.get(key) ?? -1) + 1);
    this.turns.set(key, tag);
    return tag;
  }

  /** A record with this tag has left. */
  took(tag: number): void {
    this.turn = Math.max(this.turn, tag);
    if (this.turns.size <= 1024 || this.turns.size <= 2 * this.order.size) return;
    for (const [key, last] of this.turns) if (last < this.turn) this.turns.delete(key);
  }
}

export class Scheduler<T> {
  private readonly ranks: readonly Rank<T>[];
  private readonly deadlines = new IndexedHeap<Waiter<T>>(DEADLINE, (a, b) => a.deadline < b.deadline);
  /** Lines of keys whose order is kept. */
  private readonly lines = new Map<string, Line<T>>();
  private arrivals = 0;
  private pass = 0;
  private count = 0;
  /** Turns that may go to what has waited. */
  private credit = 1;

  /** Throws a ConfigError that names the class which is wrong. */
  constructor(private readonly options: SchedulerOptions) {
    const classes = [...options.classes].sort((a, b) => a.from - b.from);
    if (!(options.lift > 0 && options.lift <= 1))
      throw new ConfigError(`the part of turns for what has waited is ${options.lift}; it must be above 0, at most 1`);
    if (classes.length === 0) throw new ConfigError("Classes: there is none; add at least one");
    classes.forEach(({ from, share }, index) => {
      if (!Number.isFinite(from)) throw new ConfigError(`Classes: ${from} is no priority to begin at`);
      if (classes[index - 1]?.from === from) throw new ConfigError(`Classes: two begin at priority ${from}`);
      if (!(share > 0 && Number.isFinite(share)))
        throw new ConfigError(`Classes: the share of the class from ${from} is ${share}; it must be above 0`);
    });
    this.ranks = classes.map((one) => new Rank<T>(one));
  }

  /** Records that wait. */
  get waiting(): number {
    return this.count;
  }

  /** Records that wait in a class, by its index; where order is kept, lines of keys. */
  waitingIn(level: number): number {
    return this.ranks[level]?.order.size ?? 0;
  }

  /** What waits, lowest class first. Lines whose last record is still worked on count where they would stand. */
  report(): ClassReport[] {
    const held = this.ranks.map(() => 0);
    for (const line of this.lines.values()) held[line.level] = (held[line.level] ?? 0) + line.size;
    return this.ranks.map(({ options, order, age }, level) => ({
      from: options.from,
      waiting: this.options.keepOrder ? (held[level] ?? 0) : order.size,
      oldest: age.first?.arrived,
    }));
  }

  add(arrival: Arrival<T>): void {
    const { key } = arrival;
    const level = this.levelOf(arrival.priority);
    this.count++;
    const number = this.arrivals++;
    if (!this.options.keepOrder) {
      this.stand(new Single(arrival, level, number));
      return;
    }
    let line = this.lines.get(key);
    if (!line) this.lines.set(key, (line = new Line<T>(key)));
    const before = line.level;
    const wasEmpty = line.size === 0;
    if (!line.busy && !wasEmpty && level > before) this.leave(line);
    line.add(arrival, level, number);
    if (line.busy) return;
    if (line.positions[ORDER] === -1) this.stand(line);
    else if (line.deadline === arrival.deadline && arrival.deadline !== Infinity) {
      this.ranks[line.level]?.order.moved(line);
      if (line.positions[DEADLINE] === -1) this.deadlines.add(line);
      else this.deadlines.moved(line);
    }
  }

  /** When the first of what waits reaches its deadline, ms since the epoch; undefined when nothing has one. */
  get nextDeadline(): number | undefined {
    return this.deadlines.first?.deadline;
  }

  /** Takes the record whose turn it is; undefined when none may leave. */
  take(now: number): Arrival<T> | undefined {
    const { ageing, between, lift } = this.options;
    const strict = between === "strict";
    let rank = strict ? this.mostUrgent(now, 0) : this.leastServed();
    let line = rank?.order.first;
    if (!rank || !line) return undefined;
    if (ageing > 0) {
      this.credit = Math.min(1, this.credit + lift);
      const lifted = strict ? (this.mostUrgent(now, ageing) ?? rank) : rank;
      const oldest = lifted.age.first;
      const first = oldest && now - oldest.arrived >= ageing ? oldest : lifted.order.first;
      if (first && first !== line && this.credit > 1 - 1e-9) {
        [rank, line] = [lifted, first];
        this.credit -= 1;
      }
    }
    if (this.options.between === "weighted") {
      this.pass = rank.pass;
      rank.pass += 1 / rank.options.share;
    }
    rank.took(line.tag);
    return this.shift(line);
  }

  /** Only with `keepOrder`: the key's last record is done with, its next may leave. */
  finished(key: string): void {
    const line = this.lines.get(key);
    if (!line) return;
    line.busy = false;
    if (line.size === 0) this.lines.delete(key);
    else this.stand(line);
  }

  /** Takes away what waits beyond its deadline. Records behind one that is worked on are looked at when it is done. */
  expired(now: number): Arrival<T>[] {
    const gone: Arrival<T>[] = [];
    for (;;) {
      const line = this.deadlines.first;
      if (!line || line.deadline > now) break;
      this.leave(line);
      gone.push(...line.expire(now));
      if (line.size > 0) this.stand(line);
      else this.lines.delete(line.key);
    }
    this.count -= gone.length;
    return gone;
  }

  /**
   * Takes away the record that has waited longest in a class, the lowest in which any waits when none is given;
   * undefined when none waits there.
   */
  shed(level?: number): Arrival<T> | undefined {
    const rank = level === undefined ? this.ranks.find(({ age }) => age.size > 0) : this.ranks[level];
    const line = rank?.age.first;
    if (!line) return undefined;
    const arrival = this.shift(line);
    if (this.options.keepOrder) this.finished(line.key);
    return arrival;
  }

  /** The index of a priority's class, 0 for the lowest. */
  levelOf(priority: number): number {
    for (let level = this.ranks.length - 1; level > 0; level--)
      if (priority >= (this.ranks[level] as Rank<T>).options.from) return level;
    return 0;
  }

  private mostUrgent(now: number, ageing: number): Rank<T> | undefined {
    let best: Rank<T> | undefined;
    let most = -Infinity;
    this.ranks.forEach((rank, level) => {
      const oldest = rank.age.first;
      if (!oldest) return;
      const urgency = ageing > 0 ? level * ageing + (now - oldest.arrived) : level;
      if (urgency >= most) [best, most] = [rank, urgency];
    });
    return best;
  }

  private leastServed(): Rank<T> | undefined {
    let best: Rank<T> | undefined;
    for (const rank of this.ranks)
      if (rank.order.size > 0 && (best === undefined || rank.pass <= best.pass)) best = rank;
    return best;
  }

  private stand(line: Waiter<T>): void {
    const rank = this.ranks[line.level] as Rank<T>;
    // A class that had nothing to do has no claim on what it missed.
    if (rank.order.size === 0) rank.pass = Math.max(rank.pass, this.pass);
    line.tag = this.options.fair ? rank.tagOf(line.key) : 0;
    rank.order.add(line);
    rank.age.add(line);
    if (line.deadline !== Infinity) this.deadlines.add(line);
  }

  private leave(line: Waiter<T>): void {
    const rank = this.ranks[line.level] as Rank<T>;
    rank.order.remove(line);
    rank.age.remove(line);
    this.deadlines.remove(line);
  }

  private shift(line: Waiter<T>): Arrival<T> {
    this.leave(line);
    this.count--;
    if (line instanceof Line) line.busy = true;
    return line.shift();
  }
}
