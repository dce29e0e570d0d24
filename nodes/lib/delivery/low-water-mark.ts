/**
 * The contiguous low-water mark of one partition (or one file, or one MQTT session): everything before it is finished
 * and may be acknowledged. Its span is what would come again after a kill, as far as the source may still act on it.
 */

/** Bounds of a span. Both count what the source delivered, not offsets: compaction and transactions leave holes. */
export interface SpanLimit {
  readonly records: number;
  readonly bytes: number;
}

/** Rule 11 of the delivery ledger: 5,000 records and 64 MB a partition. */
export const DEFAULT_SPAN: SpanLimit = { records: 5_000, bytes: 64 * 1024 * 1024 };

/** One delivered run of positions, in the hands of the source until it is finished. */
export interface Positions {
  readonly first: number;
  /** The position after the last one. */
  readonly next: number;
  readonly records: number;
  readonly bytes: number;
}

type State = "open" | "held" | "finished";

/** An entry of the list: one delivery, or a run of finished deliveries that were neighbours. */
class Entry implements Positions {
  state: State = "open";
  before: Entry | undefined;
  after: Entry | undefined;
  openBefore: Entry | undefined;
  openAfter: Entry | undefined;
  constructor(
    readonly sequence: number,
    readonly first: number,
    public next: number,
    public records: number,
    public bytes: number,
  ) {}
}

/**
 * Deliveries are told in the order of their positions, with or without holes between them, and finished in any order.
 *
 * **Span.** Records that our nodes hold on purpose count against the holder's own bound, so the span begins at the
 * first delivery that is neither finished nor held, and leaves held ones out: what is finished behind a held record
 * does not stop the source, which may be the only one able to bring the record that ends the hold.
 *
 * **Memory** grows with what is unfinished only: neighbouring finished deliveries become one run.
 */
export class LowWaterMark {
  private head: Entry | undefined;
  private tail: Entry | undefined;
  private open: Entry | undefined;
  private lastOpen: Entry | undefined;
  /** Where the last hold that ended went: the next one usually follows it. */
  private hint: Entry | undefined;
  private sequence = 0;
  private committable: number | undefined;
  private spanRecords = 0;
  private spanBytes = 0;
  private count = 0;
  private isPaused = false;

  constructor(private readonly limit: SpanLimit = DEFAULT_SPAN) {}

  /** The position to acknowledge: everything before it is finished. Undefined before the first delivery. */
  get mark(): number | undefined {
    return this.committable;
  }

  /** Deliveries that are not finished. */
  get unfinished(): number {
    return this.count;
  }

  get span(): SpanLimit {
    return { records: this.spanRecords, bytes: this.spanBytes };
  }

  /** True from the moment the span reaches its limit until it has come down to half of it, in records and in bytes. */
  get paused(): boolean {
    const { records, bytes } = this.limit;
    if (this.isPaused) this.isPaused = this.spanRecords > records / 2 || this.spanBytes > bytes / 2;
    else this.isPaused = this.spanRecords >= records || this.spanBytes >= bytes;
    return this.isPaused;
  }

  /** Whole bytes of records like those of the span that fit into what its limit leaves; undefined while it is empty. */
  get room(): number | undefined {
    if (this.spanRecords === 0) return undefined;
    const { records, bytes } = this.limit;
    const each = this.spanBytes / this.spanRecords;
    return Math.floor(Math.max(0, Math.min(bytes - this.spanBytes, (records - this.spanRecords) * each)));
  }

  /**
   * The source delivers positions `first` to `next` (exclusive) holding `records` records of `bytes` bytes.
   * Throws a RangeError when they overlap what was delivered before: that source must make a new mark.
   */
  delivered(first: number, next: number, records: number, bytes: number): Positions {
    const expected = this.tail?.next ?? this.committable;
    if (next <= first || (expected !== undefined && first < expected))
      throw new RangeError(`positions ${first}–${next} were delivered already: the next is ${String(expected)}`);
    const entry = new Entry((this.sequence += 1), first, next, records, bytes);
    this.committable ??= first;
    entry.before = this.tail;
    if (this.tail === undefined) this.head = entry;
    else this.tail.after = entry;
    this.tail = entry;
    this.count += 1;
    this.spanRecords += records;
    this.spanBytes += bytes;
    this.linkOpen(entry, this.lastOpen);
    return entry;
  }

