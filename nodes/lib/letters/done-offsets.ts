/** Offsets of letters that are done though earlier ones are not: what a group's committed offset can't say. */
import { mkdir, open, readFile, rename } from "node:fs/promises";
import path from "node:path";
import { syncDirectory } from "../delivery/dead-letter-file";
import type { TopicPartition } from "../kafka/port";

export interface DoneOffsets {
  has(partition: number, offset: number): boolean;
  /** Resolves when they are durable. */
  add(positions: readonly { readonly partition: number; readonly offset: number }[]): Promise<void>;
  /** Those below are committed and need not be kept. */
  below(partition: TopicPartition["partition"], offset: number): void;
}

/** The file is written anew when it has so many lines that nobody needs. */
const SUPERFLUOUS = 10_000;

export async function openDoneOffsets(file: string): Promise<DoneOffsets> {
  const partitions = new Map<number, Set<number>>();
  let superfluous = 0;
  let turn: Promise<void> = Promise.resolve();
  const offsetsOf = (partition: number): Set<number> => {
    const known = partitions.get(partition);
    if (known) return known;
    const made = new Set<number>();
    partitions.set(partition, made);
    return made;
  };
  const stored = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  // A line without its end was torn: its letter is not done.
  for (const line of stored.split("\n").slice(0, -1)) {
    const [partition, offset] = line.split(" ").map(Number);
    if (Number.isInteger(partition) && Number.isInteger(offset)) offsetsOf(partition as number).add(offset as number);
  }
  await mkdir(path.dirname(file), { recursive: true });

  const write = async (name: string, flags: string, text: string): Promise<void> => {
    const handle = await open(name, flags);
    try {
      await handle.appendFile(text);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  };
  const lines = (partition: number, offsets: Iterable<number>): string =>
    [...offsets].map((offset) => `${partition} ${offset}\n`).join("");

  return {
    has: (partition, offset) => partitions.get(partition)?.has(offset) ?? false,
    add(positions) {
      turn = turn
        .catch(() => undefined)
        .then(async () => {
          if (superfluous > SUPERFLUOUS) {
            superfluous = 0;
            await write(`${file}.new`, "w", [...partitions].map(([partition, all]) => lines(partition, all)).join(""));
            await rename(`${file}.new`, file);
            await syncDirectory(path.dirname(file));
          }
          // Begins with a line end: what is torn before it stays apart.
          await write(file, "a", `\n${positions.map(({ partition, offset }) => `${partition} ${offset}\n`).join("")}`);
          for (const { partition, offset } of positions) offsetsOf(partition).add(offset);
        });
      return turn;
    },
    below(partition, offset) {
      const known = partitions.get(partition);
      if (known === undefined) return;
      for (const one of known) {
        if (one >= offset) continue;
        known.delete(one);
        superfluous += 1;
      }
    },
  };
}
