/** What stands in the scheduler's heaps: a single record, or all that wait of one key when its order is kept. */
import type { Standing } from "../indexed-heap";

/** A record that waits. */
export interface Arrival<T> {
  readonly value: T;
  readonly key: string;
  /** Higher is more urgent. */
  readonly priority: number;
  /** ms since the epoch */
  readonly arrived: number;
  /** When it is of no use any more, ms since the epoch; Infinity: never. */
  readonly deadline: number;
}

export interface Waiter<T> extends Standing {
  readonly key: string;
  /** Records to come. */
  readonly size: number;
  /** Index of the class in which it stands. */
  readonly level: number;
  readonly deadline: number;
  /** When its first record came, ms since the epoch. */
  readonly arrived: number;
  /** Order of arrival of its first record. */
  readonly number: number;
  /** The turn that fairness between keys gives to its first record. */
  tag: number;
  /** Takes the first record away. Throws a RangeError when there is none. */
  shift(): Arrival<T>;
  /** Takes away the records whose deadline has passed. */
  expire(now: number): Arrival<T>[];
}

/** One record. */
export class Single<T> implements Waiter<T> {
  readonly positions = [-1, -1, -1];
  readonly arrived: number;
  readonly deadline: number;
  size = 1;
  tag = 0;

  constructor(
    private readonly arrival: Arrival<T>,
    readonly level: number,
    readonly number: number,
  ) {
    this.arrived = arrival.arrived;
    this.deadline = arrival.deadline;
  }

  get key(): string {
    return this.arrival.key;
  }
  shift(): Arrival<T> {
    if (this.size === 0) throw new RangeError("the record has left");
    this.size = 0;
    return this.arrival;
  }
  expire(now: number): Arrival<T>[] {
    return this.deadline <= now ? [this.shift()] : [];
  }
}

interface Place<T> {
  readonly arrival: Arrival<T>;
  readonly level: number;
  readonly number: number;
}

/**
 * All that wait of one key, in order. The line's level is the highest of its records' and its deadline the earliest: an urgent record takes those before
 * it along, since it can't pass them.
 */
export class Line<T> implements Waiter<T> {
  readonly positions = [-1, -1, -1];
  /** Records to come; the first stands at `head`. */
  private places: Place<T>[] = [];
  private head = 0;
  /** Records that are more urgent than all behind them, first to last; the like for deadlines. */
  private urgent: Place<T>[] = [];
  private pressing: Place<T>[] = [];
  tag = 0;
  /** Its last record that left is still worked on. */
  busy = false;

  constructor(readonly key: string) {}

  get size(): number {
    return this.places.length - this.head;
  }
  get level(): number {
    return this.urgent[0]?.level ?? 0;
  }
  get deadline(): number {
    return this.pressing[0]?.arrival.deadline ?? Infinity;
  }
  get arrived(): number {
    return this.places[this.head]?.arrival.arrived ?? Infinity;
  }
  get number(): number {
    return this.places[this.head]?.number ?? Infinity;
  }

  add(arrival: Arrival<T>, level: number, number: number): void {
    const place = { arrival, level, number };
    this.places.push(place);
    while (this.urgent.length > 0 && (this.urgent.at(-1) as Place<T>).level <= level) this.urgent.pop();
    this.urgent.push(place);
    if (arrival.deadline === Infinity) return;
    while (this.pressing.length > 0 && (this.pressing.at(-1) as Place<T>).arrival.deadline >= arrival.deadline)
      this.pressing.pop();
    this.pressing.push(place);
  }

  shift(): Arrival<T> {
    const place = this.places[this.head];
    if (!place) throw new RangeError("the line is empty");
    this.places[this.head++] = undefined as never;
    if (this.head > 64 && this.head * 2 > this.places.length) {
      this.places = this.places.slice(this.head);
      this.head = 0;
    }
    if (this.urgent[0] === place) this.urgent.shift();
    if (this.pressing[0] === place) this.pressing.shift();
    return place.arrival;
  }

  expire(now: number): Arrival<T>[] {
    const all = this.places.slice(this.head);
    [this.places, this.head, this.urgent, this.pressing] = [[], 0, [], []];
    const gone: Arrival<T>[] = [];
    for (const { arrival, level, number } of all)
      if (arrival.deadline <= now) gone.push(arrival);
      else this.add(arrival, level, number);
    return gone;
  }
}
