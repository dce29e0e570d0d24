/**
 * Replays letters as a delivery source: a letter leaves its store only when the flow below has finished it. One that fails
 * again is stored again, its tries counted on, before the old one is taken out.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { batchOf } from "../batch";
import { backOff } from "../back-off";
import type { DeadLetter, DeadLetters, DeliverySource, Emission, Message, Verdict } from "../delivery/contract";
import { decode, letterOf } from "../delivery/dead-letter-format";
import { messageOf, Rejected } from "../errors";
import { matcher, type LetterFilter } from "./filter";
import type { Letter, LetterStore, LetterSummary } from "./store";

/** What a replayed message says of the letter it was, in `msg.deadLetter`. */
export interface Replayed {
  readonly id: string;
  readonly time: string;
  readonly error: Letter["error"];
  readonly node?: Letter["node"];
  readonly attempts: number;
}

export interface DeskEvents {
  /** Letters came, went or are replayed. */
  changed(): void;
  /** The store can be used (undefined) or why not. */
  trouble(error: Error | undefined): void;
}

/** Letters in a list. */
export interface Page {
  readonly letters: readonly (LetterSummary & { readonly replaying?: true })[];
  /** How many match. */
  readonly total: number;
  /** How many there are. */
  readonly size: number;
  /** There are more than can be listed. */
  readonly more: boolean;
  readonly replaying: number;
}

export interface Desk {
  /** For the source's options: letters that fail again come back. */
  readonly deadLetters: DeadLetters;
  readonly replaying: number;
  /** Flows run. */
  running(source: DeliverySource): void;
  /** Looks for letters that have come. */
  look(): Promise<void>;
  /** @param newest the newest first */
  list(filter: LetterFilter, first: number, most: number, newest?: boolean): Promise<Page>;
  read(id: string): Promise<Letter | undefined>;
  /** Replays what matches, the oldest first. Returns how many were taken on. */
  replay(filter: LetterFilter, most?: number): Promise<number>;
  /** Takes what matches out of the store for good. Letters that are being replayed stay. Returns how many. */
  discard(filter: LetterFilter, most?: number): Promise<number>;
  /** Changes a letter's message. @throws Rejected when it is not there or is being replayed */
  edit(id: string, message: unknown): Promise<void>;
  close(): Promise<void>;
}

interface Origin {
  readonly letter: Letter;
  /** Part of a batch. */
  readonly part: boolean;
}

/** How long a look at the store is believed, in ms. */
const FRESH = 200;

