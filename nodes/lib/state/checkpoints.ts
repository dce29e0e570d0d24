/** When checkpoints are written, and who waits for them. */
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { countOf } from "../batch";
import type { Delivery, Hold, Message, Retained } from "../delivery/contract";
import { asError, Retriable } from "../errors";
import { sizeOf } from "../stream/size";

export interface Surroundings {
  hold(message: Message, hold: Hold): () => void;
  retain(message: Message, hold: Hold): Retained | undefined;
  emissionsOf: Delivery["emissionsOf"];
  /** The disk refuses: records wait; undefined: it works again. */
  trouble(error: Error | undefined): void;
}

/** How long a checkpoint, or the folder, that failed is left alone, ms. */
const AGAIN = 1000;

/** Records that go on in one turn of the event loop: about 1 ms. */
const RELEASED = 128;

/**
 * So many messages do not wait for the interval. What waits for a second has outlived two scavenges, and what thousands of messages are
 * retained with then fills V8's old space: whole collections every second or two, and all that comes meanwhile is late
 * (docs/decisions/short-lived-objects.md).
 */
const MANY = 100;
/** But who sets a longer interval spares his disk: there is at least this part of it between two checkpoints … */
const SOONEST = 0.1;
/** … and a slow disk has this part of the time at most. */
const MOST_WRITING = 0.1;

/** What a message weighs while it is held. */
export const weightOf = (message: Message): Pick<Hold, "records" | "bytes"> => ({
  records: countOf(message),
  bytes: sizeOf(message.payload),
});

export class Checkpoints {
  /** For the next checkpoint, and for the one that is being written. */
  private waiting: Retained[] = [];
  private written: Retained[] | undefined;
  /** Something is to be written that nobody waits for. */
  private wanted = false;
  private timer: NodeJS.Timeout | undefined;
  /** When it fires, and when many messages may have the next one; by `performance.now()`. */
  private due = 0;
  private earliest = 0;
  private writing: Promise<void> | undefined;
  private readonly closing = new AbortController();
  private failing = false;
  /** Somebody can't wait for the interval. */
  private urgent = false;

  /**
   * @param interval longest time from a record to the checkpoint that holds it, ms; it is shorter where many wait
   * @param write writes all that is to be written; where it rejects, that stays to be written
   */
  constructor(
    private readonly interval: number,
    private readonly around: Pick<Surroundings, "retain" | "trouble">,
    private readonly write: () => Promise<void>,
  ) {}

  /** The checkpoint that is being written. */
  get present(): Promise<void> | undefined {
    return this.writing;
  }

  /**
   * What a message's records have changed is to be written: they are not finished before. A message that nothing tracks is not
   * either: resolves when it is written; undefined for others, which may be completed at once.
   *
   * @param now it can't wait for the interval
   * @param counts the source waits too
   * @throws Retriable when it can't be written
   */
  retain(
    message: Message,
    { now, counts }: { readonly now: boolean; readonly counts: boolean },
  ): Promise<void> | undefined {
    const wait = this.into(this.waiting, message, counts);
    if (now) this.hurry();
    else this.soon(this.patience);
    return wait;
  }

  /** The same where its records have changed nothing, but may be such that have: they wait for the checkpoint that is being written. */
  retainPresent(message: Message): Promise<void> | undefined {
    return this.written && this.into(this.written, message, false);
  }

  private into(list: Retained[], message: Message, counts: boolean): Promise<void> | undefined {
    const hold = { gathers: true, relieve: this.hurry, ...weightOf(message), ...(counts && { counts }) } as const;
    const retained = this.around.retain(message, hold);
    if (!retained) return new Promise((release, fail) => void list.push({ release, fail }));
    list.push(retained);
    return undefined;
  }

  private readonly hurry = (): void => {
    this.urgent = true;
    this.soon(0);
  };

  /** How long what waits may wait on, ms. */
  private get patience(): number {
    if (this.waiting.length < MANY) return this.interval;
    return Math.min(this.interval, Math.max(0, this.earliest - performance.now()));
  }

  /** There is something to write that nobody waits for. */
  want(): void {
    this.wanted = true;
    this.soon(this.interval);
  }

  /**
   * Opens a folder: again and again, until it can be used. Records wait meanwhile; were they refused, they would come again
   * in another order, and some would be late, or change what is said of others.
   * @throws Retriable when it is closed before
   */
  async untilOpen<T>(open: () => Promise<T>): Promise<T> {
    const { signal } = this.closing;
    for (;;) {
      try {
        const opened = await open();
        this.told(undefined);
        return opened;
      } catch (error) {
        if (!signal.aborted) this.told(asError(error));
        await sleep(AGAIN, undefined, { signal }).catch(() => undefined);
      }
      if (signal.aborted) throw new Retriable("the node was closed", { unreachable: true });
    }
  }

  /** @param opened what must have ended before something can be written */
  async close(opened: Promise<void> | undefined, more: () => boolean): Promise<void> {
    clearTimeout(this.timer);
    this.closing.abort();
    await opened?.catch(() => undefined);
    // What has waited for the folder is at work before the last checkpoint, and in it.
    await turn();
    await this.writing;
    if (more()) await this.checkpoint();
    const failure = new Retriable("the node was closed before its state could be kept", { unreachable: true });
    for (const { fail } of this.waiting.splice(0)) fail(failure);
  }

  private told(error: Error | undefined): void {
    if (error || this.failing) this.around.trouble(error);
    this.failing = error !== undefined;
  }

  private soon(ms: number): void {
    if (this.closing.signal.aborted || this.writing) return;
    const at = performance.now() + ms;
    if (this.timer && at >= this.due) return;
    clearTimeout(this.timer);
    this.due = at;
    this.timer = setTimeout(() => this.begin(), ms);
  }

  private begin(): void {
    const begun = performance.now();
    this.timer = undefined;
    this.urgent = false;
    this.writing = this.checkpoint().finally(() => {
      const now = performance.now();
      this.earliest = now + Math.max(this.interval * SOONEST, (now - begun) / MOST_WRITING);
      this.writing = undefined;
      if (this.waiting.length > 0 || this.wanted) this.soon(this.urgent ? 0 : this.patience);
    });
  }

  private async checkpoint(): Promise<void> {
    const { waiting: written, wanted } = this;
    this.written = written;
    this.waiting = [];
    this.wanted = false;
    try {
      await this.write();
      this.told(undefined);
      // Were all to go on at once, records that come would stand for long.
      for (const [n, retained] of written.entries()) {
        if (n > 0 && n % RELEASED === 0) await turn();
        retained.release();
      }
    } catch (error) {
      this.written = undefined;
      this.waiting = [...written, ...this.waiting];
      this.wanted ||= wanted;
      this.told(asError(error));
      await sleep(AGAIN, undefined, { signal: this.closing.signal }).catch(() => undefined);
    } finally {
      this.written = undefined;
    }
  }
}
