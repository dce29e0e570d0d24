/** The latest readings of each key, on the model's grid of steps. Memory is bounded: the key unused longest gives way. */
export interface History {
  readonly keys: number;
  /**
   * Puts a reading in its place. `time` is its event time in ms; the step is the nearest one. `newest`: it is the
   * latest step of its key; `late`: an earlier one, which it fills; `stale`: before everything kept, so it is dropped.
   */
  add(key: string, time: number, row: Float32Array): "newest" | "late" | "stale";
  /** Copies the key's readings, oldest first, to `out` (`[kept × features]`); steps without a reading are NaN. */
  copy(key: string, out: Float32Array): void;
  /** Everything, as JSON that `restoreHistory` takes. */
  save(): SavedHistory;
}

export interface SavedHistory {
  /** Model shape that the rows belong to. */
  readonly shape: string;
  /** Latest step (since the epoch, in steps) and readings (base64 of little-endian floats) by key. */
  readonly keys: Readonly<Record<string, readonly [step: number, rows: string]>>;
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
  readonly rows: Float32Array;
}

/**
 * Opens a history, with what `saved` holds when it is of the same features, steps and step length.
 */
export function openHistory(options: HistoryOptions, saved?: SavedHistory): History {
  const { features, kept, stepLength, limit } = options;
  const width = features.length;
  const shape = JSON.stringify([features, kept, stepLength]);
  // A Map keeps the order of insertion: a key used again is moved to the end, the first is the one unused longest.
  const series = new Map<string, Series>();
  if (saved?.shape === shape) {
    for (const [key, [latest, text]] of Object.entries(saved.keys).slice(-limit)) {
      const bytes = Buffer.from(text, "base64");
      if (bytes.length !== kept * width * 4) continue;
      series.set(key, {
        latest,
        rows: Float32Array.from({ length: kept * width }, (_, i) => bytes.readFloatLE(i * 4)),
      });
    }
  }

  function seriesOf(key: string, step: number): Series {
    const found = series.get(key);
    if (found) {
      series.delete(key);
      series.set(key, found);
      return found;
    }
    const made = { latest: step - 1, rows: new Float32Array(kept * width).fill(Number.NaN) };
    series.set(key, made);
    if (series.size > limit) {
      const [first] = series.keys();
      series.delete(first as string);
      options.dropped?.(first as string);
    }
    return made;
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
      if (step <= one.latest - kept) return "stale";
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
    save() {
      const keys: Record<string, [number, string]> = {};
      for (const [key, { latest, rows }] of series) {
        const bytes = Buffer.alloc(rows.length * 4);
        for (const [i, value] of rows.entries()) bytes.writeFloatLE(value, i * 4);
        keys[key] = [latest, bytes.toString("base64")];
      }
      return { shape, keys };
    },
  };
}
