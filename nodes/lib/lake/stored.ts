/**
 * What the lake already holds of one topic partition in one directory, so that a record which comes again after a
 * crash is acknowledged and not written twice. File names state ranges; a file whose range has gaps, or holds several
 * pieces of one record, has a small index beside it, published before the file itself.
 */
import { parseRangeName } from "./file-name";
import { type Store, isProblem, readAll } from "./store";

/** Exact content of a file: ranges of offsets, and the pieces of records that were split. */
export interface OffsetIndex {
  readonly ranges: readonly (readonly [first: number, last: number])[];
  /** Pieces by offset, where they are not just piece 0. */
  readonly pieces?: Readonly<Record<string, readonly number[]>>;
}

/** What a published file holds: all of the range, when it has no index. */
export interface StoredRange {
  readonly first: number;
  readonly last: number;
  readonly index: OffsetIndex | undefined;
}

interface StoredFile {
  readonly name: string;
  readonly first: number;
  readonly last: number;
  readonly indexed: boolean;
}

/** Indexes kept in memory per directory and partition; others are read again when asked for. */
const KEPT = 32;

/** Name of the index beside a file: hidden from Hadoop's readers, and told apart by node, since nodes may share a directory. */
export const indexName = (name: string, node: string): string => `_${name}.${node}.offsets`;
const indexPattern = /^_(?<name>.+)\.(?<node>[0-9a-f]{8})\.offsets$/;

/** The file that an index belongs to, both in the same directory; undefined when the name is none of an index. */
export const indexedFile = (name: string): string | undefined => indexPattern.exec(name)?.groups?.["name"];

const holds = (index: OffsetIndex, offset: number, piece: number): boolean => {
  const pieces = index.pieces?.[offset];
  if (pieces) return pieces.includes(piece);
  return piece === 0 && index.ranges.some(([first, last]) => first <= offset && offset <= last);
};

export class StoredOffsets {
  private files: StoredFile[] = [];
  private readonly indexes = new Map<string, Promise<OffsetIndex>>();

  constructor(
    private readonly store: Store,
    private readonly directory: string,
    private readonly topic: string,
    private readonly partition: number,
    private readonly node: string,
  ) {}

  /** Reads the directory anew. Only after the lane's epoch was claimed: until then others may publish. */
  async load(): Promise<void> {
    this.indexes.clear();
    const names = (await this.store.list(this.directory)).filter((entry) => !entry.directory).map(({ name }) => name);
    const present = new Set(names);
    const indexed = new Set<string>();
    for (const name of names) {
      const found = indexPattern.exec(name)?.groups;
      const file = found?.["name"] ?? "";
      if (present.has(file)) indexed.add(file);
      else if (found?.["node"] === this.node && this.isOurs(file)) await this.store.remove(this.at(name));
    }
    this.files = names
      .flatMap((name) => {
        const range = parseRangeName(name);
        return range && this.isOurs(name) ? [{ name, ...range, indexed: indexed.has(name) }] : [];
      })
      .sort((a, b) => a.last - b.last);
  }

  /** A file was just published. */
  published(name: string, { first, last, index }: StoredRange): void {
    if (index) void this.keep(name, Promise.resolve(index));
    this.files.push({ name, first, last, indexed: index !== undefined });
    for (let at = this.files.length - 1; at > 0 && (this.files[at - 1]?.last ?? 0) > last; at--)
      [this.files[at - 1], this.files[at]] = [this.files[at] as StoredFile, this.files[at - 1] as StoredFile];
  }

  /** The last offset that any file reaches to: nothing behind it is stored. −1 where there is no file. */
  get last(): number {
    return this.files.at(-1)?.last ?? -1;
  }

  /** Whether a piece of a record is stored. A promise only when an index must be read. */
  has(offset: number, piece: number): boolean | Promise<boolean> {
    let asked: Promise<boolean> | undefined;
    for (let at = this.files.length - 1; at >= 0; at--) {
      const file = this.files[at] as StoredFile;
      if (file.last < offset) break;
      if (file.first > offset) continue;
      if (!file.indexed) {
        if (piece === 0) return true;
        continue;
      }
      const earlier = asked;
      const here = this.index(file.name).then((index) => holds(index, offset, piece));
      asked = earlier ? Promise.all([earlier, here]).then((found) => found.includes(true)) : here;
    }
    return asked ?? false;
  }

  private index(name: string): Promise<OffsetIndex> {
    const kept = this.indexes.get(name);
    return this.keep(name, kept ?? this.readIndex(name));
  }

  private keep(name: string, index: Promise<OffsetIndex>): Promise<OffsetIndex> {
    this.indexes.delete(name);
    this.indexes.set(name, index);
    index.catch(() => this.indexes.delete(name));
    const [oldest] = this.indexes.keys();
    if (this.indexes.size > KEPT && oldest !== undefined) this.indexes.delete(oldest);
    return index;
  }

  private async readIndex(name: string): Promise<OffsetIndex> {
    const own = this.at(indexName(name, this.node));
    try {
      return parse(await readAll(this.store, own));
    } catch (error) {
      if (!isProblem(error, "missing")) throw error;
    }
    // written by another node that stores in the same directory
    const found = (await this.store.list(this.directory)).find(
      ({ name: one }) => indexPattern.exec(one)?.groups?.["name"] === name,
    );
    return found ? parse(await readAll(this.store, this.at(found.name))) : { ranges: [] };
  }

  private isOurs(name: string): boolean {
    const range = parseRangeName(name);
    return range?.topic === this.topic && range.partition === this.partition;
  }

  private at(name: string): string {
    return this.directory === "" ? name : `${this.directory}/${name}`;
  }
}

const parse = (bytes: Buffer): OffsetIndex => JSON.parse(bytes.toString("utf8")) as OffsetIndex;
