/** Publishing a file where there are renames: written whole under a temporary name in the writer's epoch, then renamed once. */
import { type Fence } from "./fence";
import { Fenced } from "./fenced";
import { rangeName, timeName } from "./file-name";
import type { OpenFile } from "./open-file";
import type { Place } from "./place";
import { type OffsetIndex, indexName } from "./stored";
import { type CreateOptions, type FileStore, StoreError, isProblem } from "./store";

/** One publication over any number of tries. */
export interface Publisher {
  /**
   * One try.
   * @returns the name under which the file is durable
   * @throws Fenced, or what the store says
   */
  publish(): Promise<string>;
}

export interface Publication {
  readonly file: OpenFile;
  readonly directory: string;
  /** The file's name; `copy` counts up while the name is taken. */
  name(copy: number): string;
  readonly first: number;
  readonly last: number;
  readonly index: OffsetIndex | undefined;
  /** Digest of the node, for the index's name. */
  readonly node: string;
}

/** How a file of a place is to be published. */
export function publicationOf(place: Place, file: OpenFile, node: string): Publication {
  const { origin, directory } = place;
  const { extension } = place.format;
  const { first, last } = file.offsets;
  return {
    file,
    directory,
    node,
    first,
    last,
    index: origin && file.offsets.index(),
    name: (copy) =>
      origin
        ? rangeName({ ...origin, first, last }, extension, copy, place.lane.writer.suffix)
        : timeName(file.opened, `${node}-${process.pid}`, file.sequence, copy, extension),
  };
}

/**
 * What a failed try has done is not done again: a rename whose answer got
 * lost is recognised.
 */
export class RenamePublisher implements Publisher {
  private copy = 1;
  private attempt = 0;
  /** Temporary file that is complete, in which epoch, and whether a rename of it may have happened. */
  private ready: { temporary: string; epoch: string; unsure: boolean } | undefined;

  constructor(
    private readonly store: FileStore,
    private readonly fence: Fence,
    private readonly options: Omit<CreateOptions, "createParent">,
    private readonly publication: Publication,
    private readonly content: readonly Uint8Array[],
  ) {}

  async publish(): Promise<string> {
    const epoch = await this.fence.claim();
    try {
      return await this.publishIn(epoch);
    } catch (error) {
      if (!isProblem(error, "missing")) throw error;
      // either our epoch's folder is gone, or the directory that the file goes to
      if (!(await this.store.stat(`${epoch}/claim`))) {
        this.ready = undefined;
        throw new Fenced(error);
      }
      await this.store.mkdirs(this.publication.directory);
      throw error;
    }
  }

  private async publishIn(epoch: string): Promise<string> {
    const { directory, index, node } = this.publication;
    const below = directory === "" ? "" : `${directory}/`;
    this.ready ??= { temporary: await this.write(epoch, this.content), epoch, unsure: false };
    for (;;) {
      const name = this.publication.name(this.copy);
      const target = `${below}${name}`;
      if (index && !this.ready.unsure) {
        const text = Buffer.from(JSON.stringify(index));
        // it is there already when an earlier try got so far
        await this.store.rename(await this.write(epoch, [text]), `${below}${indexName(name, node)}`);
      }
      if (await this.renamed(this.ready, target)) return name;
      this.copy++;
    }
  }

  private async renamed(ready: NonNullable<RenamePublisher["ready"]>, target: string): Promise<boolean> {
    const tookPlace = async (): Promise<boolean> =>
      ready.unsure && !(await this.store.stat(ready.temporary)) && (await this.store.stat(target)) !== undefined;
    try {
      if (await this.store.rename(ready.temporary, target)) return true;
    } catch (error) {
      if (isProblem(error, "missing")) {
        if (await tookPlace()) return true;
        throw error;
      }
      // the answer is missing, so what happened is not known
      ready.unsure = true;
      throw error;
    }
    if (await tookPlace()) return true;
    if (!(await this.store.stat(ready.temporary)))
      throw new StoreError("missing", `the temporary file ${ready.temporary} is gone`);
    ready.unsure = false;
    return false;
  }

  private async write(epoch: string, body: readonly Uint8Array[]): Promise<string> {
    // a new name each time: a try that broke off may have left half a file
    const temporary = `${epoch}/${this.publication.file.sequence}-${++this.attempt}`;
    await this.store.create(temporary, body, { ...this.options, createParent: false });
    return temporary;
  }
}
