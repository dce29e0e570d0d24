/**
 * Records of a spool whose topics Kafka does not take now, set aside so that other topics pass: each topic has a spool of its
 * own below the spool's folder, in its order, and is tried from there until all of it is taken or given up.
 *
 * An entry begins with the number that it had in the spool: a kill between its two writes leaves it in both, and by
 * that number it is known and not brought twice.
 */
import { createHash } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import { messageOf, Rejected } from "../errors";
import { framedSize } from "../spool/frames";
import { Spool, type SpoolOptions } from "../spool/spool";
import { Withdrawn, type Outcome, type OutgoingRecord, type Producer } from "./port";
import { decodeRecord, encodeRecord } from "./spooled-record";

/** Records that are read again, and tried, at a time. */
export const GROUP = 64;
/** Topics set aside at a time; further ones hold the row up. */
const MOST_TOPICS = 64;
/** How often a record is tried that fails though Kafka answers: no such topic, no permission. */
export const TRIES = 5;
const FIRST_PAUSE = 1000;
/** Between two groups of a topic that takes nothing, in ms. */
const NEXT_PAUSE = 250;
/** Of the spool's bytes, what may be set aside. */
const SHARE = 0.5;
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

interface Aside {
  readonly topic: string;
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

export interface Asides {
  has(topic: string): boolean;
  /**
   * Sets a topic aside from now on, also when nothing of it has come before `until` is over.
   * @returns false when too many are
   */
  block(topic: string, why: Error, refusals: number, until?: Promise<unknown>): boolean;
  /** Calls back once, when the topic is set aside; the result takes that back. */
  onBlocked(topic: string, blocked: () => void): () => void;
  /** Whether the entry of this number is there already. */
  holds(topic: string, number: number): boolean;
  /** Whether nothing of it waits. */
  isEmpty(topic: string): boolean;
  /** Appends at once, under a number of which all before are here; undefined when they don't fit, else when durable. */
  append(topic: string, number: number, records: readonly OutgoingRecord[]): Promise<void> | undefined;
  /** Appends as much as fits. Resolves with how many, durable. */
  put(topic: string, entries: Numbered): Promise<number>;
  /** Appends all of them, which are on their way; false when they don't fit. */
  adopt(topic: string, entries: Numbered, sent: Promise<readonly Outcome[]>): Promise<boolean>;
  /** Resolves when there may be room. */
  room(): Promise<void>;
  readonly topics: Iterable<string>;
  /** How many topics are set aside. */
  readonly size: number;
  readonly bytes: number;
  readonly count: number;
  /** Why something is set aside. */
  readonly why: Error | undefined;
  close(): Promise<void>;
}

const encode = (number: number, record: OutgoingRecord): Buffer => {
  const head = Buffer.allocUnsafe(NUMBER);
  head.writeDoubleLE(number);
  return Buffer.concat([head, encodeRecord(record, Date.now())]);
};

/** Opens what an earlier process has set aside, and goes on with it. @throws ConfigError when a folder can't be used */
export const openAsides = async (options: AsideOptions): Promise<Asides> => {
  const { producer, signal, pause, untilDone } = options;
  const folder = path.join(options.directory, "aside");
  const asides = new Map<string, Aside>();
  const working = new Set<Promise<void>>();
  /** Folders that are being removed. */
  const leaving = new Map<string, Promise<void>>();
  const listeners = new Map<string, Set<() => void>>();
  let waiting: (() => void)[] = [];

  const bytes = (): number => [...asides.values()].reduce((sum, { spool }) => sum + (spool?.bytes ?? 0), 0);

  const changed = (): void => {
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
    options.changed();
  };
  const change = (): Promise<void> =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (signal.aborted) changed();
    });

  const openSpool = (name: string): Promise<Spool> =>
    Spool.open({
      ...options,
      directory: path.join(folder, name),
      maxBytes: Infinity,
      segmentBytes: Math.min(1 << 20, Math.ceil(options.maxBytes / 16)),
      unlocked: true,
      changed,
    });
  /** No file system mistakes one topic's folder for another's, whatever it thinks of capitals and length. */
  const nameOf = (topic: string): string => createHash("sha256").update(topic).digest("hex").slice(0, 32);

  const sizeOf = (contents: readonly Uint8Array[]): number =>
    contents.reduce((sum, content) => sum + framedSize(content), 0);
  /** Bytes that more may be set aside. */
  const left = (): number => options.maxBytes * SHARE - bytes();

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

  /** What was read, without what is or was on its way. */
  const readable = (aside: Aside, spool: Spool, first: number, contents: readonly Buffer[]): Numbered => {
    const numbers: number[] = [];
    const records: OutgoingRecord[] = [];
    for (const [at, content] of contents.entries()) {
      const number = first + at;
      if (aside.flying.delete(number)) continue;
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

  /** All of it has gone: the topic's next records go to Kafka as others do. */
  const finish = (aside: Aside, spool: Spool): void => {
    asides.delete(aside.topic);
    const name = nameOf(aside.topic);
    const removed = spool
      .close()
      .then(() => rm(path.join(folder, name), { recursive: true, force: true }))
      // What is left of it holds nothing.
      .catch(() => undefined)
      .finally(() => leaving.delete(name));
    leaving.set(name, removed);
    changed();
  };

  const drain = async (aside: Aside, before: Numbered | undefined): Promise<void> => {
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
      if (entries) await deliver(aside, spool, readable(aside, spool, entries.first, entries.contents));
      else if (spool.count === 0 && aside.users === 0) return finish(aside, spool);
      else await change();
    }
  };

  const start = (topic: string, why: Error, refusals: number, opened: Aside["opened"], before?: Numbered): Aside => {
    const aside: Aside = {
      topic,
      opened,
      spool: undefined,
      why,
      refusals,
      users: 0,
      moved: -1,
      flying: new Set(),
      pending: [],
    };
    asides.set(topic, aside);
    const work = opened.then((spool) => {
      aside.spool = spool;
      return drain(aside, before);
    });
    working.add(work);
    void work.finally(() => working.delete(work));
    return aside;
  };

  const append = async (
    aside: Aside,
    spool: Spool,
    entries: Numbered,
    contents: readonly Buffer[],
  ): Promise<boolean> => {
    if (contents.length === 0) return true;
    aside.moved = entries.numbers[contents.length - 1]!;
    return spool.append(contents).durable.then(
      () => true,
      () => false,
    );
  };

  /** Keeps an aside from being taken for finished meanwhile. */
  const using = async <T>(topic: string, work: (aside: Aside, spool: Spool) => Promise<T>, none: T): Promise<T> => {
    const aside = asides.get(topic);
    if (!aside) return none;
    aside.users++;
    try {
      const spool = await aside.opened;
      return spool ? await work(aside, spool) : none;
    } finally {
      aside.users--;
      changed();
    }
  };

  /** Goes on with a folder that an earlier process has left. */
  const restore = async (name: string): Promise<void> => {
    const spool = await openSpool(name);
    const why = new Error("What was set aside before the restart is tried again");
    for (let entries = await spool.read(GROUP); entries; entries = await spool.read(GROUP)) {
      const known = { flying: new Set<number>() } as Aside;
      const before = readable(known, spool, entries.first, entries.contents);
      const topic = before.records[0]?.topic;
      if (topic === undefined) continue;
      const moved = (await spool.last())?.readDoubleLE(0) ?? -1;
      start(topic, why, 0, Promise.resolve(spool), before).moved = moved;
      options.moved(moved);
      return;
    }
    await spool.close();
    await rm(path.join(folder, name), { recursive: true, force: true });
  };
  signal.addEventListener("abort", changed);
  for (const name of await readdir(folder).catch(() => [])) await restore(name);

  return {
    has: (topic) => asides.has(topic),
    block(topic, why, refusals, until) {
      if (!asides.has(topic)) {
        if (asides.size >= MOST_TOPICS || signal.aborted) return false;
        const name = nameOf(topic);
        const opened = (leaving.get(name) ?? Promise.resolve()).then(() => untilDone(() => openSpool(name)));
        start(topic, why, refusals, opened);
        for (const blocked of listeners.get(topic) ?? []) blocked();
        listeners.delete(topic);
      }
      const aside = asides.get(topic);
      if (until && aside) {
        aside.users++;
        void until.finally(() => {
          aside.users--;
          changed();
        });
      }
      return true;
    },
    onBlocked(topic, blocked) {
      const own = listeners.get(topic) ?? new Set();
      listeners.set(topic, own.add(blocked));
      return () => {
        own.delete(blocked);
        if (own.size === 0 && listeners.get(topic) === own) listeners.delete(topic);
      };
    },
    holds: (topic, number) => number <= (asides.get(topic)?.moved ?? -1),
    isEmpty: (topic) => (asides.get(topic)?.spool?.count ?? 0) === 0,
    append(topic, number, records) {
      const aside = asides.get(topic);
      const contents = records.map((record) => encode(number, record));
      if (!aside?.spool || sizeOf(contents) > left()) return undefined;
      aside.moved = number;
      return aside.spool.append(contents).durable;
    },
    put: (topic, entries) =>
      using(
        topic,
        async (aside, spool) => {
          const contents: Buffer[] = [];
          let room = left();
          for (const [at, record] of entries.records.entries()) {
            const content = encode(entries.numbers[at]!, record);
            room -= framedSize(content);
            if (room < 0) break;
            contents.push(content);
          }
          return (await append(aside, spool, entries, contents)) ? contents.length : 0;
        },
        0,
      ),
    adopt: (topic, entries, sent) =>
      using(
        topic,
        async (aside, spool) => {
          const contents = entries.records.map((record, at) => encode(entries.numbers[at]!, record));
          if (sizeOf(contents) > left()) return false;
          const first = spool.end;
          const numbers = contents.map((_, at) => first + at);
          for (const number of numbers) aside.flying.add(number);
          aside.pending.push({ numbers, records: entries.records, sent });
          return append(aside, spool, entries, contents);
        },
        false,
      ),
    room: change,
    get topics() {
      return asides.keys();
    },
    get size() {
      return asides.size;
    },
    get bytes() {
      return bytes();
    },
    get count() {
      return [...asides.values()].reduce((sum, { spool }) => sum + (spool?.count ?? 0), 0);
    },
    get why() {
      const [first] = asides.values();
      return first?.why;
    },
    async close() {
      await Promise.all([...working, ...leaving.values()]);
      for (const { opened } of asides.values()) await (await opened)?.close();
    },
  };
};
