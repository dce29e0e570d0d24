/**
 * The port behind which a lake's storage stands: a local folder, HDFS by WebHDFS or HttpFS, a bucket of S3. Paths are relative to the
 * lake's root, joined by "/", and made of segments that `directory.ts` has made safe.
 */
import type { Body } from "../http";
import { Rejected, Retriable } from "../errors";

export interface Entry {
  /** Last segment of the path. */
  readonly name: string;
  readonly directory: boolean;
  readonly bytes: number;
  /** ms since the epoch */
  readonly modified: number;
  /** Copies kept, and size of a block in bytes, as the store itself says; absent for a local folder. */
  readonly replication?: number;
  readonly blockSize?: number;
}

export interface CreateOptions {
  /** Makes missing directories. False is what fences a writer: a create below a directory that is gone fails. */
  readonly createParent: boolean;
  readonly replication?: number | undefined;
  /** Bytes */
  readonly blockSize?: number | undefined;
  /** Octal digits, such as "644". */
  readonly permission?: string | undefined;
}

/** What every lake can. */
export interface Store {
  readonly kind: "files" | "objects";
  /** For people: `file:///data/lake`, `http://namenode:9870/lake`. */
  readonly address: string;
  /**
   * Makes a file that does not exist yet and resolves when all of it is durable: fsynced, or closed on HDFS.
   * @throws StoreError `exists`; `missing` when a directory is not there and may not be made
   */
  create(path: string, body: readonly Uint8Array[] | Exclude<Body, Uint8Array>, options: CreateOptions): Promise<void>;
  /** What a directory holds, sorted by name; empty when there is no such directory. */
  list(path: string): Promise<Entry[]>;
  stat(path: string): Promise<Entry | undefined>;
  /**
   * A file's bytes from an offset on.
   * @param length most bytes that are wanted
   * @throws StoreError `missing`
   */
  read(path: string, offset?: number, length?: number): Promise<AsyncIterable<Uint8Array>>;
  /** Removes a file, or a directory with all in it. Removing what is not there is no error. */
  remove(path: string): Promise<void>;
  /** Makes a directory and those above it; no error when it is there. Where there are none, it does nothing. */
  mkdirs(path: string, permission?: string): Promise<void>;
  close(): void;
}

/** What reading a file takes. */
export type ReadableStore = Pick<Store, "address" | "read">;

/** A file system: directories are real, and a rename is one step. */
export interface FileStore extends Store {
  readonly kind: "files";
  /**
   * Renames a file, never over another one.
   * @returns false when `to` exists
   * @throws StoreError `missing` when `from`, or the directory of `to`, does not exist
   */
  rename(from: string, to: string): Promise<boolean>;
}

/** Objects by key: no rename, no directories, and a `create` that of several writers lets one win. */
export interface ObjectStore extends Store {
  readonly kind: "objects";
  /** Writes an object, over one that is there. Nothing of it is to be seen before all of it is there. */
  put(path: string, body: readonly Uint8Array[] | AsyncIterable<Uint8Array>): Promise<void>;
  /** Copies an object, over one that is there. @returns false when `from` does not exist */
  copy(from: string, to: string): Promise<boolean>;
  /**
   * Removes the parts of objects whose writers ended before the last part was there.
   * @param which of the names directly below the path
   */
  endUploads(path: string, which: (name: string) => boolean): Promise<void>;
}

export type LakeStore = FileStore | ObjectStore;

/**
 * Who or what must act: `unreachable` no server answers, `unavailable` it answers but can't serve now (safe mode,
 * standby, no data node), `full` no space or quota, `permission`, `setting` a replication or block size that the
 * server refuses, `invalid` a path that can never be.
 */
export type StoreProblem =
  "exists" | "missing" | "permission" | "unreachable" | "unavailable" | "full" | "invalid" | "setting" | "failed";

/** What a store refused or could not do, and why. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  constructor(
    readonly problem: StoreProblem,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * The error as delivery sees it. Only a path that can never be is the record's own fault; everything else is somebody's
 * to mend (rights, quota, a server) and the records wait meanwhile.
 */
export function deliveryError(error: unknown): Retriable | Rejected {
  if (error instanceof Retriable || error instanceof Rejected) return error;
  if (!(error instanceof StoreError)) return new Retriable(`The lake failed: ${String(error)}`, { cause: error });
  if (error.problem === "invalid") return new Rejected(error.message, { cause: error });
  return new Retriable(error.message, { cause: error, unreachable: true });
}

/** Whether an error is a store's, of one of these problems. */
export const isProblem = (error: unknown, ...problems: StoreProblem[]): error is StoreError =>
  error instanceof StoreError && problems.includes(error.problem);

/** A file's whole content. */
export async function readAll(store: Store, path: string): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of await store.read(path)) parts.push(part);
  return Buffer.concat(parts);
}

/** Some bytes of a file: fewer only where it ends. */
export async function readPart(store: ReadableStore, path: string, offset: number, length: number): Promise<Buffer> {
  if (length === 0) return Buffer.alloc(0);
  // not of the pool, so that it can be handed to a thread
  const bytes = Buffer.from(new ArrayBuffer(length));
  let read = 0;
  for await (const part of await store.read(path, offset, length)) {
    bytes.set(part.subarray(0, length - read), read);
    read += Math.min(part.length, length - read);
    if (read === length) break;
  }
  return bytes.subarray(0, read);
}

/** The directory of a path; "" for one at the root. */
export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));
