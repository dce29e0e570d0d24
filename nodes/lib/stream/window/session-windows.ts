/**
 * Session windows: a key's records, each no further from the next than the gap. As in Flink a record is the window
 * `[time, time + gap]`, and windows of a key that touch are one.
 * A session is over when the watermark has passed its end: at the very end a record may still touch it.
 */
import { IndexedHeap, type Standing } from "../indexed-heap";
import { fire } from "./entry";
import type { Entry, Fired, Reason } from "./entry";
import type { Windowing } from "./time-windows";

interface Session<Origin> extends Standing {
  readonly key: string;
  start: number;
  /** The last record's time and the gap. */
  end: number;
  members: Entry<Origin>[];
}

const earlier = (a: Session<unknown>, b: Session<unknown>): boolean => {
  if (a.end !== b.end) return a.end < b.end;
  return a.key === b.key ? a.start < b.start : a.key < b.key;
};

export class SessionWindows<Origin> implements Windowing<Origin> {
  over = -Infinity;
  private readonly byKey = new Map<string, Session<Origin>[]>();
  private readonly byEnd = new IndexedHeap<Session<Origin>>(0, earlier);
  private last = Infinity;

  /** @param gap ms */
  constructor(private readonly gap: number) {}

  get nextEnd(): number {
    return this.byEnd.first?.end ?? Infinity;
  }

  get quietSince(): number {
    return this.byEnd.size > 0 ? this.last : Infinity;
  }

  add(entry: Entry<Origin>, over: number, now: number): void {
    this.last = now;
    const { key, time } = entry;
    const of = this.byKey.get(key) ?? [];
    // One that is over takes no more, although nobody has come for it yet.
    const met = of.filter(({ start, end }) => end >= over && time <= end && time + this.gap >= start);
    const [first, ...others] = met;
    if (!first) {
      if (time + this.gap < over) return;
      const session = { key, start: time, end: time + this.gap, members: [entry], positions: [-1] };
      this.byKey.set(key, [...of, session]);
      this.byEnd.add(session);
    } else {
      for (const other of others) {
        this.remove(other);
        first.members = first.members.concat(other.members);
        first.start = Math.min(first.start, other.start);
        first.end = Math.max(first.end, other.end);
      }
      first.members.push(entry);
      first.start = Math.min(first.start, time);
      first.end = Math.max(first.end, time + this.gap);
      this.byEnd.moved(first);
    }
    entry.open++;
    entry.unsent++;
  }

  due(until: number, most: number): Fired<Origin>[] {
    const fired: Fired<Origin>[] = [];
    while (fired.length < most && this.nextEnd < until) this.fireFirst("time", fired);
    return fired;
  }

  early(reason: Reason, enough: () => boolean, fired: Fired<Origin>[]): void {
    while (this.byEnd.size > 0 && !enough()) this.fireFirst(reason, fired);
  }

  silent(before: number): Fired<Origin>[] {
    const fired: Fired<Origin>[] = [];
    if (this.quietSince > before) return fired;
    while (this.byEnd.size > 0) this.fireFirst("silence", fired);
    this.over = Math.max(this.over, fired.at(-1)?.end ?? -Infinity);
    return fired;
  }

  private fireFirst(reason: Reason, fired: Fired<Origin>[]): void {
    const session = this.byEnd.first;
    if (!session) return;
    this.remove(session);
    fired.push(fire(session.key, session.start, session.end, reason, session.members));
  }

  private remove(session: Session<Origin>): void {
    this.byEnd.remove(session);
    const others = (this.byKey.get(session.key) ?? []).filter((other) => other !== session);
    if (others.length > 0) this.byKey.set(session.key, others);
    else this.byKey.delete(session.key);
  }
}
