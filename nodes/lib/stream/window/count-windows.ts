/** Windows by number of records, per key, in order of arrival. */
import { fire } from "./entry";
import type { Entry, Fired, Reason } from "./entry";
import type { Windowing } from "./time-windows";

export interface CountWindowOptions {
  /** Records in a window. */
  readonly size: number;
  /** New records from one window to the next: the size for tumbling windows, less for hopping ones. */
  readonly hop: number;
}

interface Collecting<Origin> {
  readonly members: Entry<Origin>[];
  /** How many of them, at the front, were in a window that has fired. */
  readonly stayed: number;
  /** When the last record came. */
  last: number;
}

export class CountWindows<Origin> implements Windowing<Origin> {
  /** By key; the one whose last record is longest ago is first. */
  private readonly collecting = new Map<string, Collecting<Origin>>();
  private ready: Fired<Origin>[] = [];
  readonly nextEnd = Infinity;
  readonly over = -Infinity;

  constructor(private readonly options: CountWindowOptions) {}

  get quietSince(): number {
    for (const { last } of this.collecting.values()) return last;
    return Infinity;
  }

  add(entry: Entry<Origin>, _over: number, now: number): void {
    const { size, hop } = this.options;
    const before = this.collecting.get(entry.key);
    this.collecting.delete(entry.key);
    const collecting = before ?? { members: [], stayed: 0, last: now };
    const { members } = collecting;
    members.push(entry);
    collecting.last = now;
    entry.open++;
    entry.unsent++;
    if (members.length < size) {
      this.collecting.set(entry.key, collecting);
      return;
    }
    const staying = members.slice(hop);
    for (const kept of staying) {
      kept.open++;
      kept.unsent++;
    }
    if (staying.length > 0) this.collecting.set(entry.key, { members: staying, stayed: staying.length, last: now });
    this.ready.push(spanning(entry.key, "count", members));
  }

  due(): Fired<Origin>[] {
    const { ready } = this;
    this.ready = [];
    return ready;
  }

  early(reason: Reason, enough: () => boolean, fired: Fired<Origin>[]): void {
    for (const [key, collecting] of this.collecting) {
      if (enough()) return;
      this.end(key, collecting, reason, fired);
    }
  }

  silent(before: number): Fired<Origin>[] {
    const fired: Fired<Origin>[] = [];
    for (const [key, collecting] of this.collecting) {
      if (collecting.last > before) break;
      this.end(key, collecting, "silence", fired);
    }
    return fired;
  }

  private end(key: string, { members, stayed }: Collecting<Origin>, reason: Reason, fired: Fired<Origin>[]): void {
    this.collecting.delete(key);
    const window = spanning(key, reason, members);
    // Without a new record it would only repeat what has been sent.
    fired.push(members.length > stayed ? window : { ...window, entries: [] });
  }
}

function spanning<Origin>(key: string, reason: Reason, members: Entry<Origin>[]): Fired<Origin> {
  let [start, end] = [Infinity, -Infinity];
  for (const { time } of members) {
    if (time < start) start = time;
    if (time > end) end = time;
  }
  return fire(key, start, end, reason, members);
}
