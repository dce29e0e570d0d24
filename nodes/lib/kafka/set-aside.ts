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
import { framedSize, framedSizes } from "../spool/frames";
import { Spool } from "../spool/spool";
import { encodeAside, GROUP, makeDrain, numberOf, type Aside, type AsideOptions, type Numbered } from "./aside-drain";
import type { Outcome, OutgoingRecord } from "./port";

/** Topics set aside at a time; further ones hold the row up. */
const MOST_TOPICS = 64;
/** Of the spool's bytes, what may be set aside. */
const SHARE = 0.5;
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

/** Opens what an earlier process has set aside, and goes on with it. @throws ConfigError when a folder can't be used */
export const openAsides = async (options: AsideOptions): Promise<Asides> => {
  const { signal, untilDone } = options;
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

  /** Bytes that more may be set aside. */
  const left = (): number => options.maxBytes * SHARE - bytes();

  /** All of it has gone: the topic's next records go to Kafka as others do. */
  const finish = (aside: Aside, spool: Spool): void => {
    asides.delete(aside.topic);
    const { name } = aside;
    const removed = spool
      .close()
      .then(() => rm(path.join(folder, name), { recursive: true, force: true }))
      // What is left of it holds nothing.
      .catch(() => undefined)
      .finally(() => leaving.delete(name));
    leaving.set(name, removed);
    changed();
  };

  const { drain, readable } = makeDrain({ ...options, changed }, change, finish);

  const start = (
    { topic, name, why, opened }: Pick<Aside, "topic" | "name" | "why" | "opened">,
    refusals: number,
    before?: Numbered,
  ): Aside => {
    const aside: Aside = {
      topic,
      name,
      opened,
      why,
      refusals,
      flying: new Set(),
      spool: undefined,
      users: 0,
      moved: -1,
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
    for (let entries = await spool.read(GROUP); entries; entries = await spool.read(GROUP)) {
      const before = readable(new Set(), spool, entries.first, entries.contents);
      const topic = before.records[0]?.topic;
      if (topic === undefined) continue;
      const last = await spool.last();
      const moved = last ? numberOf(last) : -1;
      const why = new Error(`Topic "${topic}": what was set aside before the restart is tried again`);
      start({ topic, name, why, opened: Promise.resolve(spool) }, 0, before).moved = moved;
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
        start({ topic, name, why, opened }, refusals);
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
      const contents = records.map((record) => encodeAside(number, record));
      if (!aside?.spool || framedSizes(contents) > left()) return undefined;
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
            const content = encodeAside(entries.numbers[at]!, record);
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
          const contents = entries.records.map((record, at) => encodeAside(entries.numbers[at]!, record));
          if (framedSizes(contents) > left()) return false;
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
