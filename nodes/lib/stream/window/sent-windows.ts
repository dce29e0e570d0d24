/**
 * Windows that were sent, remembered for a while: when one fails downstream, its source sends its records again, and what
 * comes again is late by then. It is recognised here, and the very window is sent again when all its records are back.
 */
import { isDeepStrictEqual } from "node:util";
import type { StreamRecord } from "../record";
import type { Entry, Fired } from "./entry";
import { sameSource } from "./source-order";

export interface SentWindowsOptions {
  /** Most records and bytes remembered; the windows sent longest ago are forgotten. */
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** How long a window waits for the rest of its records to come again, ms of the clock; then it is sent with those remembered. */
  readonly patience: number;
}

interface Remembered<Origin> {
  readonly key: string;
  readonly start: number;
  readonly end: number;
  readonly reason: Fired<Origin>["reason"];
  readonly partial: boolean;
  /** In the window's order; each is replaced by the record that came again. */
  readonly places: { time: number; record: StreamRecord; bytes: number; again: Entry<Origin> | undefined }[];
  readonly bytes: number;
  /** What came again, repetitions included. */
  members: Entry<Origin>[];
  missing: number;
  /** When the first record came again. */
  since: number;
}

export class SentWindows<Origin> {
  /** By key and start; one that left in parts is several. */
  private readonly windows = new Map<string, Map<number, Remembered<Origin>[]>>();
  /** In the order in which they were sent. */
  private readonly order = new Set<Remembered<Origin>>();
  private readonly returning = new Set<Remembered<Origin>>();
  private records = 0;
  private bytes = 0;

  constructor(private readonly options: SentWindowsOptions) {}

  /** Remembers a window that is being sent, without what brought its records. */
  remember({ key, start, end, reason, partial, entries }: Fired<Origin>): void {
    const places = entries.map(({ time, record, bytes }) => ({ time, record, bytes, again: undefined }));
    const bytes = places.reduce((sum, place) => sum + place.bytes, 0);
    const one: Remembered<Origin> = {
      key,
      start,
      end,
      reason,
      partial,
      places,
      bytes,
      members: [],
      missing: places.length,
      since: 0,
    };
    let starts = this.windows.get(key);
    if (!starts) this.windows.set(key, (starts = new Map()));
    const parts = starts.get(start);
    if (parts) parts.push(one);
    else starts.set(start, [one]);
    this.order.add(one);
    this.records += places.length;
    this.bytes += bytes;
    for (const oldest of this.order) {
      if (this.records <= this.options.maxRecords && this.bytes <= this.options.maxBytes) break;
      // One that is coming back is needed; it goes when it has been sent again.
      if (!this.returning.has(oldest)) this.forget(oldest);
    }
  }

  /**
   * Takes in a late record if it was in windows that begin at `starts` (absent: whatever begins and ends around it): its
   * `unsent` then counts these windows, which leave with it by `due`. False when no window remembers it.
   */
  again(entry: Entry<Origin>, starts: readonly number[] | undefined, now: number): boolean {
    const ofKey = this.windows.get(entry.key);
    if (!ofKey) return false;
    for (const start of starts ?? ofKey.keys())
      for (const window of ofKey.get(start) ?? []) {
        if (entry.time < window.start || entry.time > window.end) continue;
        const place = window.places.find((one) => one.time === entry.time && isSame(one.record, entry.record));
        if (!place) continue;
        if (window.members.length === 0) window.since = now;
        if (!place.again) window.missing--;
        place.again = entry;
        place.record = entry.record;
        window.members.push(entry);
        entry.unsent++;
        this.returning.add(window);
      }
    return entry.unsent > 0;
  }

  /** The windows to send again: complete ones, and those whose patience is over. */
  due(now: number): Fired<Origin>[] {
    const fired: Fired<Origin>[] = [];
    for (const window of this.returning) {
      if (window.missing > 0 && now - window.since < this.options.patience) continue;
      const { key, start, end, reason, partial, members } = window;
      const entries = window.places.map(
        ({ time, record, bytes, again }, sequence): Entry<Origin> =>
          again ?? {
            key,
            time,
            sequence,
            bytes,
            record,
            origin: (members[0] as Entry<Origin>).origin,
            open: 0,
            unsent: 0,
          },
      );
      fired.push({ key, start, end, reason, partial, entries, members, freed: 0, freedBytes: 0 });
      this.returning.delete(window);
      this.forget(window);
    }
    return fired;
  }

  /** When `due` may find something without a record coming, on the clock; undefined: never. */
  get nextDue(): number | undefined {
    let next = Infinity;
    for (const { since } of this.returning) if (since < next) next = since;
    return next === Infinity ? undefined : next + this.options.patience;
  }

  private forget(window: Remembered<Origin>): void {
    this.order.delete(window);
    this.records -= window.places.length;
    this.bytes -= window.bytes;
    const starts = this.windows.get(window.key);
    const parts = (starts?.get(window.start) ?? []).filter((one) => one !== window);
    if (parts.length > 0) starts?.set(window.start, parts);
    else starts?.delete(window.start);
    if (starts?.size === 0) this.windows.delete(window.key);
  }
}

/** By coordinates where the source gives an offset, else by content. */
function isSame(a: StreamRecord, b: StreamRecord): boolean {
  return sameSource(a.source, b.source) || (!hasOffset(a) && !hasOffset(b) && isDeepStrictEqual(a.payload, b.payload));
}

const hasOffset = ({ source }: StreamRecord): boolean => sameSource(source, source);
