/**
 * Windows of records that may come again: what is below failed, or the forecast itself. Their series have gone on by then, and the
 * window that ends with them is no longer in it.
 */
export interface WindowsUnderWay {
  /** @param rows the window before its gaps are filled; kept as it is */
  keep(key: string, at: number, rows: Float32Array): void;
  /** A copy of the window of a record with this reading; undefined: it comes for the first time. */
  find(key: string, at: number, reading: Float32Array): Float32Array | undefined;
}

/** Most that are kept; the oldest make room. A source lets 5,000 records be under way unless set otherwise. */
const LIMIT = 10_000;

/** Of each node, over its deploys: what was under way then comes again to the node that takes its place. */
const byNode = new Map<string, { readonly shape: string; readonly windows: WindowsUnderWay }>();

/** @param shape features and steps: windows of another shape are of no use */
export function windowsUnderWay(node: string, shape: string): WindowsUnderWay {
  const before = byNode.get(node);
  if (before?.shape === shape) return before.windows;
  const windows = emptyWindows();
  byNode.set(node, { shape, windows });
  return windows;
}

/** The node is gone for good. */
export const forgetWindows = (node: string): void => void byNode.delete(node);

function emptyWindows(): WindowsUnderWay {
  const kept = new Map<string, Float32Array>();
  const nameOf = (key: string, at: number): string => `${at} ${key}`;
  return {
    keep(key, at, rows) {
      const name = nameOf(key, at);
      kept.delete(name);
      kept.set(name, rows);
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
  };
}
