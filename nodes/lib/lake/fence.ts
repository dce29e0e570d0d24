/**
 * Fencing by the lake itself: at every moment one writer of a lane can publish, whoever is right. A lane is what one
 * node stores of one (group, topic, partition).
 *
 * A writer takes the next epoch by an exclusive create, looks whether a higher one appeared meanwhile, removes the
 * folders below its own, and only then looks at what is stored. It writes its temporary files into its epoch's folder,
 * which it never makes again: once a later writer has removed it, creating in it and renaming out of it fail.
 * The same sweep clears what a crash left behind.
 */
import { asError } from "../errors";
import { TEMPORARY, digest } from "./directory";
import { type FileStore, isProblem } from "./store";

/** Identity of a lane, from what Kafka says of a record; records without offsets share one lane per node. */
export interface LaneId {
  readonly node: string;
  readonly group?: string | undefined;
  readonly topic?: string;
  readonly partition?: number;
}

/** `+tmp/<group>/<topic>/<partition>/<node>`: epochs lie below. Group and node by digest, since they may hold anything. */
export function laneFolder({ node, group, topic, partition }: LaneId): string {
  const where = topic === undefined ? "no-offsets" : `${digest(group ?? "")}/${topic}/${partition ?? 0}`;
  return `${TEMPORARY}/${where}/${digest(node)}`;
}

const epochName = /^(\d{10})(?:\.part)?$/;

/** One writer's claim on a lane; taken when first needed, and again after it was lost. */
export class Fence {
  private claimed: Promise<string> | undefined;

  constructor(
    private readonly store: FileStore,
    private readonly folder: string,
  ) {}

  /** The folder of the epoch this writer holds. A failure is not kept: the next call tries again. */
  claim(): Promise<string> {
    this.claimed ??= takeEpoch(this.store, this.folder).catch((error: unknown) => {
      this.claimed = undefined;
      throw asError(error);
    });
    return this.claimed;
  }

  /** Another writer has taken over: the next claim takes a new epoch. */
  lost(): void {
    this.claimed = undefined;
  }
}

async function takeEpoch(store: FileStore, folder: string): Promise<string> {
  for (;;) {
    const epoch = (await highest(store, folder)) + 1;
    const name = String(epoch).padStart(10, "0");
    const note = JSON.stringify({ claimed: new Date().toISOString(), process: process.pid });
    try {
      await store.create(`${folder}/${name}/claim`, [Buffer.from(`${note}\n`)], { createParent: true });
    } catch (error) {
      if (isProblem(error, "exists")) continue;
      throw error;
    }
    // a claim that was overtaken between looking and creating steps back: the higher one has swept already
    if ((await highest(store, folder)) > epoch) {
      await store.remove(`${folder}/${name}`);
      continue;
    }
    for (const entry of await store.list(folder)) {
      const found = epochName.exec(entry.name)?.[1];
      if (found === undefined || Number(found) < epoch) await store.remove(`${folder}/${entry.name}`);
    }
    return `${folder}/${name}`;
  }
}

async function highest(store: FileStore, folder: string): Promise<number> {
  const found = (await store.list(folder)).map((entry) => Number(epochName.exec(entry.name)?.[1] ?? 0));
  return Math.max(0, ...found);
}
