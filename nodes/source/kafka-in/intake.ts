/** What this process has of its topics: partitions that come, move, are paused and sought, and what of them is committed. */
import { Retriable } from "../../lib/errors";
import type { Emission } from "../../lib/delivery/contract";
import type { Consumer, ConsumerEvents, FetchedBatch, TopicPartition } from "../../lib/kafka/port";
import { makeCommits } from "./commits";
import type { PlacedEmission } from "./emission";
import { makeFeed, type FeedSettings, type Holding } from "./feed";
import { covers, makePauses, type Scope } from "./pauses";
import { Partition, type AssignedPartition, type MakePartition, type Surroundings } from "./partition";

export interface IntakeSettings extends FeedSettings {
  /** In ms. */
  readonly commitInterval: number;
  /** Longest wait for what is in the flow when partitions move, in ms. */
  readonly revokeDrain: number;
}

export interface Intake extends Omit<ConsumerEvents, "state" | "warn"> {
  /** Flows run, or do not: nothing is emitted meanwhile. */
  wake(): void;
  /** No more records are emitted. */
  stop(): void;
  commit(): Promise<void>;
  /** Nodes hold `records` more (or fewer) of an emission on purpose. */
  hold(emission: Emission, records: number): void;
  /** Partitions that are owned, or will be, give nothing to the flow until they are resumed. */
  pause(scope: Scope): void;
  resume(scope: Scope): void;
  /**
   * Goes on at `offset`, and commits it. What is in the flow of before finishes without effect on the position.
   * @throws Retriable when it is not this process's partition any more, or could not be committed
   */
  seek(position: TopicPartition & { readonly offset: number }): Promise<void>;
  readonly owned: readonly TopicPartition[];
  /** A partition that stands still until the user acts. */
  readonly stuck: string | undefined;
  /** How many partitions the user has paused. */
  readonly paused: number;
  readonly lag: number;
  readonly partitions: number;
  /** Some partition waits for the flow. */
  readonly waiting: boolean;
}

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

export const makeIntake = (
  surroundings: Omit<Surroundings, "moved">,
  settings: IntakeSettings,
  consumer: () => Pick<Consumer, "commit" | "pause" | "resume" | "seek"> | undefined,
  /** Makes partitions of another kind. */
  make?: MakePartition,
): Intake => {
  let partitions = new Map<string, AssignedPartition>();
  const pauses = makePauses();
  let stopped = false;
  /** Partitions are about to move: nothing more is given to the flow. */
  let revoking = false;

  const commits = makeCommits(() => partitions.values(), settings, consumer);
  const all: Surroundings = {
    ...surroundings,
    moved: (records) => commits.finished(records),
  };

  const holding: Holding = {
    get stopped() {
      return stopped;
    },
    owns: (partition, epoch) =>
      !stopped && !revoking && partition.epoch === epoch && partitions.get(keyOf(partition)) === partition,
  };
  const feed = makeFeed(all, settings, holding, pauses, commits, consumer);

  const records = async (batch: FetchedBatch): Promise<number | void> => {
    const partition = partitions.get(keyOf(batch));
    if (!partition || partition.epoch !== batch.epoch) return undefined;
    if (!partition.expects(batch.offset)) return partition.next;
    partition.highWatermark = batch.highWatermark;
    return feed.take(partition, batch);
  };

  const drained = async (limit: number): Promise<void> => {
    const end = Date.now() + limit;
    while (Date.now() < end && [...partitions.values()].some(({ unfinished }) => unfinished > 0))
      await new Promise((resolve) => setTimeout(resolve, 20));
  };

  const left = async (): Promise<void> => {
    await Promise.all([...partitions.values()].map(async (partition) => partition.left?.()));
  };

  return {
    records,
    assigned(owned, epoch, kept) {
      const before = partitions;
      revoking = false;
      partitions = new Map(
        owned.map((each) => {
          const same = kept ? before.get(keyOf(each)) : undefined;
          if (same?.keep(epoch)) return [keyOf(each), same];
          return [keyOf(each), make?.(each, epoch) ?? new Partition(all, each, epoch)];
        }),
      );
      for (const partition of before.values()) {
        partition.wake();
        if (partitions.get(keyOf(partition)) !== partition) void partition.left?.();
      }
      for (const partition of partitions.values()) {
        partition.asleep = false;
        if (pauses.has(partition)) void feed.sleep(partition, epoch);
      }
      return [...partitions.values()].flatMap(({ topic, partition, next }) =>
        next === undefined ? [] : [{ topic, partition, offset: next }],
      );
    },
    async beforeOffsets() {
      await Promise.all([...partitions.values()].map(async (partition) => partition.begin?.()));
    },
    async revoking() {
      revoking = true;
      for (const partition of partitions.values()) {
        partition.leaving?.();
        partition.wake();
      }
      if (!stopped) await drained(settings.revokeDrain);
      await commits.now();
      await left();
    },
    wake() {
      for (const partition of partitions.values()) partition.wake();
    },
    stop() {
      stopped = true;
      for (const partition of partitions.values()) {
        partition.leaving?.();
        partition.wake();
      }
    },
    async commit() {
      await commits.last();
      await left();
    },
    hold(emission, count) {
      const placed = emission as Partial<PlacedEmission>;
      placed.owner?.hold(placed as PlacedEmission, count);
    },
    pause(scope) {
      pauses.set(scope, true);
      for (const partition of partitions.values())
        if (covers(scope, partition)) {
          partition.wake();
          void feed.sleep(partition, partition.epoch);
        }
    },
    resume(scope) {
      pauses.set(scope, false);
      for (const partition of partitions.values())
        if (covers(scope, partition)) {
          partition.stuck = undefined;
          partition.wake();
        }
    },
    async seek({ offset, ...target }) {
      // What was finished before it was asked for is kept, in case that this fails.
      await commits.now();
      const before = partitions.get(keyOf(target));
      const using = consumer();
      if (!before || !using || !holding.owns(before, before.epoch))
        throw new Retriable(`seek: ${target.topic} partition ${target.partition} has just moved to another member`);
      const { epoch, highWatermark } = before;
      const partition: AssignedPartition = make?.(target, epoch, offset) ?? new Partition(all, target, epoch, offset);
      if (before.left) {
        await before.left();
        await partition.begin?.();
        if (!holding.owns(before, epoch))
          throw new Retriable(`seek: ${target.topic} partition ${target.partition} has just moved to another member`);
      }
      partition.highWatermark = highWatermark;
      partitions.set(keyOf(target), partition);
      before.wake();
      using.resume(target);
      using.seek(target, offset);
      if (pauses.has(partition)) void feed.sleep(partition, epoch);
      const done = await using.commit([{ ...target, epoch, offset }]);
      if (done.length === 0)
        throw new Retriable(
          `seek: the group rebalanced before the position of ${target.topic} partition ${target.partition} was committed`,
        );
      partition.committed ??= offset;
    },
    get owned() {
      return [...partitions.values()].map(({ topic, partition }) => ({ topic, partition }));
    },
    get stuck() {
      const found = [...partitions.values()].find((partition) => partition.stuck !== undefined);
      return found && `${found.topic} ${found.partition}`;
    },
    get paused() {
      return [...partitions.values()].filter((partition) => pauses.has(partition)).length;
    },
    get lag() {
      let lag = 0;
      for (const partition of partitions.values()) lag += partition.lag;
      return lag;
    },
    get partitions() {
      return partitions.size;
    },
    get waiting() {
      return [...partitions.values()].some(({ hasRoom }) => !hasRoom);
    },
  };
};
