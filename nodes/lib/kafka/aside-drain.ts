/** Brings to Kafka what is set aside of a topic (set-aside.ts), in its order, until all of it is taken or given up. */
import { messageOf, Rejected } from "../errors";
import type { Spool, SpoolOptions } from "../spool/spool";
import { Withdrawn, type Outcome, type OutgoingRecord, type Producer } from "./port";
import { decodeRecord, encodeRecord } from "./spooled-record";

/** Records that are read again, and tried, at a time. */
export const GROUP = 64;
/** How often a record is tried that fails though Kafka answers: no such topic, no permission. */
export const TRIES = 5;
const FIRST_PAUSE = 1000;
/** Between two groups of a topic that takes nothing, in ms. */
const NEXT_PAUSE = 250;
const NUMBER = 8;

/** Records of one topic, with their numbers in some spool. */
export interface Numbered {
  readonly numbers: readonly number[];
  readonly records: readonly OutgoingRecord[];
}

export const some = ({ numbers, records }: Numbered, from: number, to?: number): Numbered => ({
  numbers: numbers.slice(from, to),
  records: records.slice(from, to),
});

/** How long to wait before a record is tried that was refused so often, in ms. */
export const pauseAfter = (refusals: number): number => FIRST_PAUSE * 2 ** Math.min(refusals - 1, TRIES - 2);

export interface AsideOptions extends Pick<SpoolOptions, "directory" | "maxBytes" | "again" | "lost" | "cut"> {
  readonly producer: Producer;
  readonly signal: AbortSignal;
  pause(ms: number): Promise<void>;
  /** Does what the disk may refuse until it does not; undefined when closed meanwhile. */
  untilDone<T>(action: () => Promise<T>): Promise<T | undefined>;
  /** The disk refuses, or works again. */
  trouble(error: Error | undefined): void;
  /** A record that Kafka will never take; resolves when it is kept elsewhere. */
  refused(record: OutgoingRecord, error: Error): Promise<void>;
  /** Something came, went, or a topic is taken again. */
  changed(): void;
  /** What was set aside before the start has come out of the spool up to this number. */
  moved(number: number): void;
}

export interface Aside {
  readonly topic: string;
  /** Its folder. */
  readonly name: string;
  readonly opened: Promise<Spool | undefined>;
  spool: Spool | undefined;
  why: Error;
  /** How often in a row Kafka has refused it. */
  refusals: number;
  /** Who is about to append. */
  users: number;
  /** The last number that is in it. */
  moved: number;
  /** On its way to Kafka since before it was set aside: numbers in this spool. */
  readonly flying: Set<number>;
  readonly pending: (Numbered & { readonly sent: Promise<readonly Outcome[]> })[];
}

/** An entry: the number that it had in the spool, and the record. */
export const encodeAside = (number: number, record: OutgoingRecord): Buffer => {
  const head = Buffer.allocUnsafe(NUMBER);
  head.writeDoubleLE(number);
  return Buffer.concat([head, encodeRecord(record, Date.now())]);
};

export const numberOf = (entry: Buffer): number => entry.readDoubleLE(0);

export interface Drain {
  /** Goes on until all of it has gone, `before` first, which was read already; then finishes it. */
  drain(aside: Aside, before: Numbered | undefined): Promise<void>;
  /** What was read, without what is or was on its way. */
  readable(flying: Set<number>, spool: Spool, first: number, contents: readonly Buffer[]): Numbered;
}

/**
 * @param change resolves when something may have changed
 * @param finish is called when all of an aside has gone
 */
export const makeDrain = (
  options: AsideOptions,
  change: () => Promise<void>,
  finish: (aside: Aside, spool: Spool) => void,
): Drain => {
  const { producer, signal, pause, untilDone, changed } = options;

  const giveUp = async (spool: Spool, number: number, record: OutgoingRecord, error: Error): Promise<void> => {
    await untilDone(() => options.refused(record, error));
    if (!signal.aborted) spool.acknowledge(number);
  };

  /** Brings a group to Kafka, however often it takes, or gives it up. */
  const deliver = async (
    aside: Aside,
    spool: Spool,
    group: Numbered,
    underway?: Promise<readonly Outcome[]>,
  ): Promise<void> => {
    let { numbers, records } = group;
    for (let sent = underway; !signal.aborted; sent = undefined) {
      if (!sent && records.length > GROUP) {
        for (let at = 0; at < records.length; at += GROUP)
          await deliver(aside, spool, some({ numbers, records }, at, at + GROUP));
        return;
      }
      const outcomes = await (sent ?? producer.send(records));
      if (signal.aborted && outcomes.some((outcome) => outcome instanceof Error)) return;
      const again: number[] = [];
      const refused: number[] = [];
      for (const [at, outcome] of outcomes.entries())
        if (!(outcome instanceof Error)) {
          spool.acknowledge(numbers[at]!);
          aside.refusals = 0;
        } else if (outcome instanceof Rejected) await giveUp(spool, numbers[at]!, records[at]!, outcome);
        else if (outcome instanceof Withdrawn) again.push(at);
        else refused.push(at);
      if (refused.length > 0) {
        aside.why = outcomes[refused[0]!] as Error;
        aside.refusals++;
        if (aside.refusals < TRIES) again.push(...refused);
        else for (const at of refused) await giveUp(spool, numbers[at]!, records[at]!, outcomes[at] as Error);
      }
      changed();
      if (again.length === 0) return refused.length > 0 ? pause(NEXT_PAUSE) : undefined;
      await pause(refused.length > 0 ? pauseAfter(aside.refusals) : FIRST_PAUSE);
      again.sort((a, b) => a - b);
      [numbers, records] = [again.map((at) => numbers[at]!), again.map((at) => records[at]!)];
    }
  };

  const readable: Drain["readable"] = (flying, spool, first, contents) => {
    const numbers: number[] = [];
    const records: OutgoingRecord[] = [];
    for (const [at, content] of contents.entries()) {
      const number = first + at;
      if (flying.delete(number)) continue;
      try {
        records.push(decodeRecord(content.subarray(NUMBER)));
        numbers.push(number);
      } catch (error) {
        options.lost(messageOf(error));
        spool.acknowledge(number);
      }
    }
    return { numbers, records };
  };

  const drain: Drain["drain"] = async (aside, before) => {
    const spool = await aside.opened;
    if (!spool) return;
    if (aside.refusals > 0) await pause(pauseAfter(aside.refusals));
    if (before) await deliver(aside, spool, before);
    while (!signal.aborted) {
      const pending = aside.pending.shift();
      if (pending) {
        await deliver(aside, spool, pending, pending.sent);
        continue;
      }
      const entries = await untilDone(() => spool.read(GROUP));
      if (entries) await deliver(aside, spool, readable(aside.flying, spool, entries.first, entries.contents));
      else if (spool.count === 0 && aside.users === 0) return finish(aside, spool);
      else if (!spool.readable && aside.pending.length === 0) await change();
    }
  };

  return { drain, readable };
};
