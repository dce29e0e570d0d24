/** Feeds fetched records to the flow as fast as their span allows, and commits what is finished. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { ConfigError, Retriable } from "../../lib/errors";
import type { Emission } from "../../lib/delivery/contract";
import type { Consumer, ConsumerEvents, FetchedBatch, FetchedRecord, TopicPartition } from "../../lib/kafka/port";
import { DamagedBatch } from "../../lib/kafka/record-batch";
import type { PlacedEmission } from "./emission";
import { committedFirst, makeCommits } from "./commits";
import { covers, makePauses, type Scope } from "./pauses";
import { Partition, type AssignedPartition, type MakePartition, type Surroundings } from "./partition";

export interface IntakeSettings {
  /** Records a message in batch mode, 1 in record mode. */
  readonly batchRecords: number;
  /** In ms. */
  readonly commitInterval: number;
  readonly commitRecords: number;
  /** What becomes of a stored batch that can't be read: its partition stops, or it is buried with its bytes. */
  readonly damaged: "stop" | "bury";
  /** Told what stands still and what to do. */
  stuck(text: string): void;
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

/** How long emitting may keep the event loop, in ms: what was emitted runs after that in one go. */
const TURN = 2;
/** Messages emitted in one turn of the event loop; each costs the flow some 20 µs or more. */
const MESSAGES_A_TURN = 32;
/** A partition without room for so long gives its fetched records back and is fetched again later, in ms. */
const STALLED = 2000;

/** How often a partition that is asleep looks by itself whether it may go on, in ms. */
const SLEEP_LOOK = 2000;

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

  const stillOwned = (partition: AssignedPartition, epoch: number): boolean =>
    !stopped && !revoking && partition.epoch === epoch && partitions.get(keyOf(partition)) === partition;

  const flows = (partition: AssignedPartition): boolean =>
    partition.hasRoom && surroundings.source.running && !pauses.has(partition) && partition.stuck === undefined;

  /** Waits until something about the partition may have changed, at most `ms`. */
  const change = async (partition: AssignedPartition, ms: number): Promise<void> => {
    let limit: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (limit = setTimeout(resolve, ms)));
    await Promise.race([partition.room(), late]);
    clearTimeout(limit);
  };

  /** Waits until the partition has room and flows run. False when it stalls or is lost. */
  const roomFor = async (partition: AssignedPartition, epoch: number): Promise<boolean> => {
    const deadline = Date.now() + STALLED;
    let pressed = false;
    while (!flows(partition)) {
      if (pauses.has(partition) || partition.stuck) return false;
      if (!pressed && surroundings.source.running) surroundings.source.pressure();
      pressed = true;
      await change(partition, Math.max(100, deadline - Date.now()));
      if (!stillOwned(partition, epoch)) return false;
      if (Date.now() >= deadline && !partition.hasRoom) return false;
    }
    return stillOwned(partition, epoch);
  };

  /** Fetches a partition that stalled, or was paused, again when it may go on. */
  const sleep = async (partition: AssignedPartition, epoch: number): Promise<void> => {
    if (partition.asleep || !stillOwned(partition, epoch)) return;
    partition.asleep = true;
    consumer()?.pause(partition);
    while (stillOwned(partition, epoch) && !flows(partition)) await change(partition, SLEEP_LOOK);
    partition.asleep = false;
    if (stillOwned(partition, epoch)) consumer()?.resume(partition);
  };

  const stop = (partition: AssignedPartition, error: DamagedBatch): void => {
    partition.stuck = error;
    const place = `{"action":"seek","topic":"${partition.topic}","partition":${partition.partition},"offset":${error.nextOffset}}`;
    settings.stuck(
      `${partition.topic} partition ${partition.partition} stands still: ${error.message}. Send this node ${place} to go on behind it, {"action":"resume"} to try again, or set "A damaged batch" to dead letters`,
    );
  };

  const records = async (batch: FetchedBatch): Promise<number | void> => {
    const partition = partitions.get(keyOf(batch));
    if (!partition || partition.epoch !== batch.epoch) return undefined;
    if (!partition.expects(batch.offset)) return partition.next;
    partition.highWatermark = batch.highWatermark;
    const isOwned = (): boolean => stillOwned(partition, batch.epoch);
    const chunk = Math.min(settings.commitRecords, surroundings.span.records);
    const first = surroundings.once
      ? committedFirst(batch, chunk, settings.batchRecords, (offset) => commits.before(partition, offset, isOwned))
      : undefined;
    let turn = performance.now();
    let emitted = 0;
    for (;;) {
      if (!(flows(partition) && isOwned())) {
        if (!(await roomFor(partition, batch.epoch))) {
          // The driver ends this batch with its assignment.
          if (stopped) return new Promise(() => undefined);
          if (stillOwned(partition, batch.epoch)) void sleep(partition, batch.epoch);
          return partition.next ?? batch.offset;
        }
        turn = performance.now();
        emitted = 0;
      }
      let run: readonly FetchedRecord[];
      try {
        const next = first ? await first() : batch.read(settings.batchRecords);
        if (next === undefined || (first && !isOwned())) return partition.next ?? batch.offset;
        // Flows may have stopped during the commit: what is committed and not sent would be lost.
        if (first && !flows(partition) && !(await roomFor(partition, batch.epoch)))
          return partition.next ?? batch.offset;
        run = next;
      } catch (error) {
        if (!(error instanceof DamagedBatch)) throw error;
        if (settings.damaged === "bury" && !(error.cause instanceof ConfigError)) {
          partition.pass(error);
          continue;
        }
        stop(partition, error);
        void sleep(partition, batch.epoch);
        return error.offset;
      }
      if (run.length === 0) break;
      partition.emit(run);
      if (++emitted >= MESSAGES_A_TURN || performance.now() - turn > TURN) {
        await nextTurn();
        turn = performance.now();
        emitted = 0;
      }
    }
    partition.skip(batch.nextOffset);
    return undefined;
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
        if (pauses.has(partition)) void sleep(partition, epoch);
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
          void sleep(partition, partition.epoch);
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
      if (!before || !using || !stillOwned(before, before.epoch))
        throw new Retriable(`seek: ${target.topic} partition ${target.partition} has just moved to another member`);
      const { epoch, highWatermark } = before;
      const partition: AssignedPartition = make?.(target, epoch, offset) ?? new Partition(all, target, epoch, offset);
      if (before.left) {
        await before.left();
        await partition.begin?.();
        if (!stillOwned(before, epoch))
          throw new Retriable(`seek: ${target.topic} partition ${target.partition} has just moved to another member`);
      }
      partition.highWatermark = highWatermark;
      partitions.set(keyOf(target), partition);
      before.wake();
      using.resume(target);
      using.seek(target, offset);
      if (pauses.has(partition)) void sleep(partition, epoch);
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
