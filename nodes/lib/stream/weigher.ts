/** Priority of a record by how much it changed since its key's previous one: the published weight algorithm, per field. */
import { ConfigError } from "../errors";
import { compilePath } from "./path";
import { RecentRows } from "./recent";
import type { BlockSnapshot } from "./recent";
import { weightFunction } from "./weight";

export interface WeigherOptions {
  /** Fields of the payload to compare, as paths (`temp`, `readings.temp`); at least one. */
  readonly fields: readonly WeighedField[];
  /** Relative change from which the weight is 1. */
  readonly threshold: number;
  /** Further change for each further weight. */
  readonly step: number;
  readonly combine: "max" | "sum";
  /** Weight of a change from 0 to anything else, whose ratio does not exist. */
  readonly zeroWeight: number;
  /** Keys kept; the least recently used makes room. */
  readonly keys: number;
}

export interface WeighedField {
  readonly path: string;
  /** The value by which the sensor says that it failed; it is not a reading. */
  readonly error?: number;
}

/** What {@link Weigher.weigh} met so far. */
export interface WeigherCounts {
  /** Records that were their key's first. */
  first: number;
  /** Records older than the one kept. */
  late: number;
}

const TIME = 0;
const WEIGHT = 1;
const VALUES = 2;

/**
 * Keeps each key's previous record and weighs the next against it.
 *
 * - A key's first record weighs 0; so does the first after its key had to make room.
 * - null, missing, NaN, infinite, text and the field's error value are no readings: they weigh 0 and the next reading is
 *   compared with the last good one.
 * - From 0 to 0 weighs 0; from 0 to anything else weighs `zeroWeight`.
 * - A record older than the kept one is late: it weighs 0 and changes nothing. Without a time, order of arrival counts.
 * - A record that comes again (same time, same readings: a retry) weighs what it weighed the first time.
 */
export class Weigher {
  readonly counts: WeigherCounts = { first: 0, late: 0 };
  private readonly recent: RecentRows;
  private readonly read: ((payload: unknown) => unknown)[];
  private readonly errors: number[];
  private readonly weight: (curr: number, prev: number) => number;
  private readonly sum: boolean;
  private readonly zeroWeight: number;

  constructor(options: WeigherOptions) {
    if (options.fields.length === 0) throw new ConfigError("Fields: name at least one field to weigh");
    this.recent = new RecentRows(VALUES + options.fields.length, options.keys);
    this.read = options.fields.map((field) => reader(field.path));
    this.errors = options.fields.map((field) => field.error ?? NaN);
    this.weight = weightFunction(options.threshold, options.step);
    this.sum = options.combine === "sum";
    this.zeroWeight = options.zeroWeight;
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
    const { recent, read } = this;
    let slot = recent.find(key);
    const first = slot < 0;
    if (first) {
      this.counts.first++;
      slot = recent.take(key);
    }
    const rows = recent.data;
    const at = slot * recent.width;
    if (first) rows.fill(NaN, at, at + recent.width);
    const kept = rows[at + TIME] as number;
    if (time < kept) {
      this.counts.late++;
      return 0;
    }
    let total = 0;
    let changed = false;
    for (let field = 0; field < read.length; field++) {
      const value = (read[field] as (payload: unknown) => unknown)(payload);
      if (typeof value !== "number" || !Number.isFinite(value) || value === this.errors[field]) continue;
      const index = at + VALUES + field;
      const prev = rows[index] as number;
      if (value === prev) continue;
      changed = true;
      rows[index] = value;
      if (prev !== prev) continue;
      const weight = prev === 0 ? this.zeroWeight : this.weight(value, prev);
      total = this.sum ? total + weight : Math.max(total, weight);
    }
    if (!changed && time === kept) return rows[at + WEIGHT] as number;
    if (time === time) rows[at + TIME] = time;
    rows[at + WEIGHT] = total;
    recent.touch(slot);
    return total;
  }

  /** Blocks of keys that changed since the last call, for a store. */
  takeChanged(): number[] {
    return this.recent.takeChanged();
  }

  /** Blocks that could not be stored count as changed again. */
  putBack(blocks: readonly number[]): void {
    this.recent.putBack(blocks);
  }

  snapshot(block: number): BlockSnapshot {
    return this.recent.snapshot(block);
  }

  /** Takes a stored block in; false when it does not fit these fields. Call before the first record. */
  restore(block: BlockSnapshot): boolean {
    return this.recent.restore(block);
  }
}

function reader(path: string): (payload: unknown) => unknown {
  const read = compilePath(path, "Fields");
  if (/[.[]/.test(path)) return read;
  return (payload) =>
    typeof payload === "object" && payload !== null ? (payload as Record<string, unknown>)[path] : undefined;
}
