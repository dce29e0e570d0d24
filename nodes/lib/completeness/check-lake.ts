/** Checks the files of a lake: their rows, and what their names and indexes say of Kafka's offsets. */
import { Retriable } from "../errors";
import { parseRangeName } from "../lake/file-name";
import { contentOf } from "../lake/content";
import { findFiles, type DataFile, type LakePath } from "../lake/find";
import { indexedFile, type OffsetIndex } from "../lake/stored";
import { parentOf, readAll, type Store } from "../lake/store";
import { CompletenessCheck } from "../stream/completeness/check";
import type { CompletenessReport } from "../stream/completeness/report";
import { feedStored, type FeedOptions } from "./feed";

export interface LakeCheck {
  readonly feed: FeedOptions;
  /** Ends the check: it rejects as something that can be tried again. */
  readonly signal: AbortSignal;
  /** Told after each piece that was read; in stored bytes. */
  progress(read: { readonly read: number; readonly bytes: number; readonly files: number }): void;
}

export interface LakeFindings {
  readonly report: CompletenessReport;
  readonly files: number;
  /** Stored bytes. */
  readonly bytes: number;
  /** Files whose names tell no format that can be read. */
  readonly leftOut: number;
}

/**
 * Reads the files of a path one after the other, by name. Offsets are those of the rows where they have some; otherwise
 * those that the files' names and indexes state.
 *
 * @throws ConfigError when a file has not the columns that were named; Retriable when the check is stopped; what the store says
 */
export async function checkLake(
  check: CompletenessCheck,
  store: Store,
  path: LakePath,
  { feed, signal, progress }: LakeCheck,
): Promise<LakeFindings> {
  const files: DataFile[] = [];
  let leftOut = 0;
  for await (const file of findFiles(store, path)) {
    if (contentOf(file.name)) files.push(file);
    else leftOut++;
  }
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  let read = 0;
  for (const [at, file] of files.entries())
    await feedStored(check, store, file, file.path, feed, (count) => {
      if (signal.aborted) throw new Retriable("the check was stopped");
      read += count;
      progress({ read, bytes, files: at + 1 });
    });
  const report = check.report();
  const offsets = report.offsets.length > 0 ? report : await namedOffsets(store, files);
  return {
    report: {
      ...report,
      offsets: offsets.offsets,
      exact: report.exact && offsets.exact,
      complete: report.complete && offsets.complete,
    },
    files: files.length,
    bytes,
    leftOut,
  };
}

/** What files named `topic+partition+first+last` hold together, in whatever directories. */
async function namedOffsets(store: Store, files: readonly DataFile[]): Promise<CompletenessReport> {
  const check = new CompletenessCheck({ interval: 0 });
  const named = files.flatMap((file) => {
    const range = parseRangeName(file.name);
    return range ? [{ file, range }] : [];
  });
  /** Indexes by the path of their file. */
  const indexes = new Map<string, string>();
  for (const directory of new Set(named.map(({ file }) => parentOf(file.path))))
    for (const { name } of await store.list(directory)) {
      const of = indexedFile(name);
      const below = directory === "" ? "" : `${directory}/`;
      if (of !== undefined) indexes.set(`${below}${of}`, `${below}${name}`);
    }
  for (const { file, range } of named) {
    const { topic, partition, first, last } = range;
    // many files must not keep the event loop from everybody else
    await new Promise((resolve) => setImmediate(resolve));
    const index = indexes.get(file.path);
    const { ranges, pieces } =
      index === undefined
        ? { ranges: [[first, last] as const], pieces: undefined }
        : (JSON.parse((await readAll(store, index)).toString("utf8")) as OffsetIndex);
    for (const [from, to] of ranges)
      for (let offset = from; offset <= to; offset++) {
        const own = pieces?.[offset];
        // of a record that was split, the file with its first piece counts
        if (!own || own.includes(0)) check.offset(topic, partition, offset);
      }
  }
  return check.report();
}
