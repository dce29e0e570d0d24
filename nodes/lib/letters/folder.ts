/**
 * Dead letters in a folder of files, which sources of this process and of others may write to meanwhile. Letters that are
 * done are named in a file beside theirs; when all of a file are, both are removed, unless somebody still writes to it.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { open, readdir, stat, unlink } from "node:fs/promises";
import path from "node:path";
import { deadLetterFile, DONE, LETTERS, openFiles } from "../delivery/dead-letter-file";
import { decodeDeadLetter } from "../delivery/dead-letter-format";
import { readLineAt, readLines, type Line } from "../delivery/dead-letter-lines";
import { messageOf, Retriable } from "../errors";
import { summaryOf, type Letter, type LetterStore, type LetterSummary } from "./store";

/** Letters kept in mind, some 0.5 kB each. */
const MOST = 100_000;

interface File {
  readonly name: string;
  /** Orders files of all writers. */
  readonly born: string;
  /** Bytes that were read. */
  read: number;
  /** Bytes of its file of done letters that were read. */
  doneRead: number;
  /** A whole line of it is no letter. */
  hasUnreadable?: boolean;
  /** Ids of its letters that are not done and not replaced by a later one. */
  readonly waiting: Set<string>;
}

interface Entry {
  readonly summary: LetterSummary;
  readonly file: File;
  readonly at: number;
  /** Other files that have an earlier version of it. */
  readonly before: readonly File[];
}

const bornOf = (name: string): string => /-(\d{4}-\d\d-\d\dT.+)\.ndjson$/u.exec(name)?.[1] ?? "";

