/**
 * Windows over a stream: watermark, windows and bounds together. Knows no clock and does no input or output: the caller
 * tells the time, takes what has fired, and says when it has been sent.
 */
import type { StreamRecord } from "../record";
import { CountWindows } from "./count-windows";
import type { Entry, Fired } from "./entry";
import { SessionWindows } from "./session-windows";
import { SentWindows } from "./sent-windows";
import { TimeWindows, windowStarts } from "./time-windows";
import type { Windowing } from "./time-windows";
import { Watermark, type WatermarkState } from "./watermark";

export interface WindowerOptions {
  /**
   * `event`: by the records' own time; `session`: the same, as long as a key's records come no further apart than `size`;
   * `processing`: by the clock when they come; `count`: by number.
   */
  readonly by: "event" | "session" | "processing" | "count";
  /** ms, or records of a count window; of sessions the gap that ends them. */
  readonly size: number;
  readonly hop: number;
  readonly offset: number;
  readonly disorder: number;
  readonly idle: number;
  readonly partitions: number;
  /**
   * Windows fire when no record has come for so long (of their key, for windows by count), ms of the clock; 0: they wait
   * for ever. What has fired so is over: later records of these times are late.
   */
  readonly silence: number;
  /** Most records and bytes held; beyond, the oldest windows fire early until a tenth is free. */
  readonly maxRecords: number;
  readonly maxBytes: number;
  /**
   * How long a sent window that failed waits for all its records to come again, ms of the clock; undefined: they do not come
   * again, so that nothing of what was sent is remembered.
   */
  readonly patience: number | undefined;
}

/** What windows know beside the records in them. */
export interface WindowerState {
  readonly watermark: WatermarkState;
  /** End of the latest window that left early; undefined: none did. */
  readonly cut?: number;
}

/** How a record came that is put back. */
export interface Came {
  /** On the clock. */
  readonly now: number;
  /** The event time by which it was judged. */
  readonly over: number;
  /** Starts of the hopping windows that it was in and that have been sent. */
  readonly left?: ReadonlySet<number> | undefined;
}

export interface Arrival<Origin> {
  readonly key: string;
  /** Event time, ms since the epoch. */
  readonly time: number;
  readonly partition: string;
  readonly bytes: number;
  readonly record: StreamRecord;
  readonly origin: Origin;
}

const windowingOf = <Origin>(options: WindowerOptions): Windowing<Origin> => {
  if (options.by === "count") return new CountWindows<Origin>(options);
  if (options.by === "session") return new SessionWindows<Origin>(options.size);
  return new TimeWindows<Origin>(options, options.by === "processing");
};

export class Windower<Origin> {
  /** Records in windows that still collect. */
  records = 0;
  bytes = 0;
  private readonly windows: Windowing<Origin>;
  private readonly watermark: Watermark;
  private sequence = 0;
  private fired: Fired<Origin>[] = [];
  /** End of the latest window that left early, which can leave again with the rest. */
  private cut = -Infinity;
  private readonly sentWindows: SentWindows<Origin> | undefined;
  private readonly byEventTime: boolean;

  constructor(private readonly options: WindowerOptions) {
    this.windows = windowingOf(options);
    this.byEventTime = options.by === "event" || options.by === "session";
    this.watermark = new Watermark(options);
    const { maxRecords, maxBytes, patience } = options;
    if (patience !== undefined)
      this.sentWindows = new SentWindows({ maxRecords: maxRecords / 2, maxBytes: maxBytes / 2, patience });
  }

  /** Records before it are late, ms since the epoch; −Infinity before the first. */
  get eventTime(): number {
    return this.watermark.value;
  }

  /** The event time by which the next record is judged: windows that end before it take no more. */
  get over(): number {
    return this.byEventTime ? this.watermark.value : -Infinity;
  }

  /**
   * Puts a record into its windows. `late`: all of them are over, it is in none. `again`: they are over and it was in
   * them, so one of them has failed: they are sent again.
   */
  add(arrival: Arrival<Origin>, now: number): "held" | "late" | "again" {
    const { key, time, bytes, record, origin } = arrival;
    const entry: Entry<Origin> = { key, time, sequence: this.sequence++, bytes, record, origin, open: 0, unsent: 0 };
    // What the clock has passed must fire before, even when nobody looked.
    if (this.options.by === "processing") this.collect(now);
    const sessions = this.options.by === "session";
    // What comes again of a session that was sent may touch a later one, which it must not lengthen.
    if (sessions && time <= this.watermark.value && this.sentWindows?.again(entry, undefined, now)) return "again";
    // A record is judged by the watermark before it, and then moves it.
    this.windows.add(entry, this.over, now);
    if (this.byEventTime) this.watermark.observe(arrival.partition, time, now);
    if (entry.unsent === 0) {
      const again = !sessions && this.sentWindows?.again(entry, windowStarts(time, this.options), now);
      return again ? "again" : "late";
    }
    this.records++;
    this.bytes += bytes;
    if (this.options.by === "count") this.take(this.windows.due(Infinity, Infinity));
    if (this.records > this.options.maxRecords || this.bytes > this.options.maxBytes) {
      if (this.byEventTime) this.take(this.windows.due(this.watermark.value, Infinity));
      this.fireEarly(this.options.maxRecords * 0.9, this.options.maxBytes * 0.9);
    }
    return "held";
  }

