/**
 * Moves partitions to other places at the user's wish. The new place is committed before anything of it enters the flow:
 * a commit that came later would take back what is finished by then.
 */
import { asError, Retriable } from "../../lib/errors";
import type { Consumer, TopicPartition } from "../../lib/kafka/port";
import type { AssignedPartition } from "./partition";

export interface SeekSurroundings {
  readonly consumer: () => Pick<Consumer, "commit" | "pause" | "resume" | "seek" | "rejoin"> | undefined;
  /** The partition as it is assigned now, unless it is about to move. */
  current(target: TopicPartition): AssignedPartition | undefined;
  make(target: TopicPartition, epoch: number, offset: number): AssignedPartition;
  /** Commits what is finished; resolves when no commit is under way. */
  committed(): Promise<void>;
  /** From now on the partition is this one. */
  replace(partition: AssignedPartition): void;
  /** The partition goes on as it was. */
  restore(partition: AssignedPartition): void;
}

export interface Seeking {
  /**
   * Goes on at `offset`, and commits it. What is in the flow of before finishes without effect on the position.
   * @throws Retriable when it is not this process's partition any more, or could not be committed: it goes on where it was
   */
  seek(position: TopicPartition & { readonly offset: number }): Promise<void>;
  /** True while the partition is on its way: nothing of it is given to the flow, or committed as finished. */
  has(partition: TopicPartition): boolean;
  /** Partitions that are being begun at their new place. */
  readonly beginning: readonly AssignedPartition[];
}

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

const moved = ({ topic, partition }: TopicPartition): Retriable =>
  new Retriable(`seek: ${topic} partition ${partition} has just moved to another member`);

export const makeSeeking = (surroundings: SeekSurroundings): Seeking => {
  const under = new Map<string, AssignedPartition>();
  let turn: Promise<unknown> = Promise.resolve();

  const move = async ({ offset, ...target }: TopicPartition & { readonly offset: number }): Promise<void> => {
    // What was finished before it was asked for is kept, in case that this fails.
    await surroundings.committed();
    const before = surroundings.current(target);
    const using = surroundings.consumer();
    if (!before || !using) throw moved(target);
    const { epoch, highWatermark } = before;
    const stillHas = (): boolean => surroundings.current(target) === before && before.epoch === epoch;
    const partition = surroundings.make(target, epoch, offset);
    partition.highWatermark = highWatermark;
    under.set(keyOf(target), partition);
    before.wake();
    using.pause(target);
    try {
      await surroundings.committed();
      await before.left?.();
      if (stillHas()) await partition.begin?.();
      if (!stillHas()) throw moved(target);
      const done = await using.commit([{ ...target, epoch, offset }]);
      if (done.length === 0 || !stillHas()) throw moved(target);
      partition.committed = offset;
    } catch (error) {
      under.delete(keyOf(target));
      void partition.left?.();
      if (stillHas()) {
        // What it had in its transaction is undone: only a new assignment brings that again.
        if (before.left) using.rejoin(asError(error));
        else surroundings.restore(before);
      }
      throw error;
    }
    under.delete(keyOf(target));
    using.resume(target);
    using.seek(target, offset);
    surroundings.replace(partition);
  };

  return {
    seek(position) {
      const done = turn.then(() => move(position));
      turn = done.catch(() => undefined);
      return done;
    },
    has: (partition) => under.has(keyOf(partition)),
    get beginning() {
      return [...under.values()];
    },
  };
};