/** The process that writes to a file, as its name says. */
const writerLives = (name: string): boolean => {
  const pid = Number(/-(\d+)-\d+\.ndjson$/u.exec(name)?.[1]);
  // This process: what it has open is known. A file of another form may be anybody's.
  if (!Number.isInteger(pid) || pid <= 0) return true;
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

const letterIn = (line: Buffer): Letter | undefined => {
  try {
    const letter = decodeDeadLetter(line.toString());
    if (typeof letter.message !== "object" || typeof letter.error !== "object") return undefined;
    return { ...letter, id: letter.id ?? createHash("sha1").update(line).digest("hex").slice(0, 20) };
  } catch {
    // Torn: its process was killed while it wrote, and the record was not acknowledged.
    return undefined;
  }
};

/**
 * @param directory the folder; it need not be there yet
 * @param prefix names the files of letters that come back or are edited: one a writer
 */
export function letterFolder(directory: string, prefix: string, most = MOST): LetterStore {
  const files = new Map<string, File>();
  const entries = new Map<string, Entry>();
  /** Ids that are done while lines are unread, which may hold versions of them; empty once all are read. */
  const finished = new Set<string>();
  const writer = deadLetterFile({ directory, prefix });
  let more = false;
  let turn: Promise<unknown> = Promise.resolve();

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = turn.then(work).catch((error: unknown) => {
      throw new Retriable(`the dead letters of ${directory} can't be used: ${messageOf(error)}`, { cause: error });
    });
    turn = next.catch(() => undefined);
    return next;
  };

  const forget = (id: string): void => {
    const entry = entries.get(id);
    entries.delete(id);
    entry?.file.waiting.delete(id);
  };

  const index = (file: File, { at, bytes }: Line): void => {
    const letter = letterIn(bytes);
    if (letter === undefined) file.hasUnreadable = true;
    if (letter === undefined || finished.has(letter.id)) return;
    const known = entries.get(letter.id);
    if (known !== undefined && known.file !== file && known.file.born > file.born) {
      entries.set(letter.id, { ...known, before: [...known.before, file] });
      return;
    }
    known?.file.waiting.delete(letter.id);
    const before = known === undefined ? [] : [...new Set([...known.before, known.file])].filter((one) => one !== file);
    file.waiting.add(letter.id);
    entries.set(letter.id, { summary: summaryOf(letter, bytes.length), file, at, before });
  };

  const readDone = async (file: File): Promise<void> => {
    const name = path.join(directory, `${file.name}${DONE}`);
    const { size } = await stat(name).catch(() => ({ size: 0 }));
    if (size <= file.doneRead) return;
    for await (const lines of readLines(name, file.doneRead))
      for (const { at, bytes } of lines) {
        const id = bytes.toString();
        finished.add(id);
        forget(id);
        file.doneRead = at + bytes.length + 1;
      }
  };

  const readFileOn = async (file: File): Promise<void> => {
    const name = path.join(directory, file.name);
    if ((await stat(name)).size <= file.read) return;
    for await (const lines of readLines(name, file.read))
      for (const line of lines) {
        if (entries.size >= most) {
          more = true;
          return;
        }
        index(file, line);
        file.read = line.at + line.bytes.length + 1;
      }
  };

  const removeIfDone = async (file: File): Promise<void> => {
    const name = path.join(directory, file.name);
    // What can't be read is nobody's to remove.
    if (file.hasUnreadable || file.waiting.size > 0 || openFiles().has(name) || writerLives(file.name)) return;
    if ((await stat(name)).size !== file.read) return;
    await unlink(name);
    await unlink(path.join(directory, `${file.name}${DONE}`)).catch(() => undefined);
    files.delete(file.name);
  };

  /** A list of done letters whose file is gone: its process was killed between the two. */
  const removeIfAlone = async (name: string): Promise<void> => {
    const file = path.join(directory, name.slice(0, -DONE.length));
    if (files.has(path.basename(file)) || existsSync(file)) return;
    await unlink(path.join(directory, name)).catch(() => undefined);
  };

  const look = async (): Promise<void> => {
    const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    const there = new Set(names);
    for (const file of files.values()) {
      if (there.has(file.name)) continue;
      for (const id of file.waiting) entries.delete(id);
      files.delete(file.name);
    }
    const found = names.filter((name) => name.endsWith(LETTERS)).sort((a, b) => (bornOf(a) < bornOf(b) ? -1 : 1));
    for (const name of found) {
      if (!files.has(name))
        files.set(name, { name, born: bornOf(name), read: 0, doneRead: 0, waiting: new Set<string>() });
    }
    // All that is done first: an earlier version of a letter must not come back.
    for (const file of files.values()) await readDone(file);
    more = false;
    for (const name of found) {
      const file = files.get(name);
      if (file === undefined) continue;
      try {
        await readFileOn(file);
        await removeIfDone(file);
      } catch (error) {
        // Another process has removed it since.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
    if (!more) finished.clear();
    for (const name of names) if (name.endsWith(DONE)) await removeIfAlone(name);
  };

  const markDone = async (file: File, ids: readonly string[]): Promise<void> => {
    const handle = await open(path.join(directory, `${file.name}${DONE}`), "a");
    try {
      // Begins with a line end: what a kill has torn before it stays apart.
      await handle.appendFile(`\n${ids.join("\n")}\n`);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  };

  return {
    place: directory,
    refresh: () => inTurn(look),
    *letters() {
      for (const { summary } of entries.values()) yield summary;
    },
    get size() {
      return entries.size;
    },
    get more() {
      return more;
    },
    async read(id) {
      const entry = entries.get(id);
      if (entry === undefined) return undefined;
      const { file, at, summary } = entry;
      const line = await readLineAt(path.join(directory, file.name), at, summary.bytes).catch((error: unknown) => {
        throw new Retriable(`the dead letter can't be read from ${directory}: ${messageOf(error)}`, { cause: error });
      });
      if (letterIn(line) === undefined) return undefined;
      return () => letterIn(line) as Letter;
    },
    done: (ids) =>
      inTurn(async () => {
        const byFile = new Map<File, string[]>();
        const known = ids.filter((id) => entries.has(id));
        for (const id of known) {
          const entry = entries.get(id);
          for (const file of entry ? [...entry.before, entry.file] : []) {
            const list = byFile.get(file) ?? [];
            list.push(id);
            byFile.set(file, list);
          }
        }
        for (const [file, list] of byFile) await markDone(file, list);
        for (const id of known) {
          if (more) finished.add(id);
          forget(id);
        }
        for (const file of byFile.keys()) await removeIfDone(file);
      }),
    async write(letters) {
      await writer.write(letters);
      await inTurn(look);
    },
    async close() {
      await turn;
      await writer.close();
    },
  };
}
