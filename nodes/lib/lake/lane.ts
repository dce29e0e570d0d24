/** One writer's hold on a lane, and how it publishes there: by the kind of the lake. */
import { CommitLog } from "./commit-log";
import { CommitPublisher } from "./commit-publish";
import { digest } from "./directory";
import { Fence } from "./fence";
import { type Publication, type Publisher, RenamePublisher } from "./publish";
import type { CreateOptions, LakeStore } from "./store";

export interface LaneWriter {
  /** Takes the lane over; only then is what is stored looked at. A failure is not kept: the next call tries again. */
  claim(): Promise<unknown>;
  /** Another writer has taken over: the next claim takes it again. */
  lost(): void;
  publisher(publication: Publication, content: readonly Uint8Array[]): Publisher;
  /** Tells the lane's files from those of other lanes with the same offsets, where a copy would go over them; or "". */
  readonly suffix: string;
}

/** @param folder of the lane, see `laneFolder` */
export function laneWriter(store: LakeStore, folder: string, create: Omit<CreateOptions, "createParent">): LaneWriter {
  if (store.kind === "objects") {
    const log = new CommitLog(store, folder);
    return {
      claim: () => log.claim(),
      lost: () => log.lost(),
      publisher: (publication, content) => new CommitPublisher(store, log, publication, content),
      suffix: digest(folder),
    };
  }
  const fence = new Fence(store, folder);
  return {
    claim: () => fence.claim(),
    lost: () => fence.lost(),
    publisher: (publication, content) => new RenamePublisher(store, fence, create, publication, content),
    suffix: "",
  };
}
