/** Dead letters in a folder: files of one JSON object a line, durable before the source acknowledges. */
import { mkdir, open, type FileHandle } from "node:fs/promises";
import path from "node:path";
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
}

interface Waiting {
  readonly lines: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Letters written at the same time share one fsync. Each process begins a new file, and so does each failed write: a
 * torn last line is never written on.
 *
 * `write` rejects with a Retriable that names the folder when it can't be written.
 */
export const deadLetterFile = (options: DeadLetterFileOptions): DeadLetters => {
  const { directory, prefix = "dead-letters", maxBytes = 64 * 1024 * 1024 } = options;
  let file: FileHandle | undefined;
  let size = 0;
  let number = 0;
  let waiting: Waiting[] = [];
  let working: Promise<void> | undefined;

  const begin = async (): Promise<FileHandle> => {
    await mkdir(directory, { recursive: true });
    const time = new Date().toISOString().replaceAll(":", "-");
    number += 1;
    const made = await open(path.join(directory, `${prefix}-${time}-${process.pid}-${number}.ndjson`), "ax");
    size = 0;
    await syncDirectory(directory);
    return made;
  };
  const finish = async (): Promise<void> => {
    const done = file;
    file = undefined;
    await done?.close();
  };
  const work = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        file ??= await begin();
        const bytes = Buffer.from(batch.map((each) => each.lines).join(""));
        await file.appendFile(bytes);
        await file.datasync();
        size += bytes.length;
        if (size >= maxBytes) await finish();
        for (const each of batch) each.resolve();
      } catch (error) {
        await finish().catch(() => undefined);
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

/** A new file outlives a power cut only once its folder is synced. Windows can't sync folders and needs not. */
const syncDirectory = async (directory: string): Promise<void> => {
  if (process.platform === "win32") return;
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};
