/**
 * Windows whose forecast failed. Their records come again when their series has gone on, and then the window that ends with them
 * is no longer in it.
 */
export interface UnansweredWindows {
  keep(key: string, at: number, rows: Float32Array): void;
  /** The window of a record that failed; undefined: this one did not. The rows are a copy. */
  find(key: string, at: number, reading: Float32Array): Float32Array | undefined;
  forget(key: string, at: number): void;
}

/** Most that are kept; the oldest make room. A source lets 5,000 records be under way unless set otherwise. */
const LIMIT = 10_000;

export function unansweredWindows(): UnansweredWindows {
  const kept = new Map<string, Float32Array>();
  const nameOf = (key: string, at: number): string => `${at} ${key}`;
  return {
    keep(key, at, rows) {
      kept.set(nameOf(key, at), rows);
      if (kept.size <= LIMIT) return;
      const [oldest] = kept.keys();
      kept.delete(oldest as string);
    },
    find(key, at, reading) {
      const rows = kept.get(nameOf(key, at));
      // Another reading of that time is no second try.
      const same = rows?.subarray(rows.length - reading.length).every((value, i) => Object.is(value, reading[i]));
      return same ? rows?.slice() : undefined;
    },
    forget: (key, at) => void kept.delete(nameOf(key, at)),
  };
}
