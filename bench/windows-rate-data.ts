/** The records of bench/windows.ts: a file of batches, one JSON array a line, that every contender reads and parses. */
import { closeSync, createReadStream, openSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";

export const BATCH = 500;
export const SIZE = 60_000;
/** A record is at most so much older than one before it. */
export const DISORDER = 2000;

export interface Row {
  readonly key: string;
  /** Event time, ms. */
  readonly timestamp: number;
  readonly payload: { readonly device_id: string; readonly temp: number };
}

/** Windows as contenders report them. */
export interface Counted {
  readonly windows: number;
  /** Records in them. */
  readonly records: number;
}

/**
 * @param from the first window's begin
 * @returns how many windows the records make, and how many records there are
 */
export function writeBatches(file: string, from: number, records: number, keys: number, minutes: number): Counted {
  const out = openSync(file, "w");
  const windows = new Set<number>();
  let seed = 42;
  const random = (): number => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff) / 0x7fffffff;
  const length = minutes * SIZE - DISORDER;
  for (let begun = 0; begun < records; begun += BATCH) {
    const rows = Array.from({ length: BATCH }, (_, at): Row => {
      const id = Math.floor(random() * keys) % keys;
      const passed = Math.floor(((begun + at) / records) * length + random() * DISORDER);
      // Bento's windows hold their end and not their begin; here nobody's edge is met.
      const time = passed % SIZE === 0 ? passed + 1 : passed;
      windows.add(Math.floor(time / SIZE) * keys + id);
      const key = `sensor-${id}`;
      return { key, timestamp: from + time, payload: { device_id: key, temp: Math.round(200 + random() * 60) / 10 } };
    });
    writeSync(out, `${JSON.stringify(rows)}\n`);
  }
  closeSync(out);
  return { windows: windows.size, records };
}

/** Lines of the file, one after the other. */
export const linesOf = (file: string): AsyncIterable<string> =>
  createInterface({ input: createReadStream(file, { highWaterMark: 1 << 20 }), crlfDelay: Infinity });