  get state(): WindowerState {
    return { watermark: this.watermark.state, ...(this.cut > -Infinity && { cut: this.cut }) };
  }

  /** Goes on from what was kept, before any record: `now` is on the clock. The records follow, by `putBack`. */
  restore({ watermark, cut = -Infinity }: WindowerState, now: number): void {
    this.watermark.restore(watermark, now);
    this.cut = cut;
  }

  /**
   * Puts back a record that was in windows when the state was kept, in the order in which they came. False: it has been in
   * all its windows.
   */
  putBack({ key, time, bytes, record, origin }: Arrival<Origin>, { now, over, left }: Came): boolean {
    const sequence = this.sequence++;
    const entry: Entry<Origin> = { key, time, sequence, bytes, record, origin, left, open: 0, unsent: 0 };
    this.windows.add(entry, over, now);
    if (entry.unsent === 0) return false;
    this.records++;
    this.bytes += bytes;
    if (this.options.by === "count") this.take(this.windows.due(Infinity, Infinity));
    return true;
  }

  /**
   * The windows that have fired, in the order of their ends and keys: at most so many, so that thousands that end at once
   * can leave by turns. Fewer: these were all.
   */
  due(now: number, most = Infinity): Fired<Origin>[] {
    this.collect(now, most);
    for (const window of this.sentWindows?.due(now) ?? []) this.fired.push(window);
    return this.fired.splice(0, most);
  }

  /**
   * A window that `due` gave has been sent. Calls `out` with each of its records that is in no other unsent window. By
   * event time the window is remembered, for the case that it fails and its records come again.
   */
  sent(window: Fired<Origin>, out: (entry: Entry<Origin>) => void): void {
    if (this.byEventTime && window.entries.length > 0) this.sentWindows?.remember(window);
    for (const entry of window.members) if (--entry.unsent === 0) out(entry);
  }

  /** When `due` may find something without a record coming, on the clock; undefined: never. */
  get nextDue(): number | undefined {
    const { by, silence } = this.options;
    const times = [
      this.byEventTime && this.records > 0 ? this.watermark.nextTick : undefined,
      by === "processing" ? this.windows.nextEnd : undefined,
      silence > 0 ? this.windows.quietSince + silence : undefined,
      this.sentWindows?.nextDue,
    ].filter((time) => time !== undefined && time < Infinity);
    return times.length > 0 ? Math.min(...(times as number[])) : undefined;
  }

  /** Fires the oldest windows although they are not over, until no more than this is held. */
  fireEarly(records: number, bytes: number): void {
    const enough = (): boolean => this.records <= records && this.bytes <= bytes;
    // `early` asks before each window, after those before it were counted out.
    let counted = 0;
    const pending: Fired<Origin>[] = [];
    const watch = (): boolean => {
      for (; counted < pending.length; counted++) this.countOut(pending[counted] as Fired<Origin>);
      return enough();
    };
    this.windows.early("bound", watch, pending);
    watch();
    for (const window of pending) this.ready(window);
  }

  private collect(now: number, most = Infinity): void {
    const { by, silence } = this.options;
    const room = most - this.fired.length;
    if (this.byEventTime) {
      this.watermark.tick(now);
      this.take(this.windows.due(this.watermark.value, room));
    } else if (by === "processing") this.take(this.windows.due(now, room));
    if (silence > 0) {
      this.take(this.windows.silent(now - silence));
      this.watermark.advanceTo(this.windows.over);
    }
  }

  private take(fired: readonly Fired<Origin>[]): void {
    for (const window of fired) {
      this.countOut(window);
      this.ready(window);
    }
  }

  private ready(window: Fired<Origin>): void {
    if (this.byEventTime) {
      if (window.reason === "bound") this.cut = Math.max(this.cut, window.end);
      // A session could have begun with a record up to a gap before.
      const from = this.options.by === "session" ? window.start - this.options.size : window.start;
      window.partial = window.reason === "bound" || from <= this.watermark.certainFrom || window.start < this.cut;
    }
    this.fired.push(window);
  }

  private countOut({ freed, freedBytes }: Fired<Origin>): void {
    this.records -= freed;
    this.bytes -= freedBytes;
  }
}
