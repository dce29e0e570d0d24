/** Hands fetched records to the flow, as fast as the span of their partition allows and without keeping the event loop. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { ConfigError } from "../../lib/errors";
import { PackedRecords } from "../../lib/kafka/packed-records";
import type { Consumer, FetchedBatch, FetchedRecord } from "../../lib/kafka/port";
import { DamagedBatch } from "../../lib/kafka/record-batch";
import { ON_ITS_WAY } from "../../lib/waiting";
import { committedFirst, type Claims } from "./claims";
import type { AssignedPartition, Surroundings } from "./partition";
import type { Pauses } from "./pauses";

export interface FeedSettings {
  /** Records a message in batch mode, 1 in record mode. */
  readonly batchRecords: number;
  readonly commitRecords: number;
  /** What becomes of a stored batch that can't be read: its partition stops, or it is buried with its bytes. */
  readonly damaged: "stop" | "bury";
  /** Told what stands still and what to do. */
  stuck(text: string): void;
}

/** What a feed must know of the assignment. */
export interface Holding {
  /** No more records are emitted. */
  readonly stopped: boolean;
  owns(partition: AssignedPartition, epoch: number): boolean;
}

export interface Feed {
  /** Hands over what was fetched of a partition. @returns where to go on when not all of it was taken */
  take(partition: AssignedPartition, batch: FetchedBatch): Promise<number | void>;
  /** Fetches a partition that stalled, or was paused, again when it may go on, after `atLeast` ms. */
  sleep(partition: AssignedPartition, epoch: number, atLeast?: number): Promise<void>;
}

/** How long emitting may keep the event loop, in ms: what was emitted runs after that in one go. */
const TURN = 2;
/** Messages emitted in one turn of the event loop; each costs the flow some 20 µs or more. */
const MESSAGES_A_TURN = 32;
/** A partition without room for so long gives its fetched records back and is fetched again later, in ms. */
const STALLED = 2000;
/** How often a partition that is asleep looks by itself whether it may go on, in ms. */
const SLEEP_LOOK = 2000;
/** When records whose schema could not be fetched are fetched again, in ms. */
const ASK_AGAIN = 1000;

export const makeFeed = (
  { source, span, once, decoders }: Pick<Surroundings, "source" | "span" | "once" | "decoders">,
  settings: FeedSettings,
  holding: Holding,
  pauses: Pick<Pauses, "has">,
  claims: Pick<Claims, "before">,
  consumer: () => Pick<Consumer, "pause" | "resume"> | undefined,
): Feed => {
  const flows = (partition: AssignedPartition): boolean =>
    partition.hasRoom && source.running && !pauses.has(partition) && partition.stuck === undefined;

  /** Waits until something about the partition may have changed, at most `ms`. */
  const change = async (partition: AssignedPartition, ms: number): Promise<void> => {
    let limit: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (limit = setTimeout(resolve, ms)));
    await Promise.race([partition.room(), late]);
    clearTimeout(limit);
  };

  /** Waits for what records are decoded with. False when it does not come, or the partition is lost. */
  const decodable = async (
    partition: AssignedPartition,
    epoch: number,
    preparing: Promise<boolean>,
  ): Promise<boolean> => {
    let limit: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => (limit = setTimeout(resolve, STALLED, false)));
    const isThere = await Promise.race([preparing, late]);
    clearTimeout(limit);
    return isThere && holding.owns(partition, epoch);
  };

  /** Waits until the partition has room and flows run. False when it stalls or is lost. */
  const roomFor = async (partition: AssignedPartition, epoch: number): Promise<boolean> => {
    const deadline = Date.now() + STALLED;
    for (let turn = 0; turn < ON_ITS_WAY.turns && !flows(partition); turn++) await nextTurn();
    if (!flows(partition)) await change(partition, ON_ITS_WAY.ms);
    let pressed = false;
    while (!flows(partition)) {
      if (pauses.has(partition) || partition.stuck) return false;
      if (!pressed && source.running) source.pressure();
      pressed = true;
      await change(partition, Math.max(100, deadline - Date.now()));
      if (!holding.owns(partition, epoch)) return false;
      if (Date.now() >= deadline && !partition.hasRoom) return false;
    }
    return holding.owns(partition, epoch);
  };

  const sleep = async (partition: AssignedPartition, epoch: number, atLeast = 0): Promise<void> => {
    if (partition.asleep || !holding.owns(partition, epoch)) return;
    partition.asleep = true;
    consumer()?.pause(partition);
    const earliest = Date.now() + atLeast;
    while (holding.owns(partition, epoch) && (!flows(partition) || Date.now() < earliest))
      await change(partition, SLEEP_LOOK);
    partition.asleep = false;
    if (holding.owns(partition, epoch)) consumer()?.resume(partition);
  };

  const stop = (partition: AssignedPartition, error: DamagedBatch): void => {
    partition.stuck = error;
    const place = `{"action":"seek","topic":"${partition.topic}","partition":${partition.partition},"offset":${error.nextOffset}}`;
    settings.stuck(
      `${partition.topic} partition ${partition.partition} stands still: ${error.message}. Send this node ${place} to go on behind it, {"action":"resume"} to try again, or set "A damaged batch" to dead letters`,
    );
  };

  const take = async (partition: AssignedPartition, batch: FetchedBatch): Promise<number | void> => {
    const isOwned = (): boolean => holding.owns(partition, batch.epoch);
    const chunk = Math.min(settings.commitRecords, span.records);
    const first = once
      ? committedFirst(batch, chunk, settings.batchRecords, (offset) => claims.before(partition, offset, isOwned))
      : undefined;
    let turn = performance.now();
    let emitted = 0;
    // Within a turn of the event loop only the room changes.
    let isNewTurn = true;
    for (;;) {
      if (!partition.hasRoom || (isNewTurn && !(flows(partition) && isOwned()))) {
        if (!(await roomFor(partition, batch.epoch))) {
          // The driver ends this batch with its assignment.
          if (holding.stopped) return new Promise(() => undefined);
          partition.overfed?.();
          if (isOwned()) void sleep(partition, batch.epoch);
          return partition.next ?? batch.offset;
        }
        turn = performance.now();
        emitted = 0;
      }
      isNewTurn = first !== undefined;
      let run: readonly FetchedRecord[] | PackedRecords;
      try {
        const { batchRecords } = settings;
        const read = (): typeof run =>
          partition.emitPacked ? batch.readPacked(batchRecords) : batch.read(batchRecords);
        const next = first ? await first() : read();
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
      if (run instanceof PackedRecords) partition.emitPacked?.(run);
      else {
        const preparing = decoders.prepare?.(run);
        if (preparing && !(await decodable(partition, batch.epoch, preparing))) {
          if (holding.stopped) return new Promise(() => undefined);
          void sleep(partition, batch.epoch, ASK_AGAIN);
          return partition.next ?? batch.offset;
        }
        partition.emit(run);
      }
      if (++emitted >= MESSAGES_A_TURN || performance.now() - turn > TURN) {
        await nextTurn();
        turn = performance.now();
        emitted = 0;
        isNewTurn = true;
      }
    }
    partition.skip(batch.nextOffset);
    return undefined;
  };

  return { take, sleep };
};
