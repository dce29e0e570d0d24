/** What may be done with the letters of a store: list, read, edit, replay, discard. */
import type { DeadLetters, DeliverySource } from "../delivery/contract";
import { decode, letterOf } from "../delivery/dead-letter-format";
import { withoutLetter } from "../delivery/originals";
import { messageOf, Rejected } from "../errors";
import { matcher, type LetterFilter } from "./filter";
import { replays } from "./replay";
import { isUnchanged, selections } from "./selections";
import type { Letter, LetterStore, LetterSummary } from "./store";

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

/** Letters that were counted: `discardSelection` means these and no others. */
export interface Selection {
  readonly selection: string;
  readonly count: number;
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
  /** Counts what `discard` would take, for somebody to confirm. */
  select(filter: LetterFilter): Promise<Selection>;
  /**
   * Discards what was counted: nothing that came since, was edited since or has failed again since. Returns how many.
   * @throws Rejected when it is not known any more: after a restart or a quarter of an hour
   */
  discardSelection(selection: string): Promise<number>;
  /** Changes a letter's message. @throws Rejected when it is not there or is being replayed */
  edit(id: string, message: unknown): Promise<void>;
  close(): Promise<void>;
}

/** How long a look at the store is believed, in ms. */
const FRESH = 200;

export function letterDesk(store: LetterStore, inFlight: number, events: DeskEvents): Desk {
  const counted = selections();
  const replaying = replays(store, inFlight, {
    changed() {
      looked = -Infinity;
      events.changed();
    },
    trouble: events.trouble,
  });
  let looked = -Infinity;

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
  const lookNow = (): Promise<void> => {
    looked = -Infinity;
    return look();
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

  const takeOut = async (ids: readonly string[]): Promise<number> => {
    await store.done(ids);
    events.changed();
    return ids.length;
  };

  return {
    deadLetters: replaying.deadLetters,
    get replaying() {
      return replaying.size;
    },
    running: (delivery) => replaying.running(delivery),
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
      await lookNow();
      const count = replaying.add([...chosen(filter, most)]);
      events.changed();
      return count;
    },
    async discard(filter, most) {
      await lookNow();
      return takeOut([...chosen(filter, most)].map(({ id }) => id));
    },
    async select(filter) {
      await lookNow();
      const letters = [...chosen(filter)];
      return { selection: counted.keep(letters), count: letters.length };
    },
    async discardSelection(selection) {
      const before = counted.take(selection);
      if (before === undefined)
        throw new Rejected("what was counted is not known any more: look again and discard then");
      await lookNow();
      const meant = new Map(before.map((letter) => [letter.id, letter]));
      const left = [...chosen({})].filter((letter) => {
        const known = meant.get(letter.id);
        return known !== undefined && isUnchanged(known, letter);
      });
      return takeOut(left.map(({ id }) => id));
    },
    async edit(id, value) {
      await look();
      if (replaying.has(id)) throw new Rejected(`letter ${id} is being replayed; wait until that has ended`);
      await replaying.whileHeld(id, async () => {
        const make = await store.read(id);
        if (make === undefined) throw new Rejected(`there is no letter ${id}: it was replayed or discarded`);
        const message = decode(value);
        if (typeof message !== "object" || message === null || Array.isArray(message) || !("payload" in message))
          throw new Rejected("message: give an object with a payload");
        await store.write([{ ...letterOf(make()), id, message: withoutLetter(message) }]);
      });
      looked = -Infinity;
      events.changed();
    },
    async close() {
      replaying.close();
      await store.close().catch((error: unknown) => events.trouble(new Error(messageOf(error))));
    },
  };
}
