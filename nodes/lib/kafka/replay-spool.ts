/**
 * Brings what is in the spool to Kafka, about a megabyte after the other, and acknowledges it there. The next piece of a
 * topic waits for the one before, so that no record overtakes one that is tried again. A topic that Kafka does not take at
 * once is slow: what comes of it is left in the spool for a second reader, so that no other topic waits for it.
 */
import { messageOf, Rejected } from "../errors";
import type { Rereader } from "../spool/reread";
import type { Entries } from "../spool/segments";
import type { Spool } from "../spool/spool";
import { settling, type Piece, type SettleEvents, type Settling } from "./settle-spooled";
import { decodeRecord } from "./spooled-record";
import { sleep } from "./sleep";
import type { OutgoingRecord, Producer } from "./port";

/** How long all other topics wait for one, in ms. */
const PATIENCE = 1000;
/** How often what must end first is looked at, in ms. */
const LOOK = 20;

export interface Replay extends Pick<Settling, "settle"> {
  /** Reads on, if there is something to read and it is not at work. */
  pump(): void;
  /** Whether something of the topic was read that was not given to Kafka yet, or is given once more. */
  handing(topic: string): boolean;
  /** How many entries are to be read before none of the topic is left; Infinity while some are tried again. */
  ahead(topic: string): number;
  /** Entries that need not be read: whoever appended them still has them. */
  leave(first: number, count: number): void;
  /** Reads no more; failures stay in the spool. */
  stop(): void;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

interface Events extends SettleEvents {
  /** Whether something of the topic is on its way to Kafka that came before what is to be read. */
  isFlying(topic: string): boolean;
  /** Topics of which that holds, and something is to be read. */
  flying(): readonly string[];
  /** Kafka takes nothing. */
  down(): boolean;
  /** An entry can't be understood, in words. */
  lost(text: string): void;
}

export const replaySpool = (spool: Spool, producer: Producer, events: Events): Replay => {
  const end = new AbortController();
  const { signal } = end;
  const { settle, tries, untilDone } = settling(spool, producer, events, signal);
  /** Topics that the second reader reads, with the number from which on. */
  const slow = new Map<string, number>();
  /** Pieces under way. */
  const giving = new Map<string, Promise<void>>();
  const left = new Set<number>();
  let working: Promise<void> | undefined;
  let catching: Promise<void> | undefined;
  let second: Rereader | undefined;
  let reading = false;

  /** Waits until it holds, for so long. */
  const holds = async (condition: () => boolean, limit = Infinity): Promise<boolean> => {
    for (const since = Date.now(); !condition(); await sleep(LOOK, signal))
      if (signal.aborted || Date.now() - since >= limit) return false;
    return true;
  };

  const isFree = (topic: string): boolean => !giving.has(topic) && !tries(topic) && !events.isFlying(topic);

  /** Entries by topic, without those that are skipped. */
  const pieces = (
    { first, contents }: Entries,
    skip: (topic: string, number: number) => boolean,
    unreadable: (number: number, error: unknown) => void,
  ): Piece[] => {
    const found = new Map<string, { topic: string; numbers: number[]; records: OutgoingRecord[] }>();
    for (const [at, content] of contents.entries())
      try {
        const record = decodeRecord(content);
        const { topic } = record;
        if (skip(topic, first + at)) continue;
        const piece = found.get(topic) ?? { topic, numbers: [], records: [] };
        found.set(topic, piece);
        piece.numbers.push(first + at);
        piece.records.push(record);
      } catch (error) {
        unreadable(first + at, error);
      }
    return [...found.values()];
  };

  const give = (piece: Piece): Promise<void> => {
    const { topic } = piece;
    const settled = producer
      .send(piece.records)
      .then((outcomes) => {
        if (outcomes.some((outcome) => outcome instanceof Error && !(outcome instanceof Rejected)))
          beSlow(topic, spool.readTo);
        return settle(piece, outcomes);
      })
      .finally(() => giving.delete(topic));
    giving.set(topic, settled);
    return settled;
  };

  const beSlow = (topic: string, from: number): void => {
    if (signal.aborted || slow.has(topic)) return;
    slow.set(topic, from);
    catching ??= catchUp(from);
  };

  /** The second reader: what is left of slow topics, which wait for one another. It ends when it is where the first is. */
  const catchUp = async (from: number): Promise<void> => {
    const reader = (second = spool.reread(from));
    while (!signal.aborted) {
      const entries = await untilDone(() => reader.read());
      if (entries) {
        const isOthers = (topic: string, number: number): boolean => number < (slow.get(topic) ?? Infinity);
        const taken = pieces(
          entries,
          (topic, number) => isOthers(topic, number) || left.delete(number),
          () => undefined,
        );
        const given = taken.map(async (piece) => {
          if (await holds(() => isFree(piece.topic))) await give(piece);
        });
        await Promise.all(given);
        events.settled();
      } else if (reader.next >= spool.readTo && [...slow.keys()].every(isFree)) {
        // In this turn: who becomes slow from now on gets a reader of its own.
        slow.clear();
        catching = second = undefined;
        events.settled();
        return;
      } else await sleep(LOOK, signal);
    }
  };

  const work = async (): Promise<void> => {
    while (!signal.aborted && spool.readable) {
      if (events.down()) await sleep(PATIENCE, signal);
      const unsettled = (): string[] => events.flying().filter((topic) => !slow.has(topic));
      if (!(await holds(() => unsettled().length === 0, PATIENCE)))
        for (const topic of unsettled()) beSlow(topic, spool.readTo);
      if (signal.aborted) return;
      reading = true;
      const entries = await untilDone(() => spool.read());
      if (entries) {
        const skip = (topic: string, number: number): boolean => {
          if (!slow.has(topic) && !isFree(topic)) beSlow(topic, number);
          return slow.has(topic) || left.delete(number);
        };
        const taken = pieces(entries, skip, (number, error) => {
          events.lost(messageOf(error));
          spool.acknowledge(number);
        });
        for (const piece of taken) void give(piece);
        reading = false;
        events.settled();
        const underWay = (): string[] => taken.flatMap(({ topic }) => (giving.has(topic) ? [topic] : []));
        if (!(await holds(() => underWay().every((topic) => slow.has(topic)), PATIENCE)))
          for (const topic of underWay()) beSlow(topic, spool.readTo);
      }
      reading = false;
      events.settled();
    }
  };

  const pump = (): void => {
    if (signal.aborted || working || !spool.readable) return;
    working = work().finally(() => {
      working = undefined;
      pump();
    });
  };

  return {
    pump,
    settle,
    handing: (topic) => reading || tries(topic) || slow.has(topic),
    ahead(topic) {
      if (tries(topic)) return Infinity;
      return spool.unread + (second && slow.has(topic) ? spool.readTo - second.next : 0);
    },
    leave(first, count) {
      if (spool.readTo === first) spool.skip(first + count);
      else for (let number = first; number < first + count; number++) left.add(number);
    },
    stop: () => end.abort(),
    async idle() {
      await Promise.all([working, catching, ...giving.values()]);
    },
  };
};
