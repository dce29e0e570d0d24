/** The rows of a text file in a lake, plain or compressed. */
import { Readable } from "node:stream";
import { type PackingName, unpacked } from "../compression/unpacked";
import { RowSplitter, type Row } from "../files/rows";
import { fileError } from "./file-error";
import type { ReadableStore } from "./store";

export interface ReadOptions {
  /** Line ends inside double quotes belong to the row (CSV). */
  readonly quoted: boolean;
  readonly packing: PackingName;
  /** Most bytes of a row. */
  readonly limit: number;
  /** Where to begin, in bytes of the (decompressed) file, and the number of the line there. */
  readonly offset: number;
  readonly line: number;
}

/**
 * Yields rows in lists, one for each piece that was read.
 *
 * @throws FileError when the file can't be read, breaks off or is not compressed as its name says
 */
export async function* readRows(store: ReadableStore, path: string, options: ReadOptions): AsyncGenerator<Row[], void> {
  const { packing, offset, line } = options;
  const splitter = new RowSplitter(options, offset, line);
  let skip = packing === "none" ? 0 : offset;
  let stored: AsyncIterable<Uint8Array> | undefined;
  try {
    stored = await store.read(path, packing === "none" ? offset : 0);
    for await (const piece of unpacked(stored, packing)) {
      const skipped = Math.min(skip, piece.length);
      skip -= skipped;
      const rows = splitter.push(Buffer.from(piece.buffer, piece.byteOffset + skipped, piece.length - skipped));
      if (rows.length > 0) yield rows;
    }
    const rows = splitter.end();
    if (rows.length > 0) yield rows;
  } catch (error) {
    throw fileError(store, path, error);
  } finally {
    if (stored instanceof Readable) stored.destroy();
  }
}
