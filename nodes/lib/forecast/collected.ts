import { BLOCK, type ReadingBlock } from "./series";

/** Readings of many stations on the model's grid of steps, in bounded memory: the oldest in time give way. */
export interface Collected {
  /** Steps with a reading. */
  readonly readings: number;
  readonly stations: number;
  /** Readings that gave way, or were older than everything kept while it was full. */
  readonly dropped: number;
  readonly bytes: number;
  /**
   * Puts a reading in the place of its step, the nearest one; a later one of the same step replaces it, so that a reading
   * which comes again changes nothing. False: it is older than all that is kept, and there is no room.
   * @param time event time, ms
   */
  add(key: string, time: number, row: Float32Array): boolean;
  /** A block that was kept elsewhere. Call before the first reading. */
  restore(block: ReadingBlock): void;
  /** Copies of all blocks. */
  blocks(): ReadingBlock[];
  /** A block as it is; undefined: it has given way. */
  block(key: string, number: number): ReadingBlock | undefined;
  clear(): void;
}

export interface CollectedOptions {
  /** Features of a row. */
  readonly width: number;
  readonly stepLength: number;
  /** Most bytes of readings. */
  readonly bytes: number;
  /** Told of each block that has changed or given way. */
  readonly changed?: (key: string, number: number) => void;
}

interface Entry extends ReadingBlock {
  readings: number;
}

/** Opens an empty collection. */
export function openCollected(options: CollectedOptions): Collected {
  const { width, stepLength, changed = () => undefined } = options;
  const size = BLOCK * width * 4;
  const most = Math.max(1, Math.floor(options.bytes / size));
  const stations = new Map<string, Map<number, Entry>>();
  let [count, readings, dropped] = [0, 0, 0];

  function remove({ key, number, readings: gone }: Entry): void {
    const blocks = stations.get(key);
    blocks?.delete(number);
    if (blocks?.size === 0) stations.delete(key);
    count--;
    readings -= gone;
    changed(key, number);
  }

  function oldest(): Entry | undefined {
    let found: Entry | undefined;
    for (const blocks of stations.values()) {
      for (const entry of blocks.values()) if (!found || entry.number < found.number) found = entry;
    }
    return found;
  }

  /** Makes room for a block of this number. */
  function room(number: number): boolean {
    if (count < most) return true;
    const first = oldest();
    if (!first || first.number > number) return false;
    dropped += first.readings;
    remove(first);
    return true;
  }

  function enter(key: string, number: number, rows: Float32Array, held: number): Entry {
    const entry: Entry = { key, number, rows, readings: held };
    let blocks = stations.get(key);
    if (!blocks) stations.set(key, (blocks = new Map()));
    blocks.set(number, entry);
    count++;
    readings += held;
    return entry;
  }

  return {
    get readings() {
      return readings;
    },
    get stations() {
      return stations.size;
    },
    get dropped() {
      return dropped;
    },
    get bytes() {
      return count * size;
    },
    add(key, time, row) {
      const step = Math.round(time / stepLength);
      const number = Math.floor(step / BLOCK);
      let entry = stations.get(key)?.get(number);
      if (!entry) {
        if (!room(number)) {
          dropped++;
          return false;
        }
        entry = enter(key, number, new Float32Array(BLOCK * width).fill(Number.NaN), 0);
      }
      const at = (step - number * BLOCK) * width;
      if (entry.rows.subarray(at, at + width).every(Number.isNaN)) {
        entry.readings++;
        readings++;
      }
      entry.rows.set(row, at);
      changed(key, number);
      return true;
    },
    restore({ key, number, rows }) {
      let held = 0;
      for (let at = 0; at < rows.length; at += width) {
        if (!rows.subarray(at, at + width).every(Number.isNaN)) held++;
      }
      if (room(number)) enter(key, number, rows, held);
      else changed(key, number);
    },
    blocks: () =>
      [...stations.values()].flatMap((blocks) =>
        [...blocks.values()].map(({ key, number, rows }) => ({ key, number, rows: rows.slice() })),
      ),
    block: (key, number) => stations.get(key)?.get(number),
    clear() {
      for (const blocks of stations.values()) for (const entry of blocks.values()) remove(entry);
      dropped = 0;
    },
  };
}
