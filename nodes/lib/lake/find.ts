/** Finds the data files of a lake below a path, which may have wildcards and parts taken from a message. */
import { ConfigError } from "../errors";
import { type Template, template } from "../template";
import { TEMPORARY, safeSegment } from "./directory";
import { type Entry, type Store, isProblem } from "./store";

/** One segment of a path: a name, or a pattern for names; `**` stands for any number of directories. */
type Segment = string | RegExp;

export interface DataFile extends Entry {
  /** Relative to the lake. */
  readonly path: string;
}

/** A path such as `{{topic}}/dt=2026-*`, for each message. */
export interface PathTemplate {
  /** True when it takes nothing from a message. */
  readonly constant: boolean;
  /** @throws Rejected when the message lacks a part, or the part can't be in a path */
  render(from: unknown): LakePath;
}

export interface LakePath {
  /** For people. */
  readonly text: string;
  readonly segments: readonly Segment[];
}

/** Hadoop's readers take such names for hidden: indexes beside files, markers of jobs. */
const isHidden = (name: string): boolean => /^[._]/u.test(name);

const literal = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/]/gu, "\\$&");

/**
 * Reads a path. What a message brings into it is escaped as the sinks do when they make directories of it, wildcards
 * and slashes included; what the user wrote is a name as it stands, `*` and `?` stand for characters, `**` for directories.
 *
 * @throws ConfigError when a part is not a path, or the path leads out of the lake
 */
export function pathTemplate(source: string, setting: string): PathTemplate {
  const written = source
    .trim()
    .split(/\/(?![^{]*\}\})/u)
    .filter((segment) => segment !== "");
  if (written.filter((segment) => segment === "**").length > 1)
    throw new ConfigError(`${setting}: "${source}" has more than one "**"`);
  const parts = written.map((segment, index) => {
    if (/^\.{1,2}$/u.test(segment))
      throw new ConfigError(
        `${setting}: "${segment}" is not allowed in "${source}"; the path lies below the lake's root`,
      );
    if (index === 0 && segment === TEMPORARY)
      throw new ConfigError(`${setting}: "${TEMPORARY}" holds unfinished files; nothing in it is data`);
    return segmentReader(segment, setting);
  });
  return {
    constant: parts.every(({ constant }) => constant),
    render(from) {
      const read = parts.map((part) => part.render(from));
      return { text: read.map(({ text }) => text).join("/"), segments: read.map(({ segment }) => segment) };
    },
  };
}

interface SegmentReader {
  readonly constant: boolean;
  render(from: unknown): { readonly text: string; readonly segment: Segment };
}

function segmentReader(segment: string, setting: string): SegmentReader {
  if (segment === "**") return { constant: true, render: () => ({ text: segment, segment }) };
  // pieces without wildcards, and the wildcards between them
  const pieces = segment.split(/([*?])(?![^{]*\}\})/u);
  const templates = pieces.map((piece, at): Template | string => (at % 2 === 1 ? piece : template(piece, setting)));
  const constant = templates.every((piece) => typeof piece === "string" || piece.constant);
  if (pieces.length === 1) {
    const [only] = templates as [Template];
    if (constant) return { constant, render: () => ({ text: segment, segment }) };
    return {
      constant,
      render(from) {
        const name = safeSegment(only.render(from));
        return { text: name, segment: name };
      },
    };
  }
  return {
    constant,
    render(from) {
      let [text, pattern] = ["", ""];
      for (const piece of templates) {
        if (typeof piece === "string") {
          text += piece;
          pattern += piece === "*" ? "[^/]*" : "[^/]";
        } else {
          // the letter keeps rules for the beginning of a name away from its middle
          const rendered = piece.constant ? piece.render(from) : safeSegment(`x${piece.render(from)}`).slice(1);
          text += rendered;
          pattern += literal(rendered);
        }
      }
      return { text, segment: new RegExp(`^${pattern}$`, "u") };
    },
  };
}

/**
 * The files that a path stands for, by name; a directory stands for all files below it. Temporary files, and names that
 * begin with a dot or an underscore, are never among them.
 *
 * @throws StoreError what the store says
 */
export async function* findFiles(store: Store, { segments }: LakePath): AsyncGenerator<DataFile, void> {
  const seen = segments.includes("**") ? new Set<string>() : undefined;
  for await (const file of segments.length === 0 ? below(store, "") : matching(store, "", segments)) {
    // "**" may reach a file in several ways
    if (seen?.has(file.path)) continue;
    seen?.add(file.path);
    yield file;
  }
}

const join = (directory: string, name: string): string => (directory === "" ? name : `${directory}/${name}`);

/** What a directory holds; nothing when it is a file, which HDFS lists as a child without a name. */
async function childrenOf(store: Store, directory: string): Promise<Entry[]> {
  try {
    return (await store.list(directory)).filter(({ name }) => name !== "");
  } catch (error) {
    if (isProblem(error, "invalid")) return [];
    throw error;
  }
}

/** Below a file there is nothing. */
async function entryAt(store: Store, path: string): Promise<Entry | undefined> {
  try {
    return await store.stat(path);
  } catch (error) {
    if (isProblem(error, "invalid")) return undefined;
    throw error;
  }
}

const isOurs = (directory: string, name: string): boolean => directory === "" && name === TEMPORARY;

async function* below(store: Store, directory: string): AsyncGenerator<DataFile, void> {
  for (const entry of await childrenOf(store, directory)) {
    if (isHidden(entry.name) || isOurs(directory, entry.name)) continue;
    const path = join(directory, entry.name);
    if (entry.directory) yield* below(store, path);
    else yield { ...entry, path };
  }
}

async function* matching(
  store: Store,
  directory: string,
  [first, ...rest]: readonly Segment[],
): AsyncGenerator<DataFile, void> {
  if (first === undefined) {
    yield* below(store, directory);
    return;
  }
  if (first === "**") {
    const [next, ...behind] = rest;
    if (next === undefined) {
      yield* below(store, directory);
      return;
    }
    for (const entry of await childrenOf(store, directory)) {
      if (isHidden(entry.name) || isOurs(directory, entry.name)) continue;
      const isNext = matches(next, entry.name);
      if (isNext) yield* taken(store, directory, entry, behind);
      if (entry.directory && !(isNext && behind.length === 0))
        yield* matching(store, join(directory, entry.name), ["**", ...rest]);
    }
    return;
  }
  if (typeof first === "string") {
    const path = join(directory, first);
    if (rest.length > 0) {
      yield* matching(store, path, rest);
      return;
    }
    const entry = await entryAt(store, path);
    // In a bucket a directory is there only as what the keys of its objects have in common.
    if (entry?.directory || (!entry && store.kind === "objects")) yield* below(store, path);
    else if (entry) yield { ...entry, name: first, path };
    return;
  }
  for (const entry of await childrenOf(store, directory))
    if (!isHidden(entry.name) && !isOurs(directory, entry.name) && first.test(entry.name))
      yield* taken(store, directory, entry, rest);
}

const matches = (segment: Segment, name: string): boolean =>
  typeof segment === "string" ? segment === name : segment.test(name);

async function* taken(
  store: Store,
  directory: string,
  entry: Entry,
  rest: readonly Segment[],
): AsyncGenerator<DataFile, void> {
  const path = join(directory, entry.name);
  if (entry.directory) yield* matching(store, path, rest);
  else if (rest.length === 0) yield { ...entry, path };
}
