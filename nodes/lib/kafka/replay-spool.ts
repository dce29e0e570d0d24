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
  /** Something was read that was not given to Kafka yet, or is given once more. */
  readonly handing: boolean;
  /** Takes what Kafka said of records that have these numbers in the spool. */
  settle(numbers: readonly number[], records: readonly OutgoingRecord[], outcomes: readonly Outcome[]): Promise<void>;
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
  let handing = false;
  /** How many pieces hold records that are tried again. */
  let trying = 0;
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

  const settle: Replay["settle"] = async (numbers, records, outcomes) => {
    let left = outcomes;
    let indexes = records.map((_, at) => at);
    for (let tries = 1; ; tries++) {
      const again: number[] = [];
      for (const [at, outcome] of left.entries()) {
        const index = indexes[at]!;
        const record = records[index]!;
        const number = numbers[index]!;
        if (!(outcome instanceof Error)) spool.acknowledge(number);
        else if (outcome instanceof Rejected || tries >= TRIES) {
          await untilDone(() => events.refused(record, outcome));
          if (!signal.aborted) spool.acknowledge(number);
        } else again.push(index);
      }
      if (tries > 1) trying--;
      if (again.length > 0) trying++;
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
      handing = true;
      const entries = await untilDone(() => spool.read());
      if (!entries) break;
      const numbers: number[] = [];
      const records: OutgoingRecord[] = [];
      for (const [at, content] of entries.contents.entries()) {
        const record = decoded(content);
        if (record) {
          numbers.push(entries.first + at);
          records.push(record);
        } else spool.acknowledge(entries.first + at);
      }
      const sent = producer.send(records);
      handing = false;
      events.settled();
      await settle(numbers, records, await sent);
    }
    handing = false;
    events.settled();
  };

  const decoded = (content: Buffer): OutgoingRecord | undefined => {
    try {
      return decodeRecord(content);
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
    get handing() {
      return handing || trying > 0;
    },
    pump,
    settle,
    stop: () => end.abort(),
    idle: async () => working,
  };
};
