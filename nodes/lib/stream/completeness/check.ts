/**
 * Whether a stream of records is complete: values missing by column, an interval kept, nothing twice, offsets without
 * holes. No I/O and no clock; memory is bounded by the options, not by the rows.
 */
import { Listed, type Listing } from "./listing";
import type {
  CompletenessReport,
  Duplicate,
  IntervalReport,
  KeyReport,
  OffsetReport,
  TimeGap,
  Unreadable,
} from "./report";
import type { Gap } from "./runs";
import { Sequence, type SequenceReport } from "./sequence";
import { Buckets } from "./timeline";

export interface CheckOptions {
  /** Expected distance of two readings in ms; 0: any, then only duplicates and order are looked at. */
  readonly interval: number;
  /** A distance up to interval + tolerance is no gap, in ms. Default: half of the interval. */
  readonly tolerance?: number;
  /** Each key has an interval of its own. */
  readonly keyed?: boolean;
  /** Most gaps, duplicates, … that are listed; all are counted. Default 1,000. */
  readonly listed?: number;
  /** Irregularities that are remembered, see `Runs`. Default 100,000; with keys 1,000 for each. */
  readonly remembered?: number;
  /** Keys, and partitions, that are followed. Default 10,000. */
  readonly keys?: number;
}

interface Partition {
  readonly topic: string;
  readonly partition: number;
  readonly sequence: Sequence;
  readonly holes: Listed<Gap>;
  readonly repeated: Listed<number>;
}

/** Columns of records that are followed: names that differ from record to record must not take all memory. */
const MOST_COLUMNS = 1_000;

/** Whether a value has named columns; bytes and lists have none, though they are objects. */
export const hasColumns = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);

export class CompletenessCheck {
  readonly #names: string[] = [];
  readonly #missing: number[] = [];
  readonly #columns = new Map<string, number>();
  readonly #unreadable: Listed<Unreadable>;
  readonly #gaps: Listed<TimeGap>;
  readonly #duplicates: Listed<Duplicate>;
  readonly #keys = new Map<string, Sequence>();
  readonly #partitions = new Map<string, Partition>();
  readonly #buckets = new Buckets();
  readonly #listed: number;
  readonly #tolerance: number;
  #only: Sequence | undefined;
  #rows = 0;
  #timed = 0;
  #withoutTime = 0;
  #notFollowed = 0;
  #hasTime = false;

  constructor(private readonly options: CheckOptions) {
    this.#listed = options.listed ?? 1_000;
    this.#tolerance = options.interval > 0 ? (options.tolerance ?? options.interval / 2) : Infinity;
    this.#unreadable = new Listed(this.#listed);
    this.#gaps = new Listed(this.#listed);
    this.#duplicates = new Listed(this.#listed);
    if (!options.keyed) this.#only = this.#sequence(undefined);
  }

  /** Rows counted so far. */
  get rows(): number {
    return this.#rows;
  }

  /** The number of a column for `missing`. A column that appears late was missing in all rows before. */
  column(name: string): number {
    const known = this.#columns.get(name);
    if (known !== undefined) return known;
    this.#columns.set(name, this.#names.length);
    this.#missing.push(this.#rows);
    return this.#names.push(name) - 1;
  }

  /**
   * Counts a row.
   * @param time ms since the epoch; NaN when it has none, undefined when no time is looked at
   */
  row(time: number | undefined, key = ""): void {
    this.#rows++;
    if (time === undefined) return;
    this.#hasTime = true;
    if (Number.isNaN(time)) {
      this.#withoutTime++;
      return;
    }
    this.#timed = this.#rows;
    this.#buckets.row(time);
    const sequence = this.#only ?? this.#ofKey(key);
    if (!sequence) this.#notFollowed++;
    else if (sequence.add(time) === "duplicate")
      this.#duplicates.add({ time, row: this.#rows, ...(this.#only ? {} : { key }) });
  }

