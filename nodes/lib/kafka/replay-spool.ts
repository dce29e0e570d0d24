/**
 * Brings what is in the spool to Kafka, about a megabyte after the other, and acknowledges it there. The next piece waits
 * until of each topic of the one before all is taken, given up or set aside (set-aside.ts): no record overtakes
 * another one of its topic, and none waits for another topic that Kafka does not take.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { asError, messageOf, Rejected } from "../errors";
import type { Spool } from "../spool/spool";
import { pauseAfter, some, TRIES, type AsideOptions, type Numbered } from "./aside-drain";
import { openAsides, type Asides } from "./set-aside";
import { decodeRecord } from "./spooled-record";
import { Withdrawn, type Outcome, type OutgoingRecord, type Producer } from "./port";

const DISK_PAUSE = 1000;

export interface Replay {
  readonly asides: Asides;
  /** Reads on, if there is something to read and it is not at work. */
  pump(): void;
  /** Something was read that was not given to Kafka yet, or is given once more. */
  readonly handing: boolean;
  /**
   * Sees that entries of one topic, which are on their way to Kafka, are taken, given up or set aside, and acknowledged
   * in the spool.
   */
  track(topic: string, entries: Numbered, sent: Promise<readonly Outcome[]>): Promise<void>;
  /** Sets a topic aside that Kafka does not take. What waits of it for Kafka in memory goes there too. */
  block(topic: string, why: Error): void;
  /** Whether something of the topic is tracked. */
  isUnderWay(topic: string): boolean;
  /** Reads no more; failures stay in the spool. */
  stop(): void;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

interface Events extends Pick<
  AsideOptions,
  "directory" | "maxBytes" | "again" | "lost" | "cut" | "refused" | "trouble"
> {
  /** Whether nothing is on its way to Kafka that came before what is to be read. */
  ready(): boolean;
  /** Something was acknowledged, given to Kafka, set aside, or taken from there. */
  settled(): void;
}

