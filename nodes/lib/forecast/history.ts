/** The latest readings of each key, on the model's grid of steps. Memory is bounded: the key unused longest gives way. */
export interface History {
  readonly keys: number;
  /**
   * Puts a reading in its place. `time` is its event time in ms; the step is the nearest one. `newest`: it is the
   * latest step of its key; `late`: an earlier one, which it fills; `stale`: before everything kept, so it is dropped.
   * The third of stale readings that follow each other in time begins the key anew: somebody replays it.
   */
  add(key: string, time: number, row: Float32Array): "newest" | "late" | "stale";
  /** Copies the key's readings, oldest first, to `out` (`[kept × features]`); steps without a reading are NaN. */
  copy(key: string, out: Float32Array): void;
  /** What is kept of a key, for a store; undefined when nothing is. */
  save(key: string): SavedSeries | undefined;
  /** Takes what a store had; false, and nothing kept, when it is of other features or steps. Call before the first reading. */
  restore(key: string, saved: unknown): boolean;
}

/** A key's readings as JSON. */
export interface SavedSeries {
  /** Latest step, counted from the epoch. */
  readonly latest: number;
  /** Base64 of little-endian floats. */
  readonly rows: string;
  /** Features, steps and step length that they belong to. */
  readonly shape: string;
}

export interface HistoryOptions {
  /** Feature names, in order. */
  readonly features: readonly string[];
  /** Steps kept of a key. */
  readonly kept: number;
  readonly stepLength: number;
  /** Most keys kept. */
  readonly limit: number;
  /** Told when a key gives way. */
  readonly dropped?: (key: string) => void;
}

interface Series {
  latest: number;
  /** Stale readings in a row, each later than the one before, and the last one's step. */
  stale: number;
  staleStep: number;
  readonly rows: Float32Array;
}

/** Stale readings, one after the other in time, that show a replay. */
const REPLAYED = 3;

/** Opens an empty history. */
export function openHistory(options: HistoryOptions): History {
  const { features, kept, stepLength, limit } = options;
  const width = features.length;
  const shape = JSON.stringify([features, kept, stepLength]);
  // A Map keeps the order of insertion: a key used again is moved to the end, the first is the one unused longest.
  const series = new Map<string, Series>();

  function seriesOf(key: string, step: number): Series {
    const found = series.get(key);
    if (found) {
      series.delete(key);
      series.set(key, found);
      return found;
    }
    const made = { latest: step - 1, stale: 0, staleStep: 0, rows: new Float32Array(kept * width).fill(Number.NaN) };
    series.set(key, made);
    if (series.size > limit) {
      const [first] = series.keys();
      series.delete(first as string);
      options.dropped?.(first as string);
    }
    return made;
  }

  /** Whether a stale reading begins the key anew. */
  function replayed(one: Series, step: number): boolean {
    one.stale = one.stale > 0 && step > one.staleStep ? one.stale + 1 : 1;
    one.staleStep = step;
    if (one.stale < REPLAYED) return false;
    one.stale = 0;
    one.latest = step - 1;
    one.rows.fill(Number.NaN);
    return true;
  }

  /** The ring's place of a step. */
  const place = (step: number): number => (((step % kept) + kept) % kept) * width;

  return {
    get keys() {
      return series.size;
    },
    add(key, time, row) {
      const step = Math.round(time / stepLength);
      const one = seriesOf(key, step);
      const stale = step <= one.latest - kept;
      if (stale && !replayed(one, step)) return "stale";
      if (!stale) one.stale = 0;
      const newest = step >= one.latest;
      for (let s = Math.max(one.latest + 1, step - kept + 1); s <= step; s++) {
        one.rows.fill(Number.NaN, place(s), place(s) + width);
      }
      one.rows.set(row, place(step));
      if (newest) one.latest = step;
      return newest ? "newest" : "late";
    },
    copy(key, out) {
      const one = series.get(key);
      if (!one) {
        out.fill(Number.NaN);
        return;
      }
      for (let i = 0; i < kept; i++) {
        const from = place(one.latest - kept + 1 + i);
        out.set(one.rows.subarray(from, from + width), i * width);
      }
    },
    save(key) {
      const one = series.get(key);
      if (!one) return undefined;
      const bytes = Buffer.alloc(one.rows.length * 4);
      for (const [i, value] of one.rows.entries()) bytes.writeFloatLE(value, i * 4);
      return { latest: one.latest, rows: bytes.toString("base64"), shape };
    },
    restore(key, saved) {
      const { latest, rows, shape: saidShape } = (saved ?? {}) as Partial<SavedSeries>;
      if (saidShape !== shape || !Number.isInteger(latest) || typeof rows !== "string") return false;
      const bytes = Buffer.from(rows, "base64");
      if (bytes.length !== kept * width * 4 || series.size >= limit) return false;
      const values = Float32Array.from({ length: kept * width }, (_, i) => bytes.readFloatLE(i * 4));
      series.set(key, { latest: latest as number, stale: 0, staleStep: 0, rows: values });
      return true;
    },
  };
}
