/** What stands in the way of reading one file of a lake. */
import { Damaged } from "../compression/damaged";
import { Retriable, messageOf } from "../errors";
import { type ReadableStore, StoreError } from "./store";

/** One file can't be read, and the others are not to wait for it. */
export class FileError extends Retriable {
  override readonly name = "FileError";
}

const ADVICE = "Put a good copy in its place, or move it out of the path; it is tried again, and other files are read.";

/** The error with the file's name; one of the whole store, or one that says the file already, stays what it is. */
export function fileError(store: ReadableStore, path: string, error: unknown): Error {
  if (error instanceof Retriable) return error;
  if (error instanceof StoreError) {
    const isAll = error.problem === "unreachable" || error.problem === "unavailable";
    if (isAll) return new Retriable(error.message, { cause: error, unreachable: true });
    return new FileError(error.message, { cause: error, unreachable: true });
  }
  const place = `${store.address}/${path}`;
  if (error instanceof Damaged) return new FileError(`${place} ${error.message}. ${ADVICE}`, { cause: error });
  return new FileError(`${place} can't be read: ${messageOf(error)}`, { cause: error });
}
