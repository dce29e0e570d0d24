/**
 * Brings what is in the spool to Kafka, about a megabyte after the other, and acknowledges it there. The next piece
 * waits for the one before, so that no record overtakes one that is tried again.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { asError, messageOf, Rejected } from "../errors";
import type { Spool } from "../spool/spool";
import { decodeRecord } from "./spooled-record";
import type { Outcome, OutgoingRecord, Producer } from "./port";

/** How often a record is tried that fails though Kafka answers: no such topic, no permission. */
const TRIES = 5;
const FIRST_PAUSE = 1000;

export interface Replay {
  /** Reads on, if there is something to read and it is not at work. */
  pump(): void;
  /** Takes what Kafka said of records whose first has this number in the spool. */
  settle(first: number, records: readonly OutgoingRecord[], outcomes: readonly Outcome[]): Promise<void>;
  /** Reads no more; failures stay in the spool. */
  stop(): void;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

interface Events {
  /** Whether nothing is on its way to Kafka that came before what is to be read. */
  ready(): boolean;
  /** A record that Kafka will never take; resolves when it is kept elsewhere. */
  refused(record: OutgoingRecord, error: Error): Promise<void>;
  /** The disk refuses, or works again. */
  trouble(error: Error | undefined): void;
  /** An entry can't be understood, in words. */
  lost(text: string): void;
  /** Something was acknowledged, or given to Kafka. */
  settled(): void;
}

export const replaySpool = (spool: Spool, producer: Producer, events: Events): Replay => {
  let working: Promise<void> | undefined;
  const end = new AbortController();
  const { signal } = end;
  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal }).catch(() => undefined);

  /** Does what the disk may refuse until it does not. @returns undefined when the replay was stopped meanwhile */
  const untilDone = async <T>(action: () => Promise<T>): Promise<T | undefined> => {
    for (let failed = false; !signal.aborted;)
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

  const settle: Replay["settle"] = async (first, records, outcomes) => {
    let left = outcomes;
    let indexes = records.map((_, at) => at);
    for (let tries = 1; ; tries++) {
      const again: number[] = [];
      for (const [at, outcome] of left.entries()) {
        const index = indexes[at]!;
        const record = records[index]!;
        if (!(outcome instanceof Error)) spool.acknowledge(first + index);
        else if (outcome instanceof Rejected || tries >= TRIES) {
          await untilDone(() => events.refused(record, outcome));
          if (!signal.aborted) spool.acknowledge(first + index);
        } else again.push(index);
      }
      events.settled();
      if (again.length === 0) return;
      await pause(FIRST_PAUSE * 2 ** (tries - 1));
      if (signal.aborted) return;
      indexes = again;
      left = await producer.send(again.map((index) => records[index]!));
    }
  };

  const work = async (): Promise<void> => {
    while (!signal.aborted && events.ready()) {
      const entries = await untilDone(() => spool.read());
      if (!entries) return;
      const { first, contents } = entries;
      // those that are understood, with their numbers counted from the first
      let at = 0;
      while (at < contents.length) {
        const from = at;
        const records: OutgoingRecord[] = [];
        for (let record = decoded(contents[at]); record; record = decoded(contents[++at])) records.push(record);
        if (records.length > 0) {
          const sent = producer.send(records);
          events.settled();
          await settle(first + from, records, await sent);
        }
        if (at < contents.length) spool.acknowledge(first + at++);
      }
    }
  };

  const decoded = (content: Buffer | undefined): OutgoingRecord | undefined => {
    try {
      return content && decodeRecord(content);
    } catch (error) {
      events.lost(messageOf(error));
      return undefined;
    }
  };

  const pump = (): void => {
    if (signal.aborted || working || !spool.readable || !events.ready()) return;
    working = work().finally(() => {
      working = undefined;
      pump();
    });
  };

  return {
    pump,
    settle,
    stop: () => end.abort(),
    idle: async () => working,
  };
};
