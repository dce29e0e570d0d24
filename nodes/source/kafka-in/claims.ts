/**
 * At most once: offsets are committed before their records enter the flow. What was committed so and has not entered the
 * flow is given back when the node closes or partitions move: only a crash may lose records.
 */
import { setTimeout as wait } from "node:timers/promises";
import type { Consumer, FetchedBatch, FetchedRecord, Position, TopicPartition } from "../../lib/kafka/port";

export interface Claimable extends TopicPartition {
  readonly epoch: number;
  /** The offset after the last record that was given to the flow. */
  readonly next: number | undefined;
  committed: number | undefined;
  /** The offset up to which records were, or may have been, committed before they are given to the flow. */
  claimed?: number | undefined;
}

export interface Claims {
  /** Commits an offset of records that are yet to be given to the flow; goes on trying. False: the partition is lost. */
  before(partition: Claimable, offset: number, isOwned: () => boolean): Promise<boolean>;
  /** Resolves when no commit of `before` is under way. */
  settled(): Promise<void>;
  /** Commits where the flow really is. @returns how many offsets could not be given back */
  giveBack(): Promise<number>;
  /**
   * Where to go on with a partition that comes back and begins at `offset`: where the flow was, when it could not be given
   * back and nobody has read on since. Asked once for each partition that comes.
   */
  back(partition: Claimable, offset: number): number | undefined;
  /** The user wants it to go on elsewhere. */
  forget(partition: TopicPartition): void;
}

/** How long a commit that must come first waits before it is tried again, in ms. */
const COMMIT_AGAIN = 500;
/** Tries of giving back. */
const TRIES = 3;

/**
 * Reads a batch in messages of `size` records, and commits `chunk` records before the first of them is read.
 * @returns what gives the next records; none when all were read, undefined when `commit` says that the partition is lost
 */
export const committedFirst = (
  batch: Pick<FetchedBatch, "read">,
  chunk: number,
  size: number,
  commit: (offset: number) => Promise<boolean>,
): (() => Promise<readonly FetchedRecord[] | undefined>) => {
  let ready: readonly FetchedRecord[] = [];
  let at = 0;
  return async () => {
    if (at >= ready.length) {
      ready = batch.read(chunk);
      at = 0;
      const last = ready.at(-1);
      if (last && !(await commit(last.offset + 1))) return undefined;
    }
    const run = ready.slice(at, at + size);
    at += run.length;
    return run;
  };
};

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

export const makeClaims = (
  partitions: () => Iterable<Claimable>,
  consumer: () => Pick<Consumer, "commit"> | undefined,
): Claims => {
  const underWay = new Set<Promise<boolean>>();
  /** What could not be given back: where the flow was, and what is committed in its place. */
  const left = new Map<string, { readonly next: number; readonly claimed: number }>();

  const commit = async (of: Claimable, offset: number): Promise<boolean> => {
    const { topic, partition, epoch } = of;
    of.claimed = offset;
    const done = await consumer()?.commit([{ topic, partition, epoch, offset }]);
    if (done === undefined || done.length === 0) return false;
    of.committed = offset;
    return true;
  };

  const settled = async (): Promise<void> => {
    await Promise.allSettled(underWay);
  };

  const giveBackOnce = async (): Promise<void> => {
    const due: { readonly of: Claimable; readonly position: Position }[] = [];
    for (const of of partitions()) {
      const { topic, partition, epoch, next, claimed } = of;
      if (claimed === undefined || next === undefined || next >= claimed) continue;
      due.push({ of, position: { topic, partition, epoch, offset: next } });
      left.set(keyOf(of), { next, claimed });
    }
    if (due.length === 0) return;
    const done = await consumer()?.commit(due.map(({ position }) => position));
    for (const { of, position } of due) {
      if (!done?.includes(position)) continue;
      of.committed = position.offset;
      of.claimed = undefined;
      left.delete(keyOf(of));
    }
  };

  return {
    async before(partition, offset, isOwned) {
      while (isOwned()) {
        if (partition.committed !== undefined && partition.committed >= offset) return true;
        const claim = commit(partition, offset);
        underWay.add(claim);
        try {
          return await claim;
        } catch {
          // The consumer tells its node why.
          await wait(COMMIT_AGAIN);
        } finally {
          underWay.delete(claim);
        }
      }
      return false;
    },
    settled,
    async giveBack() {
      await settled();
      for (let tries = 1; tries <= TRIES; tries++)
        try {
          await giveBackOnce();
          break;
        } catch {
          if (tries < TRIES) await wait(COMMIT_AGAIN);
        }
      let lost = 0;
      for (const { next, claimed } of left.values()) lost += claimed - next;
      return lost;
    },
    back(partition, offset) {
      const found = left.get(keyOf(partition));
      left.delete(keyOf(partition));
      if (found?.claimed !== offset) return undefined;
      partition.claimed = offset;
      return found.next;
    },
    forget: (partition) => void left.delete(keyOf(partition)),
  };
};
