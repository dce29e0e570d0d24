/** What this process has of its topics: partitions that come, move, are paused and sought, and what of them is committed. */
import type { Emission } from "../../lib/delivery/contract";
import type { Consumer, ConsumerEvents, FetchedBatch, TopicPartition } from "../../lib/kafka/port";
import { makeClaims } from "./claims";
import { makeCommits } from "./commits";
import type { PlacedEmission } from "./emission";
import { makeFeed, type FeedSettings, type Holding } from "./feed";
import { covers, makePauses, type Scope } from "./pauses";
import { Partition, type AssignedPartition, type MakePartition, type Surroundings } from "./partition";
import { makeSeeking, type Seeking } from "./seeking";
import { OwnTenure } from "./tenure";

export interface IntakeSettings extends FeedSettings {
  /** In ms. */
  readonly commitInterval: number;
  /** Longest wait for what is in the flow when partitions move, in ms. */
  readonly revokeDrain: number;
  /** Something the user should read once. */
  warn(text: string): void;
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
  readonly seek: Seeking["seek"];
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
  consumer: () => Pick<Consumer, "commit" | "pause" | "resume" | "seek" | "rejoin" | "isMember"> | undefined,
  /** Makes partitions of another kind. */
  make?: MakePartition,
): Intake => {
  let partitions = new Map<string, AssignedPartition>();
  let tenures = new Map<string, OwnTenure>();
  /** Of the present assignment. */
  let present = 0;
  const pauses = makePauses();
  let stopped = false;
  /** Partitions are about to move: nothing more is given to the flow. */
  let revoking = false;

  /** Partitions whose position is theirs, and not about to be another. */
  const settled = (): AssignedPartition[] => [...partitions.values()].filter((partition) => !seeking.has(partition));
  const commits = makeCommits(settled, settings, consumer);
  const claims = makeClaims(settled, consumer);
  const all: Surroundings = {
    ...surroundings,
    moved: (records) => commits.finished(records),
  };

  const made: MakePartition = (each, epoch, from) => {
    const tenure = tenures.get(keyOf(each));
    return make?.(each, epoch, from, tenure) ?? new Partition(all, each, epoch, from, tenure);
  };
  const isMember = async (): Promise<boolean> => (await consumer()?.isMember(present)) ?? false;

  const holding: Holding = {
    get stopped() {
      return stopped;
    },
    owns: (partition, epoch) =>
      !stopped &&
      !revoking &&
      partition.epoch === epoch &&
      partitions.get(keyOf(partition)) === partition &&
      !seeking.has(partition),
  };
  const feed = makeFeed(all, settings, holding, pauses, claims, consumer);
  const seeking = makeSeeking({
    consumer,
    current: (target) => (stopped || revoking ? undefined : partitions.get(keyOf(target))),
    make: (target, epoch, offset) => made(target, epoch, offset),
    async committed() {
      await commits.now();
      await claims.settled();
    },
    replace(partition) {
      claims.forget(partition);
      partitions.set(keyOf(partition), partition);
      if (pauses.has(partition)) void feed.sleep(partition, partition.epoch);
    },
    restore(partition) {
      partition.asleep = false;
      consumer()?.resume(partition);
      if (pauses.has(partition)) void feed.sleep(partition, partition.epoch);
    },
  });

  const records = async (batch: FetchedBatch): Promise<number | void> => {
    const partition = partitions.get(keyOf(batch));
    if (!partition || partition.epoch !== batch.epoch) return undefined;
    if (seeking.has(partition)) return partition.next ?? batch.offset;
    const back = claims.back(partition, batch.offset);
    if (back !== undefined) partition.returnTo?.(back);
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
    await Promise.all([...partitions.values(), ...seeking.beginning].map(async (partition) => partition.left?.()));
  };

  return {
    records,
    wanted: (each) => partitions.get(keyOf(each))?.wanted,
    assigned(owned, epoch, kept) {
      const [before, had] = [partitions, tenures];
      revoking = false;
      present = epoch;
      tenures = new Map(
        owned.map((each) => {
          const same = kept ? had.get(keyOf(each)) : undefined;
          return [keyOf(each), same ?? new OwnTenure(each, isMember)];
        }),
      );
      for (const [key, tenure] of had) if (tenures.get(key) !== tenure) tenure.end();
      partitions = new Map(
        owned.map((each) => {
          const same = kept ? before.get(keyOf(each)) : undefined;
          if (same?.keep(epoch)) return [keyOf(each), same];
          return [keyOf(each), made(each, epoch)];
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
      await claims.giveBack();
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
      for (const tenure of tenures.values()) tenure.end();
      await commits.last();
      const lost = await claims.giveBack();
      if (lost > 0)
        settings.warn(
          `${lost} record(s) were committed and have not entered the flow, and Kafka can't be told: at most once, they do not come again`,
        );
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
    seek: seeking.seek,
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
