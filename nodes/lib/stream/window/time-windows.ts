/** Tumbling and hopping windows: which a record belongs to, and what they hold until time has passed them. */
import { fire } from "./entry";
import type { Entry, Fired, Reason } from "./entry";

export interface TimeWindowOptions {
  /** Length of a window, ms. */
  readonly size: number;
  /** From one window's start to the next, ms: the size for tumbling windows, less for hopping ones. */
  readonly hop: number;
  /** Shifts all starts from the epoch, ms: −9 h for days of Korea. */
  readonly offset: number;
}

/** The starts of all windows that hold `time`, latest first. `[start, start + size)`; times before 1970 included. */
export function windowStarts(time: number, { size, hop, offset }: TimeWindowOptions): number[] {
  const past = (time - offset) % hop;
  const starts: number[] = [];
  for (let start = time - (past < 0 ? past + hop : past); start > time - size; start -= hop) starts.push(start);
  return starts;
}

/** What collects records until windows fire: by time here, by count in count-windows. Bounds and clocks are the caller's. */
export interface Windowing<Origin> {
  /** Puts a record that came at `now` into its windows, without those that end at or before `over`. */
  add(entry: Entry<Origin>, over: number, now: number): void;
  /** Fires what ends at or before `until`, at most so many windows: earlier ends first, then by key. */
  due(until: number, most: number): Fired<Origin>[];
  /** Fires the oldest windows into `fired`, one by one, until `enough`, which is asked before each. */
  early(reason: Reason, enough: () => boolean, fired: Fired<Origin>[]): void;
  /** Fires what no record has joined since `before` on the clock. */
  silent(before: number): Fired<Origin>[];
  /** When the last record came to what has been silent longest; Infinity when nothing collects. */
  readonly quietSince: number;
  /** Where the first window ends; Infinity when nothing collects, or ends do not depend on time. */
  readonly nextEnd: number;
  /** Where all that has fired by now ended, at the latest: what is before it is over. */
  readonly over: number;
}

export class TimeWindows<Origin> implements Windowing<Origin> {
  over = -Infinity;
  /** Windows by start, then by key. */
  private readonly collecting = new Map<number, Map<string, Entry<Origin>[]>>();
  private first = Infinity;
  /** The keys of the first start, in order, while its windows fire by and by; none joins once its end is passed. */
  private leaving: { readonly start: number; readonly keys: readonly string[]; at: number } | undefined;
  private last = Infinity;

  /** @param byClock a record belongs to the windows of the moment when it comes, not to those of its own time */
  constructor(
    private readonly options: TimeWindowOptions,
    private readonly byClock: boolean,
  ) {}

  get nextEnd(): number {
    return this.first + this.options.size;
  }

  get quietSince(): number {
    return this.collecting.size > 0 ? this.last : Infinity;
  }

  add(entry: Entry<Origin>, over: number, now: number): void {
    this.last = now;
    const { size, hop, offset } = this.options;
    const time = this.byClock ? now : entry.time;
    if (size === hop) {
      const past = (time - offset) % hop;
      this.put(time - (past < 0 ? past + hop : past), entry, over);
    } else for (const start of windowStarts(time, this.options)) this.put(start, entry, over);
  }

  private put(start: number, entry: Entry<Origin>, over: number): void {
    if (start + this.options.size <= over || entry.left?.has(start)) return;
    let keys = this.collecting.get(start);
    if (!keys) {
      this.collecting.set(start, (keys = new Map()));
      if (start < this.first) this.first = start;
    }
    const members = keys.get(entry.key);
    if (members) members.push(entry);
    else keys.set(entry.key, [entry]);
    entry.open++;
    entry.unsent++;
  }

  due(until: number, most: number): Fired<Origin>[] {
    const fired: Fired<Origin>[] = [];
    while (fired.length < most && this.nextEnd <= until) {
      const start = this.first;
      const keys = this.collecting.get(start);
      if (this.leaving?.start !== start) this.leaving = { start, keys: [...(keys?.keys() ?? [])].sort(), at: 0 };
      const { leaving } = this;
      while (leaving.at < leaving.keys.length && fired.length < most) {
        const key = leaving.keys[leaving.at++] as string;
        const members = keys?.get(key);
        if (!members) continue;
        fired.push(fire(key, start, start + this.options.size, "time", members));
        keys?.delete(key);
      }
      if (leaving.at < leaving.keys.length) break;
      this.leaving = undefined;
      this.collecting.delete(start);
      this.findFirst();
    }
    return fired;
  }

  early(reason: Reason, enough: () => boolean, fired: Fired<Origin>[]): void {
    for (const start of this.starts()) if (!this.fireAll(start, reason, fired, enough)) break;
    this.findFirst();
  }

  silent(before: number): Fired<Origin>[] {
    const fired: Fired<Origin>[] = [];
    if (this.quietSince > before) return fired;
    const starts = this.starts();
    this.over = Math.max(this.over, (starts.at(-1) ?? -Infinity) + this.options.size);
    for (const start of starts) this.fireAll(start, "silence", fired);
    this.findFirst();
    return fired;
  }

  private starts(): number[] {
    return [...this.collecting.keys()].sort((a, b) => a - b);
  }

  private findFirst(): void {
    this.first = Infinity;
    for (const start of this.collecting.keys()) if (start < this.first) this.first = start;
  }

  /** Fires the windows of one start, by key; false when it was stopped by `enough`. */
  private fireAll(start: number, reason: Reason, fired: Fired<Origin>[], enough = (): boolean => false): boolean {
    const keys = this.collecting.get(start) ?? new Map<string, Entry<Origin>[]>();
    for (const key of [...keys.keys()].sort()) {
      if (enough()) return false;
      fired.push(fire(key, start, start + this.options.size, reason, keys.get(key) ?? []));
      keys.delete(key);
    }
    this.collecting.delete(start);
    return true;
  }
}
