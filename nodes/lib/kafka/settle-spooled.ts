/** What becomes of spooled records by what Kafka said of them: acknowledged, tried again, or kept elsewhere. */
import { setTimeout as sleep } from "node:timers/promises";
import { asError, Rejected } from "../errors";
import type { Spool } from "../spool/spool";
import type { Outcome, OutgoingRecord, Producer } from "./port";

/** How often a record is tried that fails though Kafka answers: no such topic, no permission. */
const TRIES = 5;
const FIRST_PAUSE = 1000;
/** How long a topic counts as hopeless after a record of it was given up, in ms. */
const HOPELESS = 60_000;

/** Records of one topic, with their numbers in the spool. */
export interface Piece {
  readonly topic: string;
  readonly numbers: readonly number[];
  readonly records: readonly OutgoingRecord[];
}

export interface SettleEvents {
  /** A record that Kafka will never take; resolves when it is kept elsewhere. */
  refused(record: OutgoingRecord, error: Error): Promise<void>;
  /** The disk refuses, or works again. */
  trouble(error: Error | undefined): void;
  /** Something was acknowledged, or given to Kafka. */
  settled(): void;
}

export interface Settling {
  /** Resolves when each record of the piece is acknowledged in the spool, or it was stopped. */
  settle(piece: Piece, outcomes: readonly Outcome[]): Promise<void>;
  /** Whether records of this topic are tried again. */
  tries(topic: string): boolean;
  /** Does what the disk may refuse until it does not. @returns undefined when it was stopped meanwhile */
  untilDone<T>(action: () => Promise<T>): Promise<T | undefined>;
}

export const settling = (spool: Spool, producer: Producer, events: SettleEvents, stopped: AbortSignal): Settling => {
  /** How many pieces of a topic hold records that are tried again. */
  const trying = new Map<string, number>();
  /** Topics whose records failed at every try, and until when what comes is tried once: to ms since the epoch, or one is taken. */
  const hopeless = new Map<string, number>();
  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal: stopped }).catch(() => undefined);
  const count = (topic: string, more: 1 | -1): void => {
    const now = (trying.get(topic) ?? 0) + more;
    if (now > 0) trying.set(topic, now);
    else trying.delete(topic);
  };

  const untilDone: Settling["untilDone"] = async (action) => {
    for (let failed = false; !stopped.aborted;)
      try {
        const result = await action();
        if (failed) events.trouble(undefined);
        return result;
      } catch (error) {
        failed = true;
        events.trouble(asError(error));
        await pause(FIRST_PAUSE);
      }
    return undefined;
  };

  const settle: Settling["settle"] = async ({ topic, numbers, records }, outcomes) => {
    let left = outcomes;
    let indexes = records.map((_, at) => at);
    for (let tries = 1; ; tries++) {
      const last = tries >= TRIES || (hopeless.get(topic) ?? 0) > Date.now();
      const again: number[] = [];
      for (const [at, outcome] of left.entries()) {
        const index = indexes[at]!;
        const number = numbers[index]!;
        if (!(outcome instanceof Error)) {
          hopeless.delete(topic);
          spool.acknowledge(number);
        } else if (outcome instanceof Rejected || (last && !stopped.aborted)) {
          if (!(outcome instanceof Rejected)) hopeless.set(topic, Date.now() + HOPELESS);
          await untilDone(() => events.refused(records[index]!, outcome));
          if (!stopped.aborted) spool.acknowledge(number);
        } else again.push(index);
      }
      if (tries > 1) count(topic, -1);
      if (again.length > 0) count(topic, 1);
      events.settled();
      if (again.length === 0 || stopped.aborted) return;
      await pause(FIRST_PAUSE * 2 ** (tries - 1));
      if (stopped.aborted) return;
      indexes = again;
      left = await producer.send(again.map((index) => records[index]!));
    }
  };

  return { settle, untilDone, tries: (topic) => trying.has(topic) };
};
