/** The published weight algorithm on the numbers that are kept of a key: its previous record's time, weight and readings. */
import { ConfigError } from "../errors";
import { compilePath } from "./path";
import { weightFunction } from "./weight";

export interface WeightOptions {
  /** Fields of the payload to compare, as paths (`temp`, `readings.temp`); at least one. */
  readonly fields: readonly WeighedField[];
  /** Relative change from which the weight is 1. */
  readonly threshold: number;
  /** Further change for each further weight. */
  readonly step: number;
  readonly combine: "max" | "sum";
  /** Weight of a change from 0 to anything else, whose ratio does not exist. */
  readonly zeroWeight: number;
}

export interface WeighedField {
  readonly path: string;
  /** The value by which the sensor says that it failed; it is not a reading. */
  readonly error?: number;
}

/** In a row: the previous record's time, NaN where unknown; what it weighed; then its last good readings, NaN for none. */
const [TIME, WEIGHT, VALUES] = [0, 1, 2] as const;

/**
 * Weighs a record against its key's row, which holds that record afterwards.
 *
 * - A row of NaN is of no record: the first weighs 0.
 * - null, missing, NaN, infinite, text and the field's error value are no readings: they weigh 0 and the next reading is
 *   compared with the last good one.
 * - From 0 to 0 weighs 0; from 0 to anything else weighs `zeroWeight`.
 * - A record older than the kept one is late: it weighs 0 and changes nothing. Without a time, order of arrival counts.
 * - A record that comes again (same time, same readings: a retry) weighs what it weighed the first time.
 */
export class RowWeigher {
  /** Numbers in a row. */
  readonly width: number;
  private readonly read: ((payload: unknown) => unknown)[];
  private readonly errors: number[];
  private readonly weight: (curr: number, prev: number) => number;
  private readonly sum: boolean;
  private readonly zeroWeight: number;

  /** @throws ConfigError without fields, or for a path or a weight that can't be */
  constructor(options: WeightOptions) {
    if (options.fields.length === 0) throw new ConfigError("Fields: name at least one field to weigh");
    this.width = VALUES + options.fields.length;
    this.read = options.fields.map((field) => reader(field.path));
    this.errors = options.fields.map((field) => field.error ?? NaN);
    this.weight = weightFunction(options.threshold, options.step);
    this.sum = options.combine === "sum";
    this.zeroWeight = options.zeroWeight;
  }

  /** Whether the record is older than the one that the row at `at` holds. `time` is ms since the epoch, NaN where unknown. */
  isLate(rows: Float64Array, at: number, time: number): boolean {
    return time < (rows[at + TIME] as number);
  }

  /** The weight of a record that is not late. */
  weigh(rows: Float64Array, at: number, time: number, payload: unknown): number {
    const { read } = this;
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
    if (!changed && time === rows[at + TIME]) return rows[at + WEIGHT] as number;
    if (time === time) rows[at + TIME] = time;
    rows[at + WEIGHT] = total;
    return total;
  }
}

function reader(path: string): (payload: unknown) => unknown {
  const read = compilePath(path, "Fields");
  if (/[.[]/.test(path)) return read;
  return (payload) =>
    typeof payload === "object" && payload !== null ? (payload as Record<string, unknown>)[path] : undefined;
}
