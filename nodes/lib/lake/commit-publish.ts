/** Publishing a file where there are no renames: written whole under a temporary name, then entered into the lane's log. */
import type { CommitLog, Committed, Hold } from "./commit-log";
import type { Publication, Publisher } from "./publish";
import type { ObjectStore } from "./store";

/** What a failed try has done is not done again. */
export class CommitPublisher implements Publisher {
  private attempt = 0;
  /** The whole file, under a temporary name of a hold. */
  private uploaded: { readonly hold: Hold; readonly temporary: string } | undefined;
  private committed: Committed | undefined;

  constructor(
    private readonly store: ObjectStore,
    private readonly log: CommitLog,
    private readonly publication: Publication,
    private readonly content: readonly Uint8Array[],
  ) {}

  async publish(): Promise<string> {
    const hold = await this.log.claim();
    this.committed ??= await this.commit(hold);
    await this.log.settle(this.committed, hold);
    return this.committed.name;
  }

  private async commit(hold: Hold): Promise<Committed> {
    const { directory, index, node, file } = this.publication;
    if (this.uploaded?.hold !== hold) {
      const temporary = this.log.temporary(hold, `${file.sequence}-${++this.attempt}`);
      await this.store.put(temporary, this.content);
      this.uploaded = { hold, temporary };
    }
    return this.log.commit(
      hold,
      { temporary: this.uploaded.temporary, directory, ...(index && { index: { node, content: index } }) },
      (copy) => this.publication.name(copy),
    );
  }
}
