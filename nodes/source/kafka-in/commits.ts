/** Commits what is finished, by time and by count. */
import type { Consumer, Position, TopicPartition } from "../../lib/kafka/port";

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
  /** Resolves when no commit is under way. */
  settled(): Promise<void>;
  /** Commits once more, and no more by itself. */
  last(): Promise<void>;
}

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
    settled: () => queue,
    async last() {
      await now();
      clearTimeout(timer);
    },
  };
};