/** @throws ConfigError when what was set aside before can't be read */
export const replaySpool = async (spool: Spool, producer: Producer, events: Events): Promise<Replay> => {
  let working: Promise<void> | undefined;
  let handing = false;
  /** How many records are tried again in their place. */
  let trying = 0;
  const end = new AbortController();
  const { signal } = end;
  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal }).catch(() => undefined);
  /** Of each topic what is tracked last: what is set aside keeps the order in which it was given to Kafka. */
  const tracked = new Map<string, Promise<void>>();

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
        await pause(DISK_PAUSE);
      }
    return undefined;
  };

  const asides = await openAsides({
    ...events,
    producer,
    signal,
    pause,
    untilDone,
    changed: () => events.settled(),
    moved: (number) => spool.reserve(number + 1),
  });

  const giveUp = async (number: number, record: OutgoingRecord, error: Error): Promise<void> => {
    await untilDone(() => events.refused(record, error));
    if (!signal.aborted) spool.acknowledge(number);
  };

  /** The outcomes; undefined when the topic is set aside before they are there. */
  const outcomesOf = async (topic: string, sent: Promise<readonly Outcome[]>) => {
    if (!asides.has(topic)) {
      let stop: (() => void) | undefined;
      const blocked = new Promise<undefined>((resolve) => (stop = asides.onBlocked(topic, () => resolve(undefined))));
      const outcomes = await Promise.race([sent, blocked]);
      stop?.();
      if (outcomes) return outcomes;
    }
    // What was withdrawn has its outcome by now.
    return Promise.race([sent, nextTurn(undefined)]);
  };

  /** Acknowledges what has come to its end. @returns what has not, and why */
  const settle = async (entries: Numbered, outcomes: readonly Outcome[]): Promise<{ left: Numbered; why?: Error }> => {
    const numbers: number[] = [];
    const records: OutgoingRecord[] = [];
    let why: Error | undefined;
    for (const [at, outcome] of outcomes.entries()) {
      const [number, record] = [entries.numbers[at]!, entries.records[at]!];
      if (!(outcome instanceof Error)) spool.acknowledge(number);
      else if (outcome instanceof Rejected) await giveUp(number, record, outcome);
      else {
        if (!(outcome instanceof Withdrawn) || !why) why = outcome;
        numbers.push(number);
        records.push(record);
      }
    }
    return { left: { numbers, records }, ...(why && { why }) };
  };

  /** Appends to what is set aside of their topic, as there is room. @returns those that may have to be tried in their place */
  const setAside = async (topic: string, entries: Numbered, why: Error, refusals: number): Promise<Numbered> => {
    let left = entries;
    while (left.records.length > 0 && !signal.aborted && asides.block(topic, why, refusals)) {
      const count = await asides.put(topic, left);
      for (const number of left.numbers.slice(0, count)) spool.acknowledge(number);
      left = some(left, count);
      if (left.records.length === 0) break;
      // Nothing of the topic may pass what is set aside of it.
      if (asides.isEmpty(topic)) return left;
      await asides.room();
    }
    return left;
  };

  const see = async (
    topic: string,
    entries: Numbered,
    given: Promise<readonly Outcome[]>,
    before: Promise<void> | undefined,
  ): Promise<void> => {
    let left = entries;
    let sent = given;
    for (let refusals = 0; ;) {
      const outcomes = await outcomesOf(topic, sent);
      await before;
      if (!outcomes) {
        if (await asides.adopt(topic, left, sent)) {
          for (const number of left.numbers) spool.acknowledge(number);
          return;
        }
        const isRoom = asides.room().then(() => true as const);
        if ((await Promise.race([sent, isRoom])) === true && !signal.aborted) {
          producer.withdraw(topic);
          continue;
        }
      }
      const settled = await settle(left, outcomes ?? (await sent));
      events.settled();
      const { why } = settled;
      ({ left } = settled);
      if (!why || signal.aborted) return;
      if (!(why instanceof Withdrawn)) refusals++;
      left = await setAside(topic, left, why, refusals);
      if (left.records.length === 0 || signal.aborted) return;
      // There is no room: it is tried here.
      if (refusals >= TRIES) {
        for (const [at, number] of left.numbers.entries()) await giveUp(number, left.records[at]!, why);
        events.settled();
        return;
      }
      trying++;
      await pause(pauseAfter(Math.max(1, refusals)));
      trying--;
      if (signal.aborted) return;
      sent = producer.send(left.records);
    }
  };

  const track: Replay["track"] = (topic, entries, sent) => {
    const seen = see(topic, entries, sent, tracked.get(topic)).finally(() => {
      if (tracked.get(topic) === seen) tracked.delete(topic);
    });
    tracked.set(topic, seen);
    return seen;
  };

  /** What is read of topics that are set aside goes there, unless a kill has left it in both places. */
  const move = async (topic: string, entries: Numbered): Promise<void> => {
    const fresh = entries.numbers.findIndex((number) => !asides.holds(topic, number));
    const known = fresh < 0 ? entries.numbers.length : fresh;
    for (const number of entries.numbers.slice(0, known)) spool.acknowledge(number);
    await tracked.get(topic);
    const why = new Withdrawn(`Topic "${topic}" is set aside`);
    const left = await setAside(topic, some(entries, known), why, 0);
    if (left.records.length > 0 && !signal.aborted) await track(topic, left, producer.send(left.records));
  };

  const byTopic = (
    first: number,
    contents: readonly Buffer[],
  ): Map<string, { numbers: number[]; records: OutgoingRecord[] }> => {
    const topics = new Map<string, { numbers: number[]; records: OutgoingRecord[] }>();
    for (const [at, content] of contents.entries()) {
      const record = decoded(content);
      if (!record) {
        spool.acknowledge(first + at);
        continue;
      }
      let own = topics.get(record.topic);
      if (!own) topics.set(record.topic, (own = { numbers: [], records: [] }));
      own.numbers.push(first + at);
      own.records.push(record);
    }
    return topics;
  };

  const work = async (): Promise<void> => {
    while (!signal.aborted && events.ready()) {
      handing = true;
      const entries = await untilDone(() => spool.read());
      if (!entries) break;
      const under: Promise<void>[] = [];
      const moving: Promise<void>[] = [];
      for (const [topic, own] of byTopic(entries.first, entries.contents))
        if (asides.has(topic)) moving.push(move(topic, own));
        else under.push(track(topic, own, producer.send(own.records)));
      await Promise.all(moving);
      handing = false;
      events.settled();
      await Promise.all(under);
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
    asides,
    get handing() {
      return handing || trying > 0;
    },
    pump,
    track,
    block(topic, why) {
      if (!asides.has(topic) && asides.block(topic, why, 0, tracked.get(topic))) producer.withdraw(topic);
    },
    isUnderWay: (topic) => tracked.has(topic),
    stop: () => end.abort(),
    async idle() {
      await Promise.all([working, ...tracked.values()]);
      await asides.close();
    },
  };
};
