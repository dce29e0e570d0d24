/** Priority of a record by how much it changed since its key's previous one. */
import type { Advance } from "../state/port";
import { timeOf } from "./metric";
import { RecentRows } from "./recent";
import { RowWeigher, type WeightOptions } from "./weigh-row";

export interface WeigherOptions extends WeightOptions {
  /** Keys kept; the least recently used makes room. */
  readonly keys: number;
}

/** What {@link Weigher.weigh} met so far. */
export interface WeigherCounts {
  /** Records that were their key's first. */
  first: number;
  /** Records older than the one kept. */
  late: number;
}

/** Keeps each key's previous record in memory and weighs the next against it; a key that had to make room begins anew. */
export class Weigher {
  readonly counts: WeigherCounts = { first: 0, late: 0 };
  private readonly row: RowWeigher;
  private readonly recent: RecentRows;

  constructor(options: WeigherOptions) {
    this.row = new RowWeigher(options);
    this.recent = new RecentRows(this.row.width, options.keys);
  }

  get keys(): number {
    return this.recent.size;
  }

  /** Keys that had to make room for others. */
  get evicted(): number {
    return this.recent.evicted;
  }

  /** The weight of a record, which becomes its key's previous one. `time` is ms since the epoch, NaN where unknown. */
  weigh(key: string, time: number, payload: unknown): number {
    const { recent, row } = this;
    let slot = recent.find(key);
    const first = slot < 0;
    if (first) {
      this.counts.first++;
      slot = recent.take(key);
    }
    const rows = recent.data;
    const at = slot * recent.width;
    if (first) rows.fill(NaN, at, at + recent.width);
    if (row.isLate(rows, at, time)) {
      this.counts.late++;
      return 0;
    }
    return row.weigh(rows, at, time, payload);
  }
}

/** A key's row as JSON can hold it: null for NaN. */
export type WeighState = readonly (number | null)[];

/** The same as a step from state to state: a record's weight is its result, none for 0. */
export function weighStep(options: WeightOptions): Advance<WeighState, number> {
  const weigher = new RowWeigher(options);
  const row = new Float64Array(weigher.width);
  return (state, { timestamp, payload }) => {
    for (let i = 0; i < row.length; i++) row[i] = state?.[i] ?? NaN;
    const time = millisecondsOf(timestamp);
    if (state && weigher.isLate(row, 0, time)) return { state };
    const weight = weigher.weigh(row, 0, time, payload);
    return { state: Array.from(row, (n) => (Number.isNaN(n) ? null : n)), ...(weight > 0 && { result: weight }) };
  };
}

/** Event time in ms, NaN where the record has none: then order of arrival counts. @throws Rejected when it is no time */
export function millisecondsOf(timestamp: unknown): number {
  if (typeof timestamp === "number") return timestamp;
  return timestamp === undefined || timestamp === null ? NaN : timeOf(timestamp);
}
