/** The rows of a text file in a lake, plain or gzip. */
import { Readable, pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { Retriable, messageOf } from "../errors";
import { RowSplitter, type Row } from "../files/rows";
import type { Store } from "./store";
import { StoreError } from "./store";

export interface ReadOptions {
  /** Line ends inside double quotes belong to the row (CSV). */
  readonly quoted: boolean;
  readonly gzip: boolean;
  /** Most bytes of a row. */
  readonly limit: number;
  /** Where to begin, in bytes of the (decompressed) file, and the number of the line there. */
  readonly offset: number;
  readonly line: number;
}

const CHUNK = 64 * 1024;

/**
 * Yields rows in lists, one for each piece that was read.
 *
 * @throws Retriable when the file can't be read, breaks off or is no gzip
 */
export async function* readRows(store: Store, path: string, options: ReadOptions): AsyncGenerator<Row[], void> {
  const splitter = new RowSplitter(options, options.offset, options.line);
  let skip = options.gzip ? options.offset : 0;
  let stored: AsyncIterable<Uint8Array> | undefined;
  try {
    stored = await store.read(path, options.gzip ? 0 : options.offset);
    const content = options.gzip
      ? pipeline(Readable.from(stored), createGunzip({ chunkSize: CHUNK }), () => undefined)
      : stored;
    for await (const piece of content as AsyncIterable<Buffer>) {
      const skipped = Math.min(skip, piece.length);
      skip -= skipped;
      const rows = splitter.push(piece.subarray(skipped));
      if (rows.length > 0) yield rows;
    }
    const rows = splitter.end();
    if (rows.length > 0) yield rows;
  } catch (error) {
    throw unreadable(store, path, error);
  } finally {
    if (stored instanceof Readable) stored.destroy();
  }
}

function unreadable(store: Store, path: string, error: unknown): Error {
  if (error instanceof Retriable) return error;
  const place = `${store.address}/${path}`;
  if (error instanceof StoreError) return new Retriable(error.message, { cause: error, unreachable: true });
  const { code } = error as NodeJS.ErrnoException;
  const words: Readonly<Record<string, string>> = {
    Z_DATA_ERROR: "is no gzip file or is damaged",
    Z_BUF_ERROR: "ends in the middle of its gzip data",
  };
  return new Retriable(`${place} ${words[code ?? ""] ?? `can't be read: ${messageOf(error)}`}`, { cause: error });
}
