/**
 * How far event time has come: records before the watermark are not expected any more.
 * Flink's rule: the highest event time of a partition less the bounded disorder; over partitions, the lowest; partitions
 * that have been silent are left out. It never goes back. Time on the clock is told by the caller.
 */
export interface WatermarkOptions {
  /** How much older than the newest record of its partition a record may be, in ms. */
  readonly disorder: number;
  /** A partition without a record for so long is left out, in ms of the clock; 0: never. */
  readonly idle: number;
  /** Before so many partitions have been seen, nothing is over (unless the idle time passes first). */
  readonly partitions: number;
}

/** What a watermark knows, as it can be kept: partitions with their highest event times. */
export interface WatermarkState {
  readonly value: number;
  readonly certainFrom: number;
  readonly complete: boolean;
  readonly partitions: readonly (readonly [name: string, highest: number, idle: boolean])[];
}

interface Partition {
  highest: number;
  /** When its last record came. */
  seen: number;
  idle: boolean;
}

export class Watermark {
  /** ms since the epoch; a window whose end is not above it is complete. −Infinity before the first record. */
  value = -Infinity;
  /**
   * What began before or at it may lack records: they may have come before the first one that was seen of their partition, as
   * after a restart, when a source repeats only what was not acknowledged.
   */
  certainFrom = -Infinity;
  private readonly partitions = new Map<string, Partition>();
  private slowest: Partition | undefined;
  private first: number | undefined;
  private complete = false;

  constructor(private readonly options: WatermarkOptions) {}

  /** A record with event time `time` came from a partition at `now` on the clock. */
  observe(name: string, time: number, now: number): void {
    this.first ??= now;
    let partition = this.partitions.get(name);
    if (!partition) {
      partition = { highest: -Infinity, seen: now, idle: false };
      this.partitions.set(name, partition);
      this.certainFrom = Math.max(this.certainFrom, time + this.options.disorder);
      this.slowest = undefined;
      this.complete ||= this.partitions.size >= this.options.partitions;
    }
    partition.seen = now;
    if (partition.idle) {
      partition.idle = false;
      this.slowest = undefined;
    }
    if (time > partition.highest) {
      partition.highest = time;
      if (partition === this.slowest) this.slowest = undefined;
    }
    if (!this.slowest) this.advance();
  }

  /** Leaves out the partitions that are silent by now. */
  tick(now: number): void {
    const { idle } = this.options;
    if (idle <= 0 || this.first === undefined) return;
    if (!this.complete && now - this.first >= idle) {
      this.complete = true;
      this.slowest = undefined;
    }
    for (const partition of this.partitions.values()) {
      if (partition.idle || now - partition.seen < idle) continue;
      partition.idle = true;
      if (partition === this.slowest) this.slowest = undefined;
    }
    if (!this.slowest) this.advance();
  }

  /** When `tick` can next change anything, on the clock; undefined: never without a record. */
  get nextTick(): number | undefined {
    if (this.options.idle <= 0 || this.first === undefined) return undefined;
    let next = this.complete ? Infinity : this.first;
    // When all are idle the watermark stands: the last one to fall silent changes nothing by it.
    if (this.partitions.size > 1)
      for (const { idle, seen } of this.partitions.values()) if (!idle && seen < next) next = seen;
    return next === Infinity ? undefined : next + this.options.idle;
  }

  /** Moves the watermark on to `time`, because the stream has ended or fallen silent. */
  advanceTo(time: number): void {
    if (time > this.value) this.value = time;
  }

  get state(): WatermarkState {
    const { value, certainFrom, complete } = this;
    const partitions = [...this.partitions].map(([name, { highest, idle }]) => [name, highest, idle] as const);
    return { value, certainFrom, complete, partitions };
  }

  /** Goes on from what was kept, as if each partition's last record had come at `now` on the clock. */
  restore({ value, certainFrom, complete, partitions }: WatermarkState, now: number): void {
    this.value = value;
    this.certainFrom = certainFrom;
    // Fewer may be asked for now.
    this.complete = complete || partitions.length >= this.options.partitions;
    for (const [name, highest, idle] of partitions) this.partitions.set(name, { highest, seen: now, idle });
    if (partitions.length > 0) this.first = now;
    this.slowest = undefined;
    this.advance();
  }

  private advance(): void {
    let slowest: Partition | undefined;
    for (const partition of this.partitions.values())
      if (!partition.idle && (!slowest || partition.highest < slowest.highest)) slowest = partition;
    this.slowest = slowest;
    if (slowest && this.complete) this.advanceTo(slowest.highest - this.options.disorder);
  }
}
