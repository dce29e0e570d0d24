/** What a window's records become: columns, or a matrix on a grid of time steps with its gaps filled. */
import type { Read } from "../path";
import type { Entry } from "./entry";

export interface Feature {
  readonly name: string;
  /** Reads it from a record's payload. */
  readonly read: Read;
}

/** `none`: a gap stays NaN; `last`: the value before it goes on; `linear`: a line between the values around it. */
export type Fill = "none" | "last" | "linear";

export interface GapRule {
  readonly fill: Fill;
  /** `last` fills at most so many steps of a gap, `linear` only gaps that are no longer. */
  readonly limit: number;
}

export interface Grid {
  /** Event time of the first row, ms. */
  readonly start: number;
  /** From row to row, ms. */
  readonly step: number;
  readonly rows: number;
}

export interface Matrix {
  /** `[rows × features]`, row by row; NaN where nothing is known. */
  readonly values: Float64Array;
  readonly rows: number;
  /** Cells that are still NaN. */
  readonly missing: number;
}

/** A reading as a number: finite numbers, true and false as 1 and 0; anything else is missing (NaN). */
export function numberOf(value: unknown): number {
  if (typeof value === "number") return Number.isFinite(value) ? value : NaN;
  return typeof value === "boolean" ? Number(value) : NaN;
}

/**
 * A window's readings as a matrix. With a grid a row is a time step and holds the last reading within it; without, a row
 * is a record.
 */
export function matrixOf(
  entries: readonly Entry<unknown>[],
  features: readonly Feature[],
  grid: Grid | undefined,
  gaps: GapRule,
): Matrix {
  const rows = grid ? grid.rows : entries.length;
  const width = features.length;
  const values = new Float64Array(rows * width).fill(NaN);
  entries.forEach((entry, index) => {
    const row = grid ? Math.floor((entry.time - grid.start) / grid.step) : index;
    // By processing time a record's own time may lie outside of the window: it then counts to the nearest row.
    const at = Math.min(Math.max(row, 0), rows - 1) * width;
    for (let f = 0; f < width; f++) {
      const value = numberOf(features[f]?.read(entry.record.payload));
      if (!Number.isNaN(value)) values[at + f] = value;
    }
  });
  if (gaps.fill !== "none") for (let f = 0; f < width; f++) fillGaps(values, f, width, rows, gaps);
  let missing = 0;
  for (const value of values) if (Number.isNaN(value)) missing++;
  return { values, rows, missing };
}

/** Fills one feature's gaps in place. What lies before the first reading stays missing. */
function fillGaps(values: Float64Array, feature: number, width: number, rows: number, { fill, limit }: GapRule): void {
  let known = -1;
  for (let row = 0; row < rows; row++) {
    const value = values[row * width + feature] as number;
    if (Number.isNaN(value)) {
      if (fill === "last" && known >= 0 && row - known <= limit)
        values[row * width + feature] = values[known * width + feature] as number;
      continue;
    }
    const gap = row - known - 1;
    if (fill === "linear" && known >= 0 && gap > 0 && gap <= limit) {
      const from = values[known * width + feature] as number;
      for (let k = 1; k <= gap; k++) values[(known + k) * width + feature] = from + ((value - from) * k) / (gap + 1);
    }
    known = row;
  }
}

/**
 * Columns: an array per feature, null where nothing is known, beside `time` (ms). Without features, every property of the
 * payloads becomes a column as it is.
 */
export function columnsOf(
  entries: readonly Entry<unknown>[],
  features: readonly Feature[],
  grid: Grid | undefined,
  gaps: GapRule,
): { columns: Record<string, unknown[]>; missing: number } {
  if (features.length === 0) return { columns: rawColumns(entries), missing: 0 };
  const { values, rows, missing } = matrixOf(entries, features, grid, gaps);
  const columns: Record<string, unknown[]> = {
    time: Array.from({ length: rows }, (_, row) => (grid ? grid.start + row * grid.step : entries[row]?.time)),
  };
  features.forEach(({ name }, f) => {
    columns[name] = Array.from({ length: rows }, (_, row) => {
      const value = values[row * features.length + f] as number;
      return Number.isNaN(value) ? null : value;
    });
  });
  return { columns, missing };
}

function rawColumns(entries: readonly Entry<unknown>[]): Record<string, unknown[]> {
  const columns = new Map<string, unknown[]>();
  entries.forEach(({ record: { payload } }, row) => {
    const fields = typeof payload === "object" && payload !== null && !Buffer.isBuffer(payload) ? payload : { payload };
    for (const [name, value] of Object.entries(fields)) {
      let column = columns.get(name);
      if (!column) columns.set(name, (column = Array.from<unknown>({ length: entries.length }).fill(null)));
      column[row] = value;
    }
  });
  columns.set(
    "time",
    entries.map(({ time }) => time),
  );
  return Object.fromEntries(columns);
}
