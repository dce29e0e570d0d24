import { fillGaps } from "./inputs";
import type { ForecastMetadata } from "./metadata";

/** Readings of one station, one step apart without a hole; a missing value is NaN. */
export interface Series {
  readonly name: string;
  /** Event time of the first row, ms. */
  readonly start: number;
  readonly count: number;
  /** `[count × features]`, gaps filled by the model's rule. */
  readonly rows: Float32Array;
  /** The same before filling: truth to score against. */
  readonly truth: Float32Array;
}

/** Rows of a station, one step apart: `number · BLOCK` is the step of the first, counted from the epoch. */
export interface ReadingBlock {
  readonly key: string;
  readonly number: number;
  /** `[BLOCK × features]`; steps without a reading are NaN. */
  readonly rows: Float32Array;
}

/** Steps in a block. */
export const BLOCK = 256;

/**
 * Joins blocks to series. A series ends where no window and no horizon can reach over: at more steps without any reading
 * than are filled and than the furthest horizon is long. So times far apart cost nothing.
 */
export function seriesOf(
  blocks: readonly ReadingBlock[],
  metadata: Pick<ForecastMetadata, "features" | "stepLength" | "fill" | "outputs">,
): Series[] {
  const { features, stepLength, fill, outputs } = metadata;
  const width = features.length;
  const apart = Math.max(fill, ...outputs.map(({ horizon }) => horizon));
  const sorted = [...blocks].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.number - b.number));
  const runs: Run[] = [];
  for (const { key, number, rows } of sorted) {
    for (let i = 0; i < BLOCK; i++) {
      if (isEmpty(rows, i * width, width)) continue;
      const step = number * BLOCK + i;
      let run = runs.at(-1);
      if (!run || run.key !== key || step - run.last - 1 > apart) {
        run = { key, first: step, last: step, pieces: [] };
        runs.push(run);
      }
      run.last = step;
      const piece = run.pieces.at(-1);
      if (piece?.rows === rows) piece.end = i + 1;
      else run.pieces.push({ rows, step, begin: i, end: i + 1 });
    }
  }
  return runs.map(({ key, first, last, pieces }) => {
    const count = last - first + 1;
    const truth = new Float32Array(count * width).fill(Number.NaN);
    for (const { rows, step, begin, end } of pieces) {
      truth.set(rows.subarray(begin * width, end * width), (step - first) * width);
    }
    const rows = truth.slice();
    fillGaps(rows, width, fill);
    return { name: key, start: first * stepLength, count, rows, truth };
  });
}

/** Steps of a series to be, and where their rows are. */
interface Run {
  readonly key: string;
  readonly first: number;
  last: number;
  readonly pieces: { readonly rows: Float32Array; readonly step: number; readonly begin: number; end: number }[];
}

function isEmpty(rows: Float32Array, at: number, width: number): boolean {
  for (let i = at; i < at + width; i++) if (!Number.isNaN(rows[i])) return false;
  return true;
}

/** Names of the stations, each once, in order. */
export const namesOf = (series: readonly Series[]): string[] => [...new Set(series.map(({ name }) => name))];
