/** Gives files, local or of a lake, to a completeness check: CSV and NDJSON, plain or gzip. */
import { open } from "node:fs/promises";
import { Readable, pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { ConfigError, messageOf } from "../errors";
import { RowSplitter } from "../files/rows";
import type { CompletenessCheck } from "../stream/completeness/check";
import { csvFeed, type CsvFeedOptions } from "./csv-feed";
import { isWholeRecord, recordFeed } from "./record-feed";

export type FeedOptions = Omit<CsvFeedOptions, "place">;

const NAMES = /\.(?<format>csv|tsv|txt|ndjson|jsonl)(?<gzip>\.gz)?$/iu;
/** Longest line, in bytes. */
const LINE_LIMIT = 32 * 1024 * 1024;

/** What a file's name says about its content; undefined when it is no name of a data file. */
export function formatOf(name: string): { readonly format: "csv" | "ndjson"; readonly gzip: boolean } | undefined {
  const found = NAMES.exec(name)?.groups;
  if (!found) return undefined;
  const ndjson = /^(?:ndjson|jsonl)$/iu.test(found["format"] ?? "");
  return { format: ndjson ? "ndjson" : "csv", gzip: found["gzip"] !== undefined };
}

interface Feed {
  push(chunk: Uint8Array): void;
  end(): void;
}

function feedFor(check: CompletenessCheck, name: string, options: FeedOptions): Feed {
  const found = formatOf(name);
  if (!found)
    throw new ConfigError(`${name} is no CSV or NDJSON file by its name (.csv, .tsv, .txt, .ndjson, .jsonl, also .gz)`);
  return found.format === "csv"
    ? csvFeed(check, { ...options, place: name, separator: separatorFor(name, options) })
    : ndjsonFeed(check, name, options);
}

const separatorFor = (name: string, { separator }: FeedOptions): string =>
  separator === "," && /\.tsv(?:\.gz)?$/iu.test(name) ? "\t" : separator;

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

/**
 * Reads a stream of a file's bytes to its end.
 *
 * @param name says the format; for people too
 * @param read told of the stored bytes that were read
 * @throws ConfigError when it has not the columns that were named; what the stream throws
 */
export async function feedStream(
  check: CompletenessCheck,
  stream: AsyncIterable<Uint8Array>,
  name: string,
  options: FeedOptions,
  read: (bytes: number) => void = () => undefined,
): Promise<void> {
  const feed = feedFor(check, name, options);
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of stream) {
      read(chunk.length);
      yield chunk;
    }
  };
  const bytes = formatOf(name)?.gzip ? unzipped(counted()) : counted();
  for await (const chunk of bytes) feed.push(chunk);
  feed.end();
}

function unzipped(stored: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  // an error of either side comes out of the iteration
  return pipeline(Readable.from(stored), createGunzip({ chunkSize: 256 * 1024 }), () => undefined);
}

/**
 * Reads a file of this machine to its end; plain CSV goes from the disk straight into the scanner.
 *
 * @throws ConfigError when it has not the columns that were named; what the file system says
 */
export async function feedFile(
  check: CompletenessCheck,
  file: string,
  options: FeedOptions,
  read: (bytes: number) => void = () => undefined,
): Promise<void> {
  const handle = await open(file, "r");
  try {
    const found = formatOf(file);
    if (found?.format !== "csv" || found.gzip) {
      await feedStream(
        check,
        handle.createReadStream({ autoClose: false, highWaterMark: 256 * 1024 }),
        file,
        options,
        read,
      );
      return;
    }
    const scanner = csvFeed(check, { ...options, place: file, separator: separatorFor(file, options) });
    for (;;) {
      const { buffer, offset, length } = scanner.room();
      const { bytesRead } = await handle.read(buffer, offset, length, null);
      if (bytesRead === 0) break;
      read(bytesRead);
      scanner.filled(bytesRead);
    }
    scanner.end();
  } finally {
    await handle.close();
  }
}
