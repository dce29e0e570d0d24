/** The rows of a Parquet file in a lake, with the bytes from which their records can be made again. */
import { deserialize } from "node:v8";
import { Damaged } from "../compression/damaged";
import type { ParquetReading } from "../formats/parquet/reading";
import type { Row } from "../files/rows";
import type { DecodedRow } from "./avro-rows";
import { fileError } from "./file-error";
import type { Place } from "./reading";
import { type ReadableStore, readPart } from "./store";

export interface ParquetRow extends DecodedRow {
  /** All rows that came with it, and which of them it is. Its own bytes are its share of these, for who counts them. */
  readonly piece: Buffer;
  readonly index: number;
}

/** The record of a row once more. */
export const parquetRecord = ({ piece, index }: ParquetRow): unknown => (deserialize(piece) as unknown[])[index];

/** @throws FileError when the file can't be read, breaks off or is damaged */
export async function* parquetRows(
  store: ReadableStore,
  { path, bytes: size }: { readonly path: string; readonly bytes: number },
  thread: ParquetReading,
  start: Place,
): AsyncGenerator<Row[], void> {
  const slice = async (from: number, to: number): Promise<ArrayBuffer> => {
    const part = await readPart(store, path, from, to - from);
    if (part.length < to - from) throw new Damaged(`ends too early, after byte ${from + part.length}`);
    return part.buffer as ArrayBuffer;
  };
  let offset = start.offset;
  try {
    for await (const { bytes, count } of thread.read(size, offset, slice)) {
      const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const share = piece.length / count;
      const rows: ParquetRow[] = [];
      for (const [index, payload] of (deserialize(piece) as unknown[]).entries()) {
        const next = offset + 1;
        const own = piece.subarray(Math.floor(index * share), Math.floor((index + 1) * share));
        rows.push({ bytes: own, offset, next, line: next, nextLine: next + 1, piece, index, value: { payload } });
        offset = next;
      }
      yield rows;
    }
  } catch (error) {
    throw fileError(store, path, error);
  }
}
