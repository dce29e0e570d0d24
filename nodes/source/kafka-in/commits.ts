/** Commits what is finished, by time and by count. */
import { setTimeout as wait } from "node:timers/promises";
import type { Consumer, FetchedBatch, FetchedRecord, Position, TopicPartition } from "../../lib/kafka/port";

interface Committable extends TopicPartition {
  readonly epoch: number;
  /** The offset to commit, when it is not committed yet. */
  readonly committable: number | undefined;
  committed: number | undefined;
}

export interface Commits {
  /** So many records more are finished. */
  finished(records: number): void;
  now(): Promise<void>;
  /** Commits an offset of records that are yet to be given to the flow; goes on trying. False: the partition is lost. */
  before(partition: Committable, offset: number, isOwned: () => boolean): Promise<boolean>;
  /** Commits once more, and no more by itself. */
  last(): Promise<void>;
}

/** How long a commit that must come first waits before it is tried again, in ms. */
const COMMIT_AGAIN = 500;

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

export const makeCommits = (
  partitions: () => Iterable<Committable>,
  { commitInterval, commitRecords }: { readonly commitInterval: number; readonly commitRecords: number },
  consumer: () => Pick<Consumer, "commit"> | undefined,
): Commits => {
  let finishedSince = 0;
  let timer: NodeJS.Timeout | undefined;
  let queue = Promise.resolve();
  let underWay = 0;

  const once = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    finishedSince = 0;
    const due: { readonly of: Committable; readonly position: Position }[] = [];
    for (const of of partitions()) {
      const { topic, partition, epoch, committable: offset } = of;
      if (offset !== undefined) due.push({ of, position: { topic, partition, epoch, offset } });
    }
    if (due.length === 0) return;
    const done = await consumer()?.commit(due.map(({ position }) => position));
    for (const { of, position } of due) if (done?.includes(position)) of.committed = position.offset;
  };

  const schedule = (): void => {
    timer ??= setTimeout(() => void now(), commitInterval);
  };

  const now = (): Promise<void> => {
    underWay++;
    queue = queue
      .then(once)
      // Tried again with the next one; the consumer tells its node why it fails.
      .catch(() => schedule())
      .finally(() => underWay--);
    return queue;
  };

  return {
    finished(records) {
      finishedSince += records;
      if (finishedSince >= commitRecords && underWay === 0) void now();
      else schedule();
    },
    now,
    async before(partition, offset, isOwned) {
      const { topic, partition: number, epoch } = partition;
      while (isOwned()) {
        if (partition.committed !== undefined && partition.committed >= offset) return true;
        try {
          const done = await consumer()?.commit([{ topic, partition: number, epoch, offset }]);
          if (done === undefined || done.length === 0) return false;
          partition.committed = offset;
        } catch {
          // The consumer tells its node why.
          await wait(COMMIT_AGAIN);
        }
      }
      return false;
    },
    async last() {
      await now();
      clearTimeout(timer);
    },
  };
};
