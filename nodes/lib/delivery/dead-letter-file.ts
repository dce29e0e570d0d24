/** Dead letters in a folder: files of one JSON object a line, durable before the source acknowledges. */
import { mkdir, open, readdir, stat, unlink, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { syncDirectory } from "../durable";
import { messageOf, Retriable } from "../errors";
import type { DeadLetter, DeadLetters } from "./contract";
import { encodeDeadLetter } from "./dead-letter-format";

export interface DeadLetterFileOptions {
  /** Made when missing. */
  readonly directory: string;
  /** Beginning of file names, by default `dead-letters`: one writer in a folder at a time for each. */
  readonly prefix?: string;
  /** A file of this size in bytes is followed by a new one; 64 MB by default. */
  readonly maxBytes?: number;
  /** Disk that all dead letters of the folder may take together, in bytes; at the limit `write` rejects. */
  readonly limit?: number;
}

interface Waiting {
  readonly lines: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Files of dead letters end so. */
export const LETTERS = ".ndjson";
/** Beside each: the ids of its letters that were replayed or discarded, one a line. */
export const DONE = ".done";

/** How long what a folder holds is believed, in ms: others write there too. */
const MEASURED = 1_000;

const OPEN = Symbol.for("citystream.openDeadLetterFiles");
/** Files that this process writes to, whichever copy of the pack does: these are not removed. */
export const openFiles = (): Set<string> => {
  const holder = globalThis as unknown as Record<symbol, Set<string> | undefined>;
  return (holder[OPEN] ??= new Set());
};

/** Bytes of all dead letters in a folder. */
const sizeOf = async (directory: string): Promise<number> => {
  const names = (await readdir(directory)).filter((name) => name.endsWith(LETTERS) || name.endsWith(DONE));
  const sizes = names.map((name) =>
    stat(path.join(directory, name)).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
};

/**
 * Letters written at the same time share one fsync. Each process begins a new file, and so does each failed write: a
 * torn last line is never written on.
 *
 * `write` rejects with a Retriable that names the folder when it can't be written or is full; nothing is ever deleted.
 */
export const deadLetterFile = (options: DeadLetterFileOptions): DeadLetters => {
  const { directory, prefix = "dead-letters", maxBytes = 64 * 1024 * 1024, limit = Infinity } = options;
  let file: { readonly name: string; readonly handle: FileHandle } | undefined;
  let size = 0;
  let number = 0;
  let used = 0;
  let measured = -Infinity;
  let waiting: Waiting[] = [];
  let working: Promise<void> | undefined;

  const begin = async (): Promise<NonNullable<typeof file>> => {
    const time = new Date().toISOString().replaceAll(":", "-");
    number += 1;
    const name = path.join(directory, `${prefix}-${time}-${process.pid}-${number}${LETTERS}`);
    const handle = await open(name, "ax");
    size = 0;
    openFiles().add(name);
    await syncDirectory(directory);
    return { name, handle };
  };
  const finish = async (): Promise<void> => {
    const done = file;
    file = undefined;
    if (done === undefined) return;
    openFiles().delete(done.name);
    await done.handle.close();
  };
  /** Takes back what a failed write has left: those letters are written again. */
  const takeBack = async (): Promise<void> => {
    const failed = file;
    await failed?.handle.truncate(size).catch(() => undefined);
    await finish().catch(() => undefined);
    if (failed !== undefined && size === 0) await unlink(failed.name).catch(() => undefined);
  };
  const append = async (bytes: Buffer): Promise<void> => {
    if (file === undefined) await mkdir(directory, { recursive: true });
    if (limit < Infinity && performance.now() - measured > MEASURED) {
      used = await sizeOf(directory);
      measured = performance.now();
    }
    if (used + bytes.length > limit)
      throw new Error(
        `its dead letters take ${Math.round(used / 1e5) / 10} MB of the ${Math.round(limit / 1e5) / 10} MB allowed; replay or discard some with a dead letter node, or allow more`,
      );
    file ??= await begin();
    const { handle } = file;
    await handle.appendFile(bytes);
    await handle.datasync();
    if ((await handle.stat()).nlink === 0) {
      size = 0;
      throw new Error("its file was deleted while it was written");
    }
    size += bytes.length;
    used += bytes.length;
    if (size >= maxBytes) await finish();
  };
  const work = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        await append(Buffer.from(batch.map((each) => each.lines).join("")));
        for (const each of batch) each.resolve();
      } catch (error) {
        await takeBack();
        const problem = new Retriable(`dead letters can't be written to ${directory}: ${messageOf(error)}`, {
          cause: error,
        });
        for (const each of batch) each.reject(problem);
      }
    }
    working = undefined;
  };

  return {
    write(letters: readonly DeadLetter[]): Promise<void> {
      if (letters.length === 0) return Promise.resolve();
      const lines = letters.map((letter) => `${encodeDeadLetter(letter)}\n`).join("");
      return new Promise((resolve, reject) => {
        waiting.push({ lines, resolve, reject });
        working ??= work();
      });
    },
    async close(): Promise<void> {
      await working;
      await finish();
    },
  };
};
