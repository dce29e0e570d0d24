/** Gives files, local or of a lake, to a completeness check, whatever format and compression their names say. */
import { open, stat } from "node:fs/promises";
import path from "node:path";
import { Damaged } from "../compression/damaged";
import { unpacked } from "../compression/unpacked";
import { ConfigError, messageOf } from "../errors";
import { RowSplitter } from "../files/rows";
import { type Content, contentOf, READABLE, separatorOf } from "../lake/content";
import type { DataFile } from "../lake/find";
import { FileError } from "../lake/file-error";
import { localStore } from "../lake/local";
import { RowSource } from "../lake/open-rows";
import type { ReaderOptions } from "../lake/reading";
import type { ReadableStore } from "../lake/store";
import type { CompletenessCheck } from "../stream/completeness/check";
import { csvFeed, type CsvFeedOptions } from "./csv-feed";
import { isWholeRecord, recordFeed } from "./record-feed";

export type FeedOptions = Omit<CsvFeedOptions, "place">;

/** Longest line, in bytes. */
const LINE_LIMIT = 32 * 1024 * 1024;

const NO_COLUMNS: ReaderOptions["records"] = {
  encoding: "utf-8",
  separator: ",",
  columns: [],
  numbers: "automatic",
  nullWords: [],
  timeColumns: [],
  utcOffset: "",
};

interface Feed {
  push(chunk: Uint8Array): void;
  end(): void;
}

const contentFor = (name: string): Content => {
  const content = contentOf(name);
  if (!content) throw new ConfigError(`${name} is no file that can be read by its name (${READABLE})`);
  return content;
};

function ndjsonFeed(check: CompletenessCheck, name: string, options: FeedOptions): Feed {
  const feed = recordFeed(check, options);
  const splitter = new RowSplitter({ quoted: false, limit: LINE_LIMIT });
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const take = (rows: ReturnType<RowSplitter["push"]>): void => {
    for (const { bytes, line, broken } of rows) {
      if (broken !== undefined) {
        check.unreadable(`${name} line ${line}`, broken);
        continue;
      }
      let value: unknown;
      try {
        const text = decoder.decode(bytes);
        if (text.trim() === "") continue;
        value = JSON.parse(text);
      } catch (error) {
        check.unreadable(`${name} line ${line}`, `it is not JSON: ${messageOf(error)}`);
        continue;
      }
      feed(isWholeRecord(value) ? value : { payload: value });
    }
  };
  return { push: (chunk) => take(splitter.push(Buffer.from(chunk))), end: () => take(splitter.end()) };
}

/** The store, which tells of all that is read. */
function countedStore(store: ReadableStore, read: (bytes: number) => void): ReadableStore {
  return {
    address: store.address,
    async read(...where) {
      const stored = await store.read(...where);
      return (async function* counted(): AsyncGenerator<Uint8Array> {
        for await (const chunk of stored) {
          read(chunk.length);
          yield chunk;
        }
      })();
    },
  };
}

/** Records of a format with a schema. */
async function feedValues(
  check: CompletenessCheck,
  store: ReadableStore,
  file: Pick<DataFile, "path" | "bytes">,
  content: Content,
  options: FeedOptions,
): Promise<void> {
  const feed = recordFeed(check, options);
  const source = new RowSource(store, { records: NO_COLUMNS, rowLimit: LINE_LIMIT });
  try {
    const { reader, rows } = source.open(file, content, { offset: 0, line: 1 });
    for await (const list of rows) {
      for (const row of list) {
        const value = reader.read(row)?.payload;
        feed(isWholeRecord(value) ? value : { payload: value });
      }
      // many rows must not keep the event loop from everybody else
      await new Promise((resolve) => setImmediate(resolve));
    }
  } catch (error) {
    throw error instanceof FileError && error.cause instanceof Damaged ? error.cause : error;
  } finally {
    await source.close();
  }
}

/** What a damaged file has lost is a finding; the check goes on with the next file. */
async function untilDamage(
  check: CompletenessCheck,
  name: string,
  action: () => Promise<void>,
): Promise<string | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    if (!(error instanceof Damaged)) throw error;
    check.unreadable(name, `${error.message}; what follows is not read`);
    return `${name} ${error.message}`;
  }
}

/**
 * Reads a file of a lake to its end, or to where it is damaged, which the check is told.
 *
 * @param name of the file for people
 * @param read told of the stored bytes that were read
 * @returns the damage, with the file's name
 * @throws ConfigError when it has not the columns that were named; what the store says
 */
export async function feedStored(
  check: CompletenessCheck,
  store: ReadableStore,
  file: Pick<DataFile, "path" | "bytes">,
  name: string,
  options: FeedOptions,
  read: (bytes: number) => void,
): Promise<string | undefined> {
  const content = contentFor(name);
  const { format, packing } = content;
  const counting = countedStore(store, read);
  if (format !== "csv" && format !== "ndjson")
    return untilDamage(check, name, () => feedValues(check, counting, file, content, options));
  const feed: Feed =
    format === "csv"
      ? csvFeed(check, { ...options, place: name, separator: separatorOf(name, options.separator) })
      : ndjsonFeed(check, name, options);
  return untilDamage(check, name, async () => {
    const stored = await counting.read(file.path);
    for await (const chunk of unpacked(stored, packing)) feed.push(chunk);
    feed.end();
  });
}

/**
 * Reads a file of this machine to its end; plain CSV goes from the disk straight into the scanner.
 *
 * @returns the damage, if there is any, with the file's name
 * @throws ConfigError when it has not the columns that were named; what the file system says
 */
export async function feedFile(
  check: CompletenessCheck,
  file: string,
  options: FeedOptions,
  read: (bytes: number) => void = () => undefined,
): Promise<string | undefined> {
  const { format, packing } = contentFor(file);
  if (format !== "csv" || packing !== "none") {
    const [folder, name] = [path.dirname(path.resolve(file)), path.basename(file)];
    return feedStored(check, localStore(folder), { path: name, bytes: (await stat(file)).size }, file, options, read);
  }
  const handle = await open(file, "r");
  try {
    const scanner = csvFeed(check, { ...options, place: file, separator: separatorOf(file, options.separator) });
    for (;;) {
      const { buffer, offset, length } = scanner.room();
      const { bytesRead } = await handle.read(buffer, offset, length, null);
      if (bytesRead === 0) break;
      read(bytesRead);
      scanner.filled(bytesRead);
    }
    scanner.end();
    return undefined;
  } finally {
    await handle.close();
  }
}
