/**
 * Sends letters through the flow again as a delivery source: so many at a time, each taken out of its store when the flow
 * below has finished it. One that fails again is stored again, its tries counted on, before the old one is taken out.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { batchOf, isRecord } from "../batch";
import { backOff } from "../back-off";
import { withOriginal, withoutLetter } from "../delivery/originals";
import type { DeadLetter, DeadLetters, DeliverySource, Emission, Message, Verdict } from "../delivery/contract";
import type { Letter, LetterStore, LetterSummary } from "./store";

/** What a replayed message says of the letter it was, in `msg.deadLetter`. */
export interface Replayed {
  readonly id: string;
  readonly time: string;
  readonly error: Letter["error"];
  readonly node?: Letter["node"];
  readonly attempts: number;
}

export interface ReplayEvents {
  /** Letters went or came back. */
  changed(): void;
  /** The store can be used (undefined) or why not. */
  trouble(error: Error | undefined): void;
}

export interface Replays {
  /** For the source's options: letters that fail again come back. */
  readonly deadLetters: DeadLetters;
  readonly size: number;
  has(id: string): boolean;
  /** Keeps a letter from being replayed meanwhile. */
  whileHeld<T>(id: string, work: () => Promise<T>): Promise<T>;
  /** Flows run. */
  running(source: DeliverySource): void;
  add(letters: Iterable<Pick<LetterSummary, "id" | "bytes">>): number;
  /** What is not sent yet stays where it is. */
  close(): void;
}

interface Origin {
  readonly letter: Letter;
  /** Part of a batch. */
  readonly part: boolean;
}

/** @param inFlight letters that the flow may work on at a time */
export function replays(store: LetterStore, inFlight: number, events: ReplayEvents): Replays {
  const replaying = new Set<string>();
  /** Letters of which parts came back under ids of their own. */
  const splits = new Set<string>();
  const origins = new WeakMap<Message, Origin>();
  const closing = new AbortController();
  let queue: { readonly id: string; readonly bytes: number }[] = [];
  /** How many of the queue have gone. */
  let gone = 0;
  let flying = 0;
  let source: DeliverySource | undefined;

  const emissionOf = (make: () => Letter, bytes: number): Emission => ({
    records: batchOf(make().message)?.length ?? 1,
    bytes,
    originals(elements) {
      const all = make().originals ?? [];
      return elements ? elements.map((index) => all[index] ?? {}) : all;
    },
    message(elements) {
      const letter = make();
      const { id, time, error, node, attempts, message } = letter;
      const about: Replayed = { id, time, error, ...(node && { node }), attempts };
      const batch = batchOf(message);
      const { originals = [] } = letter;
      const made = withOriginal({ ...message, deadLetter: about }, batch ? undefined : originals[0]);
      if (batch) {
        const all = batch.map((element, index) =>
          isRecord(element) ? withOriginal(element, originals[index]) : element,
        );
        made.payload = elements === undefined ? all : elements.map((index) => all[index]);
      }
      origins.set(made, { letter, part: elements !== undefined });
      return made;
    },
  });

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
    flying -= 1;
    replaying.delete(id);
    events.changed();
    pump();
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

  return {
    deadLetters: {
      async write(letters: readonly DeadLetter[]) {
        await store.write(
          letters.map((letter) => {
            const origin = origins.get(letter.message);
            if (origin === undefined) return letter;
            const message = withoutLetter(letter.message);
            if (origin.part) splits.add(origin.letter.id);
            return {
              ...letter,
              id: origin.part ? (letter.id ?? randomUUID()) : origin.letter.id,
              message,
              attempts: origin.letter.attempts + letter.attempts,
            };
          }),
        );
        events.changed();
      },
      close: () => Promise.resolve(),
    },
    get size() {
      return replaying.size;
    },
    has: (id) => replaying.has(id),
    async whileHeld(id, work) {
      replaying.add(id);
      try {
        return await work();
      } finally {
        replaying.delete(id);
      }
    },
    running(delivery) {
      source = delivery;
      pump();
    },
    add(letters) {
      let count = 0;
      for (const { id, bytes } of letters) {
        replaying.add(id);
        queue.push({ id, bytes });
        count += 1;
      }
      pump();
      return count;
    },
    close() {
      closing.abort();
      queue = [];
      gone = 0;
    },
  };
}
