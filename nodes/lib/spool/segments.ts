/** The files of a spool: `<number of the first entry>.spool`, each a row of frames. */
import { open, readdir, readFile, stat, truncate, unlink } from "node:fs/promises";
import path from "node:path";
import { syncDirectory } from "../durable";
import { framedSizes, parse, remains } from "./frames";

export interface Segment {
  readonly path: string;
  /** Number of its first entry. */
  readonly first: number;
  /** How many entries it holds. */
  count: number;
  bytes: number;
  /** It is written on no more. */
  sealed: boolean;
}

const ENDING = ".spool";
const DIGITS = 16;

export const segmentPath = (directory: string, first: number): string =>
  path.join(directory, `${String(first).padStart(DIGITS, "0")}${ENDING}`);

/** Whether a folder, or one in it, holds a spool with entries. */
export const holdsSpool = async (directory: string): Promise<boolean> =>
  (await readdir(directory, { recursive: true }).catch(() => [])).some((name) => name.endsWith(ENDING));

/** How much of a file is read at a time. */
const CHUNK = 1 << 20;
/** The same where few entries are asked for. */
const FEW = 1 << 16;

/** The entries of a file from the byte `at` on: about `CHUNK` bytes of them, or at most `most`; and where they end. */
export const readEntries = async (
  file: string,
  at: number,
  limit: number,
  most = Infinity,
): Promise<{ readonly contents: readonly Buffer[]; readonly end: number; readonly damaged: boolean }> => {
  const handle = await open(file, "r");
  try {
    for (let size = most < Infinity ? FEW : CHUNK; ;) {
      const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(size, limit - at)));
      let read = 0;
      while (read < bytes.length) {
        const { bytesRead } = await handle.read(bytes, read, bytes.length - read, at + read);
        if (bytesRead === 0) break;
        read += bytesRead;
      }
      const { contents, end, rest } = parse(bytes.subarray(0, read));
      if (contents.length > most) {
        const some = contents.slice(0, most);
        return { contents: some, end: at + framedSizes(some), damaged: false };
      }
      const more = typeof rest === "object" && contents.length === 0 && read === bytes.length && at + read < limit;
      if (!more) return { contents, end: at + end, damaged: contents.length === 0 && rest !== "nothing" };
      size = rest.needs;
    }
  } finally {
    await handle.close();
  }
};

export interface Told {
  /** Entries are lost because their file is damaged, in words. */
  lost(text: string): void;
  /** The end of a file was cut off that nobody was told to be durable, in words. */
  cut(text: string): void;
}

/**
 * Opens the files of a folder. Where the last one ends in a torn frame (a kill or a power cut in the middle of a write:
 * nobody was told that it is durable) it is cut there. Files that hold nothing after `acknowledged` are removed.
 */
export const findSegments = async (directory: string, acknowledged: number, told: Told): Promise<Segment[]> => {
  const names = (await readdir(directory)).filter((name) => name.endsWith(ENDING)).sort();
  const segments: Segment[] = [];
  for (const [index, name] of names.entries()) {
    const file = path.join(directory, name);
    const first = Number(name.slice(0, -ENDING.length));
    const next = names[index + 1];
    const following = next === undefined ? undefined : Number(next.slice(0, -ENDING.length));
    if (!Number.isSafeInteger(first)) continue;
    const { count, end, size } = await measure(file);
    if (end < size)
      if (following === undefined) await cutOff(file, end, told);
      else told.lost(`${file} is damaged at byte ${end}: ${following - first - count} of its records are lost`);
    if (first + count <= acknowledged || count === 0) await unlink(file);
    else segments.push({ path: file, first, count, bytes: end, sealed: true });
  }
  return segments;
};

/** Cuts off what is no row of frames, and tells of it: damage where whole frames follow, else a write that was torn. */
const cutOff = async (file: string, end: number, told: Told): Promise<void> => {
  const tail = (await readFile(file)).subarray(end);
  const { whole, begun } = remains(tail);
  await truncate(file, end);
  if (whole > 0) told.lost(`${file} is damaged at byte ${end}: ${begun} of its records are lost`);
  else
    told.cut(
      `${file}: cut off ${tail.length} bytes at its end, ${begun} records that were being written when the process or the machine stopped; nobody was told that they were stored`,
    );
};

const measure = async (file: string): Promise<{ count: number; end: number; size: number }> => {
  let count = 0;
  let end = 0;
  const { size } = await stat(file);
  while (end < size) {
    const found = await readEntries(file, end, size);
    if (found.contents.length === 0) break;
    count += found.contents.length;
    ({ end } = found);
  }
  return { count, end, size };
};

/** The last entry of a file; undefined when there is none that can be read. */
export const lastEntry = async ({ path: file, bytes }: Segment): Promise<Buffer | undefined> => {
  let found: Buffer | undefined;
  for (let at = 0; at < bytes;) {
    const { contents, end } = await readEntries(file, at, bytes);
    if (contents.length === 0) break;
    found = contents.at(-1);
    at = end;
  }
  return found;
};

/** Makes a new file for the entries from `first` on; durable when it resolves. */
export const makeSegment = async (directory: string, first: number): Promise<Segment> => {
  const file = segmentPath(directory, first);
  const handle = await open(file, "w");
  await handle.close();
  await syncDirectory(directory);
  return { path: file, first, count: 0, bytes: 0, sealed: false };
};
