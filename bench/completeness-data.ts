/**
 * Makes readings of the published shape (date, currenttemp, dust, ultradust, ozone every 3 s) with planted gaps, missing
 * values, duplicates and late rows, and beside them `<file>.planted.json`, which says what was planted. The same seed
 * makes the same file.
 *
 *     npm run build && node dist/bench/completeness-data.js <file.csv> [rows] [seed]
 */
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";

/** What was planted. */
export interface Planted {
  readonly rows: number;
  readonly gaps: { readonly from: number; readonly to: number; readonly missing: number }[];
  readonly missingReadings: number;
  readonly duplicates: { readonly time: number; readonly row: number }[];
  readonly outOfOrder: number;
  readonly missing: Readonly<Record<string, number>>;
}

const STEP = 3_000;
const START = Date.UTC(2012, 0, 1);
const COLUMNS = ["currenttemp", "dust", "ultradust", "ozone"] as const;
/** Chunks that are written at once, in bytes. */
const CHUNK = 4 * 1024 * 1024;
/** Rows at the end where nothing is planted any more, so that late rows can come. */
const QUIET = 6_000;

/** mulberry32, a public-domain generator by Tommy Ettinger: 32 bits of state. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Writes the file and returns what was planted in it. */
export function plant(file: string, rows: number, seed: number): Planted {
  const random = seeded(seed);
  /** Rows until something is planted again that comes once in `mean` rows on average; at least 20. */
  const after = (mean: number): number => 20 + Math.floor(-Math.log(1 - random()) * mean);
  const every = Math.max(2_000, Math.floor(rows / 1_200));
  const missing = [0, 0, 0, 0];
  const gaps: { from: number; to: number; missing: number }[] = [];
  const duplicates: Planted["duplicates"] = [];
  const late: { slot: number; due: number }[] = [];
  const seen: number[] = [];
  const next = {
    gap: after(every),
    near: after(every),
    far: after(every),
    late: after(every),
    value: after(every / 10),
  };
  let [slot, written, outOfOrder, newest, before, lost] = [0, 0, 0, -1, -1, 0];
  const out = openSync(file, "w");
  const buffer = Buffer.allocUnsafe(CHUNK + 256);
  let length = buffer.write(`date,${COLUMNS.join(",")}\n`);
  let day = -1;
  const date = Buffer.alloc(11, " ");
  const levels = [50, 300, 150, 30];

  const two = (value: number): void => {
    buffer[length++] = 48 + Math.floor(value / 10);
    buffer[length++] = 48 + (value % 10);
  };
  const emit = (at: number): void => {
    const seconds = at * (STEP / 1_000);
    const today = Math.floor(seconds / 86_400);
    if (today !== day) date.write(new Date(START + today * 86_400_000).toISOString().slice(0, 10));
    day = today;
    for (let index = 0; index < 11; index++) buffer[length++] = date[index] as number;
    const rest = seconds - today * 86_400;
    two(Math.floor(rest / 3_600));
    buffer[length++] = 58;
    two(Math.floor(rest / 60) % 60);
    buffer[length++] = 58;
    two(rest % 60);
    const without = written >= next.value ? Math.floor(random() * 4) : -1;
    if (without >= 0) next.value = written + after(every / 10);
    const steps = Math.floor(random() * 256);
    for (let column = 0; column < 4; column++) {
      buffer[length++] = 44;
      const step = ((steps >> (2 * column)) & 3) - 1.5;
      const level = Math.min(999, Math.max(10, (levels[column] as number) + Math.sign(step)));
      levels[column] = level;
      if (column === without) {
        missing[column] = (missing[column] ?? 0) + 1;
        if (random() < 0.5) length += buffer.write("NA", length);
        continue;
      }
      if (column === 3) {
        buffer[length++] = 48;
        buffer[length++] = 46;
      }
      if (level >= 100) buffer[length++] = 48 + Math.floor(level / 100);
      two(level % 100);
      if (column !== 0) continue;
      buffer[length++] = 46;
      buffer[length++] = 48 + (level % 10);
    }
    buffer[length++] = 10;
    written++;
    if (at < newest) outOfOrder++;
    else newest = at;
    if (length < CHUNK) return;
    writeSync(out, buffer, 0, length);
    length = 0;
  };
  const again = (at: number): void => {
    emit(at);
    duplicates.push({ time: START + at * STEP, row: written });
  };

  for (;;) {
    if (written >= rows) break;
    const isQuiet = written > rows - QUIET;
    const due = late[0];
    if (due && (written >= due.due || written >= rows - late.length)) {
      late.shift();
      emit(due.slot);
    } else if (!isQuiet && written >= next.near && before >= 0) {
      next.near = written + after(every);
      again(before);
    } else if (!isQuiet && written >= next.far && seen.length > 0) {
      next.far = written + after(every);
      again(seen[Math.floor(random() * seen.length)] as number);
    } else if (!isQuiet && written >= next.late && slot !== lost) {
      next.late = written + after(every);
      late.push({ slot: slot++, due: written + 1 + Math.floor(random() * 5_000) });
      late.sort((a, b) => a.due - b.due);
      // what comes after a late row is a row, so that no gap begins or ends with it
      lost = slot;
    } else {
      if (!isQuiet && written >= next.gap && slot !== lost && before === slot - 1) {
        next.gap = written + after(every);
        const readings = 1 + Math.floor(random() ** 4 * 5_000);
        gaps.push({ from: START + before * STEP, to: START + (slot + readings) * STEP, missing: readings });
        slot += readings;
        lost = slot + 1;
      }
      if (written % 997 === 0) seen.push(slot);
      before = slot;
      emit(slot++);
    }
  }
  writeSync(out, buffer, 0, length);
  closeSync(out);
  const planted: Planted = {
    rows,
    gaps,
    missingReadings: gaps.reduce((sum, gap) => sum + gap.missing, 0),
    duplicates,
    outOfOrder,
    missing: Object.fromEntries(COLUMNS.map((name, column) => [name, missing[column] ?? 0])),
  };
  writeFileSync(`${file}.planted.json`, JSON.stringify(planted));
  return planted;
}

if (require.main === module) {
  const [file, rows = "10000000", seed = "1"] = process.argv.slice(2);
  if (file === undefined) throw new Error("which file?");
  const { gaps, missingReadings, duplicates, outOfOrder, missing } = plant(file, Number(rows), Number(seed));
  console.log(
    JSON.stringify({
      rows: Number(rows),
      gaps: gaps.length,
      missingReadings,
      duplicates: duplicates.length,
      outOfOrder,
      missing,
    }),
  );
}