  /** The row counted last has no value in this column. */
  missing(column: number): void {
    this.#missing[column] = (this.#missing[column] ?? 0) + 1;
    if (this.#timed === this.#rows) this.#buckets.missing(column);
  }

  /**
   * Counts a row by its values: null, undefined and NaN are missing. Anything but an object is the column "value"; columns
   * beyond the first thousand are not followed.
   *
   * @param except properties that are no columns, such as time and key
   */
  record(value: unknown, time: number | undefined, key?: string, except?: ReadonlySet<string>): void {
    const values = hasColumns(value) ? value : { value };
    for (const name in values) {
      if (this.#columns.has(name) || except?.has(name)) continue;
      if (this.#names.length >= MOST_COLUMNS) {
        this.#notFollowed++;
        break;
      }
      this.column(name);
    }
    this.row(time, key);
    for (const [column, name] of this.#names.entries()) {
      const one = Object.hasOwn(values, name) ? values[name] : undefined;
      if (one === undefined || one === null || Number.isNaN(one)) this.missing(column);
    }
  }

  unreadable(place: string, reason: string): void {
    this.#unreadable.add({ place, reason });
  }

  /** Where a row comes from in Kafka. */
  offset(topic: string, partition: number, offset: number): void {
    const id = `${topic} ${partition}`;
    let found = this.#partitions.get(id);
    if (!found) {
      if (this.#partitions.size >= this.#mostKeys) {
        this.#notFollowed++;
        return;
      }
      const holes = new Listed<Gap>(this.#listed);
      const forgotten = (gap: Gap): void => holes.add(gap);
      const sequence = new Sequence({ step: 1, tolerance: 0, limit: this.options.remembered ?? 100_000, forgotten });
      found = { topic, partition, sequence, holes, repeated: new Listed<number>(this.#listed) };
      this.#partitions.set(id, found);
    }
    if (found.sequence.add(offset) === "duplicate") found.repeated.add(offset);
  }

  /** What is known so far. */
  report(): CompletenessReport {
    const interval = this.#hasTime ? this.#interval() : undefined;
    const offsets = [...this.#partitions.values()].map((one) => offsetReport(one, this.#listed)).sort(byPartition);
    const keys = this.options.keyed ? this.#keyReports() : undefined;
    const timeline = this.#buckets.read(this.#names.length, this.#living());
    const columns = this.#names.map((name, column) => ({ name, missing: this.#missing[column] ?? 0 }));
    const sequences: readonly SequenceReport[] = [
      ...offsets,
      ...(interval ? [{ ...interval, gaps: interval.gaps.count, duplicates: interval.duplicates.count }] : []),
    ];
    return {
      rows: this.#rows,
      unreadable: copy(this.#unreadable),
      withoutTime: this.#withoutTime,
      columns,
      ...(interval ? { interval } : {}),
      ...(keys ? { keys } : {}),
      offsets,
      exact: this.#notFollowed === 0 && sequences.every(({ undecided }) => undecided === 0),
      complete:
        this.#unreadable.count === 0 &&
        this.#withoutTime === 0 &&
        columns.every(({ missing }) => missing === 0) &&
        sequences.every(({ gaps, duplicates }) => gaps === 0 && duplicates === 0),
      ...(timeline ? { timeline } : {}),
    };
  }

  get #mostKeys(): number {
    return this.options.keys ?? 10_000;
  }

  #sequence(key: string | undefined): Sequence {
    const { interval, remembered = this.options.keyed ? 1_000 : 100_000 } = this.options;
    const forgotten = (gap: Gap): void => {
      this.#gaps.add({ ...gap, ...(key === undefined ? {} : { key }) });
      this.#buckets.gap(gap.from, gap.to, gap.missing);
    };
    return new Sequence({
      step: interval > 0 ? interval : 1,
      tolerance: this.#tolerance,
      limit: remembered,
      forgotten,
    });
  }

  #ofKey(key: string): Sequence | undefined {
    let found = this.#keys.get(key);
    if (!found && this.#keys.size < this.#mostKeys) this.#keys.set(key, (found = this.#sequence(key)));
    return found;
  }

  /** Gaps that can still be filled. */
  *#living(): Generator<TimeGap> {
    if (this.#only) yield* this.#only.gaps();
    for (const [key, sequence] of this.#keys) for (const gap of sequence.gaps()) yield { ...gap, key };
  }

  #interval(): IntervalReport {
    const reports = this.#only ? [this.#only.report()] : [...this.#keys.values()].map((one) => one.report());
    const gaps = new Listed<TimeGap>(this.#listed);
    for (const gap of this.#gaps.listed) gaps.add(gap);
    gaps.count = this.#gaps.count;
    for (const gap of this.#living()) gaps.add(gap);
    const sum = (of: (one: SequenceReport) => number): number => reports.reduce((all, one) => all + of(one), 0);
    const longest = reports
      .flatMap((one) => one.longest ?? [])
      .reduce<Gap | undefined>(
        (best, gap) => (best && best.to - best.from >= gap.to - gap.from ? best : gap),
        undefined,
      );
    const firsts = reports.flatMap(({ first }) => first ?? []);
    const lasts = reports.flatMap(({ last }) => last ?? []);
    return {
      expected: this.options.interval,
      tolerance: this.options.interval > 0 ? this.#tolerance : 0,
      rows: sum(({ rows }) => rows),
      ...(firsts.length > 0
        ? { first: firsts.reduce((a, b) => Math.min(a, b)), last: lasts.reduce((a, b) => Math.max(a, b)) }
        : {}),
      gaps: copy(gaps),
      missing: sum(({ missing }) => missing),
      ...(longest ? { longest } : {}),
      tooClose: sum(({ tooClose }) => tooClose),
      duplicates: copy(this.#duplicates),
      outOfOrder: sum(({ outOfOrder }) => outOfOrder),
      furthest: reports.reduce((most, { furthest }) => Math.max(most, furthest), 0),
      undecided: sum(({ undecided }) => undecided),
      beyond: sum(({ beyond }) => beyond),
      notFollowed: this.#notFollowed,
    };
  }

  #keyReports(): Listing<KeyReport> {
    const all = [...this.#keys].map(([key, sequence]) => ({ key, ...sequence.report() }));
    all.sort((a, b) => b.missing + b.duplicates - a.missing - a.duplicates || (a.key < b.key ? -1 : 1));
    return { count: all.length, listed: all.slice(0, this.#listed) };
  }
}

function offsetReport({ topic, partition, sequence, holes, repeated }: Partition, listed: number): OffsetReport {
  const all = new Listed<Gap>(listed);
  for (const hole of holes.listed) all.add(hole);
  all.count = holes.count;
  for (const hole of sequence.gaps()) all.add(hole);
  return { topic, partition, ...sequence.report(), holes: copy(all), repeated: copy(repeated) };
}

const copy = <T>({ count, listed }: Listing<T>): Listing<T> => ({ count, listed: [...listed] });

const byPartition = (a: OffsetReport, b: OffsetReport): number =>
  a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;
