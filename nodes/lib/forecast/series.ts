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
  const found: Series[] = [];
  let run: { key: string; first: number; last: number; parts: { step: number; row: Float32Array }[] } | undefined;
  const end = (): void => {
    if (run) found.push(joined(run.key, run.first, run.last, run.parts));
    run = undefined;
  };
  const joined = (
    key: string,
    first: number,
    last: number,
    parts: readonly { step: number; row: Float32Array }[],
  ): Series => {
    const count = last - first + 1;
    const truth = new Float32Array(count * width).fill(Number.NaN);
    for (const { step, row } of parts) truth.set(row, (step - first) * width);
    const rows = truth.slice();
    fillGaps(rows, width, fill);
    return { name: key, start: first * stepLength, count, rows, truth };
  };
  for (const { key, number, rows } of sorted) {
    for (let i = 0; i < BLOCK; i++) {
      const row = rows.subarray(i * width, (i + 1) * width);
      if (row.every(Number.isNaN)) continue;
      const step = number * BLOCK + i;
      if (run && (run.key !== key || step - run.last - 1 > apart)) end();
      run ??= { key, first: step, last: step, parts: [] };
      run.last = step;
      run.parts.push({ step, row });
    }
  }
  end();
  return found;
}

/** Names of the stations, each once, in order. */
export const namesOf = (series: readonly Series[]): string[] => [...new Set(series.map(({ name }) => name))];
