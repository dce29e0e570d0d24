/** Reads a file's rows from an offset, plain or gzip. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { ConfigError, messageOf, Retriable } from "../errors";
import type { Beginning } from "./positions";
import { RowSplitter, type Row, type SplitOptions } from "./rows";

const KNOWN = /\.(?:csv|tsv|txt|ndjson|jsonl)(?:\.gz)?$/iu;
const BEGINNING = 1_024;
const CHUNK = 64 * 1024;

export const isGzip = (file: string): boolean => /\.gz$/iu.test(file);

/**
 * The files that paths stand for: a folder stands for its data files (csv, tsv, txt, ndjson, jsonl, also with .gz), by
 * name.
 * @throws Retriable when a path does not exist or cannot be read: it may come
 */
export async function listFiles(paths: readonly string[]): Promise<string[]> {
  const lists = await Promise.all(
    paths.map(async (one) => {
      try {
        if (!(await stat(one)).isDirectory()) return [one];
        const names = (await readdir(one)).filter((name) => KNOWN.test(name));
        return names.sort().map((name) => path.join(one, name));
      } catch (error) {
        throw unreadable(one, error);
      }
    }),
  );
  return [...new Set(lists.flat())];
}

/** What a file begins with (its stored bytes), and its size. */
export async function beginningOf(file: string, length = BEGINNING): Promise<{ beginning: Beginning; size: number }> {
  try {
    const handle = await open(file, "r");
    try {
      const { size } = await handle.stat();
      const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(Math.min(length, size)), position: 0 });
      const sha1 = createHash("sha1").update(buffer.subarray(0, bytesRead)).digest("hex");
      return { beginning: { length: bytesRead, sha1 }, size };
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw unreadable(file, error);
  }
}

export interface ReadOptions extends SplitOptions {
  readonly offset: number;
  readonly line: number;
  /** The file is complete: its last row counts even without a line end. */
  readonly complete: boolean;
}

/**
 * Yields rows in lists, one for each piece that was read.
 * @throws Retriable when the file cannot be read or is no gzip
 */
export async function* readRows(file: string, options: ReadOptions): AsyncGenerator<Row[], void> {
  const splitter = new RowSplitter(options, options.offset, options.line);
  let skip = isGzip(file) ? options.offset : 0;
  const stored = createReadStream(file, { start: skip > 0 || isGzip(file) ? 0 : options.offset, highWaterMark: CHUNK });
  let content: Readable = stored;
  if (isGzip(file)) {
    const gunzip = createGunzip({ chunkSize: CHUNK });
    stored.on("error", (error) => gunzip.destroy(error));
    content = stored.pipe(gunzip);
  }
  try {
    for await (const piece of content) {
      let bytes = piece as Buffer;
      if (skip > 0) {
        const skipped = Math.min(skip, bytes.length);
        skip -= skipped;
        bytes = bytes.subarray(skipped);
      }
      const rows = splitter.push(bytes);
      if (rows.length > 0) yield rows;
    }
    if (options.complete) {
      const rows = splitter.end();
      if (rows.length > 0) yield rows;
    }
  } catch (error) {
    throw unreadable(file, error);
  } finally {
    stored.destroy();
    content.destroy();
  }
}

function unreadable(file: string, error: unknown): Error {
  if (error instanceof ConfigError || error instanceof Retriable) return error;
  const { code } = error as NodeJS.ErrnoException;
  const words: Readonly<Record<string, string>> = {
    ENOENT: "does not exist",
    EACCES: "may not be read by this user",
    EISDIR: "is a folder",
    Z_DATA_ERROR: "is no gzip file or is damaged",
    Z_BUF_ERROR: "ends in the middle of its gzip data",
  };
  return new Retriable(`${file} ${words[code ?? ""] ?? `cannot be read: ${messageOf(error)}`}`, { cause: error });
}
