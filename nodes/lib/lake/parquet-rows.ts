/** The rows of a Parquet file in a lake, each as the bytes from which its record is made. */
import { deserialize } from "node:v8";
import { Damaged } from "../compression/damaged";
import type { ParquetReading } from "../formats/parquet/reading";
import type { Row } from "../files/rows";
import { fileError } from "./file-error";
import type { Place } from "./reading";
import { type ReadableStore, readPart } from "./store";

/** The record of a row, a new one each time. */
export const parquetRecord = ({ bytes }: Row): unknown => deserialize(bytes);

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
    for await (const { bytes, ends } of thread.read(size, offset, slice)) {
      const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const rows: Row[] = [];
      let from = 0;
      for (const end of ends) {
        const next = offset + 1;
        rows.push({ bytes: all.subarray(from, end), offset, next, line: next, nextLine: next + 1 });
        from = end;
        offset = next;
      }
      yield rows;
    }
  } catch (error) {
    throw fileError(store, path, error);
  }
}
