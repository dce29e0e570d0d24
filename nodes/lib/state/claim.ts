/**
 * The state of one partition in a folder that several processes share: `<n>/state` for each `n` that one of them has claimed,
 * the highest that anything was written in being the partition's. A claim is an exclusive `mkdir` of a number above all others,
 * and counts for nothing before whoever shares out partitions was asked: a process that was paused, and others went on
 * without it, claims a number too, and finds out before it uses it.
 *
 * What the owner before still writes goes into its own folder. It could not acknowledge that any more when the question was
 * answered, so whoever copied that folder afterwards has all that was acknowledged.
 */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, mkdir, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import path from "node:path";
import { syncDirectory, syncFile } from "../durable";
import { segmentNumbers } from "./segment";

export interface Claim {
  /** Where the state lies: a copy of what there was, or not there yet. */
  readonly directory: string;
  /** Removes what earlier claims have left; once a checkpoint of this one is durable. */
  sweep(): Promise<void>;
}

/** Names that every file system takes, and tells from each other: some don't tell "Cards" from "cards". */
const PLAIN = /^[a-z0-9_][a-z0-9._-]{0,99}$/u;
/** Of Windows. */
const RESERVED = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/u;
/** Nothing can be named like it: Kafka's topics have no "+". */
const HASHED = "+";

/** A partition's folder: the topic's name and the number, or a digest of such a name as is no safe one. */
export function partitionFolder({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  const isPlain = PLAIN.test(topic) && !RESERVED.test(topic);
  const name = isPlain ? topic : HASHED + createHash("sha256").update(topic).digest("hex").slice(0, 32);
  return `${name}-${partition}`;
}

const DIGITS = 10;
const nameOf = (n: number): string => String(n).padStart(DIGITS, "0");
const claimed = /^\d{10}$/u;
/** The state of a claim; before it is complete, what it is copied to. */
const [STATE, COPY] = ["state", "copy"];

/** Again where somebody who does not know yet that it is of the past writes into it. */
const REMOVED = { recursive: true, force: true, maxRetries: 5, retryDelay: 100 } as const;

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** An empty list where there is no such folder. */
const listed = async (directory: string): Promise<string[]> => {
  try {
    return await readdir(directory);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
};

const exists = async (directory: string): Promise<boolean> => {
  try {
    await stat(directory);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
};

const numbersIn = async (root: string): Promise<number[]> =>
  (await listed(root)).filter((name) => claimed.test(name)).map(Number);

/**
 * Claims the state of a partition, and copies what was kept last.
 *
 * @param root the partition's folder; made when missing
 * @param confirm whether the partition is this process's at some time after the question
 * @returns undefined when it is not: nothing is left of the claim then
 * @throws the error of the file system: nothing is claimed, and it may be tried again
 */
export async function claimState(root: string, confirm: () => Promise<boolean>): Promise<Claim | undefined> {
  await mkdir(root, { recursive: true });
  const { n, others } = await take(root);
  const own = path.join(root, nameOf(n));
  if (!(await confirm())) {
    await rmdir(own).catch(() => undefined);
    return undefined;
  }
  try {
    await copyLast(await lastKept(root, others, n), own);
    await syncDirectory(own);
    await syncDirectory(root);
  } catch (error) {
    await rm(own, REMOVED).catch(() => undefined);
    throw error;
  }
  return { directory: path.join(own, STATE), sweep: () => sweep(root, n) };
}

/** A number that nobody else gets, and those below it that are taken. */
async function take(root: string): Promise<{ readonly n: number; readonly others: readonly number[] }> {
  const others = await numbersIn(root);
  for (let n = Math.max(0, ...others) + 1; ; n++)
    try {
      await mkdir(path.join(root, nameOf(n)));
      return { n, others };
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
      // Looked for below as well, whatever a file server's client still believes of the folder.
      others.push(n);
    }
}

interface Kept {
  readonly from: string;
  readonly names: readonly string[];
}

/** What the highest number below `n` has that anything was kept under. */
async function lastKept(root: string, others: readonly number[], n: number): Promise<Kept | undefined> {
  const known = new Set(others);
  for (;;) {
    for (const other of await numbersIn(root)) if (other < n) known.add(other);
    let vanished = false;
    for (const other of [...known].toSorted((a, b) => b - a)) {
      const folder = path.join(root, nameOf(other));
      const from = path.join(folder, STATE);
      const names = await listed(from);
      if (segmentNumbers(names).length > 0) return { from, names };
      if (await exists(folder)) continue;
      known.delete(other);
      vanished = true;
    }
    // Whoever removed a folder has what was in it in a higher one, which may have been looked at before.
    if (!vanished) return undefined;
  }
}

/** As a whole or not at all. A file that is being written is copied as far as it is. */
async function copyLast(last: Kept | undefined, own: string): Promise<void> {
  if (!last) return;
  const copy = path.join(own, COPY);
  await mkdir(copy);
  for (const name of last.names.toSorted()) await copyDurably(path.join(last.from, name), path.join(copy, name));
  await syncDirectory(copy);
  await rename(copy, path.join(own, STATE));
}

async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await syncFile(to);
}

async function sweep(root: string, n: number): Promise<void> {
  for (const other of await numbersIn(root)) if (other < n) await rm(path.join(root, nameOf(other)), REMOVED);
}
