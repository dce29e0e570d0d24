/** Feeds fetched records to the flow as fast as their span allows, and commits what is finished. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Emission } from "../../lib/delivery/contract";
import type { Consumer, ConsumerEvents, FetchedBatch, TopicPartition } from "../../lib/kafka/port";
import type { PlacedEmission } from "./emission";
import { Partition, type Surroundings } from "./partition";

export interface IntakeSettings {
  /** Records a message in batch mode, 1 in record mode. */
  readonly batchRecords: number;
  /** In ms. */
  readonly commitInterval: number;
  readonly commitRecords: number;
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

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

export const makeIntake = (
  surroundings: Omit<Surroundings, "moved">,
  settings: IntakeSettings,
  consumer: () => Pick<Consumer, "commit" | "pause" | "resume"> | undefined,
): Intake => {
  let partitions = new Map<string, Partition>();
  let stopped = false;
  let finishedSince = 0;
  let timer: NodeJS.Timeout | undefined;
  let committing: Promise<void> | undefined;

  const commitOnce = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    finishedSince = 0;
    const due = [...partitions.values()].flatMap((partition) => {
      const offset = partition.committable;
      return offset === undefined ? [] : [{ partition, position: { ...partition.origin(), offset } }];
    });
    if (due.length === 0) return;
    const done = await consumer()?.commit(due.map(({ position }) => position));
    for (const { partition, position } of due) if (done?.includes(position)) partition.committed = position.offset;
  };

  const commit = async (): Promise<void> => {
    await committing;
    committing = commitOnce()
      // Tried again with the next one; the consumer tells its node why it fails.
      .catch(() => schedule())
      .finally(() => (committing = undefined));
    await committing;
  };

  const schedule = (): void => {
    timer ??= setTimeout(() => void commit(), settings.commitInterval);
  };

  const all: Surroundings = {
    ...surroundings,
    moved(records) {
      finishedSince += records;
      if (finishedSince >= settings.commitRecords && committing === undefined) void commit();
      else schedule();
    },
  };

  const stillOwned = (partition: Partition, epoch: number): boolean =>
    !stopped && partition.epoch === epoch && partitions.get(keyOf(partition)) === partition;

  /** Waits until the partition has room and flows run. False when it stalls or is lost. */
  const roomFor = async (partition: Partition, epoch: number): Promise<boolean> => {
    const deadline = Date.now() + STALLED;
    let pressed = false;
    while (!(partition.hasRoom && surroundings.source.running)) {
      if (!pressed && surroundings.source.running) surroundings.source.pressure();
      pressed = true;
      let limit: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (limit = setTimeout(resolve, Math.max(100, deadline - Date.now()))));
      await Promise.race([partition.room(), late]);
      clearTimeout(limit);
      if (!stillOwned(partition, epoch)) return false;
      if (Date.now() >= deadline && !partition.hasRoom) return false;
    }
    return stillOwned(partition, epoch);
  };

  /** Fetches a stalled partition again when it has room. */
  const sleep = async (partition: Partition, epoch: number): Promise<void> => {
    partition.asleep = true;
    consumer()?.pause(partition);
    while (stillOwned(partition, epoch) && !(partition.hasRoom && surroundings.source.running)) await partition.room();
    partition.asleep = false;
    if (stillOwned(partition, epoch)) consumer()?.resume(partition);
  };

  const records = async (batch: FetchedBatch): Promise<number | void> => {
    const partition = partitions.get(keyOf(batch));
    if (!partition || partition.epoch !== batch.epoch) return undefined;
    partition.highWatermark = batch.highWatermark;
    let turn = performance.now();
    let emitted = 0;
    for (;;) {
      if (!(partition.hasRoom && surroundings.source.running && stillOwned(partition, batch.epoch))) {
        if (!(await roomFor(partition, batch.epoch))) {
          // The driver ends this batch with its assignment.
          if (stopped) return new Promise(() => undefined);
          if (stillOwned(partition, batch.epoch)) void sleep(partition, batch.epoch);
          return partition.next ?? batch.offset;
        }
        turn = performance.now();
        emitted = 0;
      }
      const run = batch.read(settings.batchRecords);
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

  return {
    records,
    assigned(owned, epoch, kept) {
      const before = partitions;
      partitions = new Map(
        owned.map((each) => {
          const same = kept ? before.get(keyOf(each)) : undefined;
          if (same) same.epoch = epoch;
          return [keyOf(each), same ?? new Partition(all, each, epoch)];
        }),
      );
      for (const partition of before.values()) partition.wake();
      return [...partitions.values()].flatMap(({ topic, partition, next }) =>
        next === undefined ? [] : [{ topic, partition, offset: next }],
      );
    },
    async revoking() {
      if (!stopped) await drained(settings.revokeDrain);
      await commit();
    },
    wake() {
      for (const partition of partitions.values()) partition.wake();
    },
    stop() {
      stopped = true;
      for (const partition of partitions.values()) partition.wake();
    },
    async commit() {
      await commit();
      clearTimeout(timer);
    },
    hold(emission, count) {
      const placed = emission as PlacedEmission;
      placed.owner.hold(placed, count);
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