  /** The delivery is finished. Returns true when the mark moved. */
  finished(delivery: Positions): boolean {
    const entry = delivery as Entry;
    if (entry.state === "finished") return false;
    this.count -= 1;
    if (entry.state === "open") {
      entry.state = "finished";
      this.closeOpen(entry);
    } else {
      entry.state = "finished";
      if (this.open !== undefined && entry.sequence > this.open.sequence) this.grow(entry, 1);
    }
    this.merge(entry);
    if (this.head?.state !== "finished") return false;
    const { head } = this;
    this.committable = head.next;
    this.head = head.after;
    // One that has grown old would keep all that came after it until a full collection.
    head.after = undefined;
    if (this.head === undefined) this.tail = undefined;
    else this.head.before = undefined;
    return true;
  }

  /** A deliberate hold of the whole delivery begins (true) or ends (false). */
  held(delivery: Positions, held: boolean): void {
    const entry = delivery as Entry;
    if (held && entry.state === "open") {
      entry.state = "held";
      if (entry !== this.open) this.grow(entry, -1);
      this.closeOpen(entry);
    } else if (!held && entry.state === "held") {
      entry.state = "open";
      const first = this.open;
      if (first === undefined || entry.sequence < first.sequence) {
        for (let one: Entry | undefined = entry; one !== undefined && one !== first; one = one.after)
          if (one.state !== "held") this.grow(one, 1);
        this.linkOpen(entry, undefined);
      } else {
        this.grow(entry, 1);
        this.linkOpen(entry, this.openBelow(entry, first));
      }
      this.hint = entry;
    }
  }

  private grow(entry: Entry, sign: 1 | -1): void {
    this.spanRecords += sign * entry.records;
    this.spanBytes += sign * entry.bytes;
  }

  /** The last open entry before `entry`, sought from the hint or from the first one. */
  private openBelow(entry: Entry, first: Entry): Entry {
    let below = this.hint !== undefined && this.hint.sequence < entry.sequence ? this.hint : first;
    while (below.openAfter !== undefined && below.openAfter.sequence < entry.sequence) below = below.openAfter;
    return below;
  }

  private linkOpen(entry: Entry, below: Entry | undefined): void {
    entry.openBefore = below;
    entry.openAfter = below === undefined ? this.open : below.openAfter;
    if (entry.openAfter === undefined) this.lastOpen = entry;
    else entry.openAfter.openBefore = entry;
    if (below === undefined) this.open = entry;
    else below.openAfter = entry;
  }

  /** `entry` is open no more. When the span began with it, it now begins at the next open one. */
  private closeOpen(entry: Entry): void {
    const { openBefore, openAfter } = entry;
    if (openBefore === undefined) {
      const until = openAfter;
      for (let one: Entry | undefined = entry; one !== undefined && one !== until; one = one.after)
        if (one === entry || one.state === "finished") this.grow(one, -1);
      this.open = openAfter;
    } else openBefore.openAfter = openAfter;
    if (openAfter === undefined) this.lastOpen = openBefore;
    else openAfter.openBefore = openBefore;
    if (this.hint === entry) this.hint = undefined;
    entry.openBefore = entry.openAfter = undefined;
  }

  /** Makes one run of a finished entry and its finished neighbours. */
  private merge(entry: Entry): void {
    const { before, after } = entry;
    if (before?.state === "finished") this.absorb(before, entry);
    const into = before?.state === "finished" ? before : entry;
    if (after?.state === "finished") this.absorb(into, after);
  }

  private absorb(into: Entry, entry: Entry): void {
    into.next = entry.next;
    into.records += entry.records;
    into.bytes += entry.bytes;
    into.after = entry.after;
    if (entry.after === undefined) this.tail = into;
    else entry.after.before = into;
    entry.after = entry.before = undefined;
  }
}