export function letterDesk(store: LetterStore, inFlight: number, events: DeskEvents): Desk {
  const replaying = new Set<string>();
  /** Letters of which parts came back under ids of their own. */
  const splits = new Set<string>();
  const origins = new WeakMap<Message, Origin>();
  const closing = new AbortController();
  let queue: { readonly id: string; readonly bytes: number }[] = [];
  /** How many of the queue have gone. */
  let gone = 0;
  let flying = 0;
  let looked = -Infinity;
  let source: DeliverySource | undefined;

  const look = async (): Promise<void> => {
    if (performance.now() - looked < FRESH) return;
    try {
      await store.refresh();
      looked = performance.now();
      events.trouble(undefined);
    } catch (error) {
      events.trouble(error as Error);
      throw error;
    }
  };

  const emissionOf = (make: () => Letter, bytes: number): Emission => ({
    records: batchOf(make().message)?.length ?? 1,
    bytes,
    message(elements) {
      const letter = make();
      const { id, time, error, node, attempts, message } = letter;
      const about: Replayed = { id, time, error, ...(node && { node }), attempts };
      const made: Message = { ...message, deadLetter: about };
      if (elements !== undefined && Array.isArray(message.payload)) {
        const payload = message.payload as unknown[];
        made.payload = elements.map((index) => payload[index]);
      }
      origins.set(made, { letter, part: elements !== undefined });
      return made;
    },
  });

  const leave = (id: string): void => {
    flying -= 1;
    replaying.delete(id);
    events.changed();
    pump();
  };

  /** Letters to take out, and who waits for it: those that end at the same time share one write. */
  let ended: { readonly id: string; readonly out: () => void }[] = [];
  let takingOut = false;

  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal: closing.signal }).catch(() => undefined);

  /** Goes on trying until the store knows. What it does not know when the node closes comes again. */
  const takeOutAll = async (): Promise<void> => {
    for (let failures = 0; ended.length > 0;) {
      const batch = [...ended];
      try {
        await store.done(batch.map(({ id }) => id));
        if (failures > 0) events.trouble(undefined);
        failures = 0;
        ended = ended.slice(batch.length);
        for (const { out } of batch) out();
      } catch (error) {
        if (closing.signal.aborted) return;
        events.trouble(error as Error);
        await pause(250 + backOff(failures++, 500, 30_000));
      }
    }
  };

  const takeOut = (id: string): Promise<void> =>
    new Promise((resolve) => {
      ended.push({ id, out: resolve });
      if (takingOut) return;
      takingOut = true;
      void takeOutAll().finally(() => (takingOut = false));
    });

  const landed = async (id: string, verdict: Verdict, split: boolean): Promise<void> => {
    if (verdict === "delivered" || (verdict === "dead-lettered" && split)) await takeOut(id);
    leave(id);
  };

  const start = async (one: (typeof queue)[number]): Promise<void> => {
    const { id, bytes } = one;
    let make: (() => Letter) | undefined;
    try {
      make = await store.read(id);
    } catch (error) {
      events.trouble(error as Error);
    }
    if (make === undefined || source?.running !== true) {
      if (make !== undefined && !closing.signal.aborted) queue.push(one);
      flying -= 1;
      if (make === undefined) replaying.delete(id);
      return;
    }
    source.deliver(emissionOf(make, bytes), (verdict) => void landed(id, verdict, splits.delete(id)));
  };

  const pump = (): void => {
    if (source?.running !== true || closing.signal.aborted) return;
    for (let next = queue[gone]; next !== undefined && flying < inFlight; next = queue[gone]) {
      flying += 1;
      gone += 1;
      void start(next).then(() => flying < inFlight && gone < queue.length && setImmediate(pump));
    }
    if (gone === queue.length) {
      queue = [];
      gone = 0;
    }
  };

  const chosen = function* (filter: LetterFilter, most = Infinity): Generator<LetterSummary> {
    const matches = matcher(filter);
    let count = 0;
    for (const letter of store.letters()) {
      if (replaying.has(letter.id) || !matches(letter)) continue;
      if (++count > most) return;
      yield letter;
    }
  };

  return {
    deadLetters: {
      async write(letters: readonly DeadLetter[]) {
        await store.write(
          letters.map((letter) => {
            const origin = origins.get(letter.message);
            if (origin === undefined) return letter;
            const { deadLetter: _about, ...message } = letter.message;
            if (origin.part) splits.add(origin.letter.id);
            return {
              ...letter,
              id: origin.part ? (letter.id ?? randomUUID()) : origin.letter.id,
              message,
              attempts: origin.letter.attempts + letter.attempts,
            };
          }),
        );
        looked = -Infinity;
        events.changed();
      },
      close: () => Promise.resolve(),
    },
    get replaying() {
      return replaying.size;
    },
    running(delivery) {
      source = delivery;
      pump();
    },
    look,
    async list(filter, first, most, newest = false) {
      await look();
      const matches = matcher(filter);
      const found = [...store.letters()].filter(matches);
      found.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
      if (newest) found.reverse();
      return {
        letters: found
          .slice(first, first + most)
          .map((letter) => (replaying.has(letter.id) ? { ...letter, replaying: true as const } : letter)),
        total: found.length,
        size: store.size,
        more: store.more,
        replaying: replaying.size,
      };
    },
    async read(id) {
      await look();
      return (await store.read(id))?.();
    },
    async replay(filter, most) {
      looked = -Infinity;
      await look();
      let count = 0;
      for (const { id, bytes } of chosen(filter, most)) {
        replaying.add(id);
        queue.push({ id, bytes });
        count += 1;
      }
      events.changed();
      pump();
      return count;
    },
    async discard(filter, most) {
      looked = -Infinity;
      await look();
      const ids = [...chosen(filter, most)].map(({ id }) => id);
      await store.done(ids);
      events.changed();
      return ids.length;
    },
    async edit(id, value) {
      await look();
      if (replaying.has(id)) throw new Rejected(`letter ${id} is being replayed; wait until that has ended`);
      const make = await store.read(id);
      if (make === undefined) throw new Rejected(`there is no letter ${id}: it was replayed or discarded`);
      const message = decode(value);
      if (typeof message !== "object" || message === null || Array.isArray(message) || !("payload" in message))
        throw new Rejected("message: give an object with a payload");
      replaying.add(id);
      try {
        const { deadLetter: _about, ...kept } = message as Message;
        await store.write([{ ...letterOf(make()), id, message: kept }]);
      } finally {
        replaying.delete(id);
      }
      looked = -Infinity;
      events.changed();
    },
    async close() {
      closing.abort();
      queue = [];
      gone = 0;
      await store.close().catch((error: unknown) => events.trouble(new Error(messageOf(error))));
    },
  };
}
