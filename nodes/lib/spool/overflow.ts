/**
 * Messages that wait: in memory up to a bound, beyond it on disk, those first that will leave last. What of a message can't be written
 * stays in it; the message object itself stays too, emptied, since its sender and the delivery ledger know it by identity.
 */
import { InMemory, type Resident } from "../stream/priority/in-memory";
import { pack, unpack } from "./contents";
import type { Stash, Ticket } from "./stash";

/** A message that waits. */
export interface Waiting extends Resident {
  readonly message: Record<string, unknown>;
  /** Where the rest of it is, once it went to disk. */
  ticket?: Ticket | undefined;
}

export interface OverflowOptions<T> {
  /** How many classes there are. */
  readonly levels: number;
  /** Bytes that may be in memory. */
  readonly memoryBytes: number;
  /** Names of properties that stay in the message. */
  readonly keep: ReadonlySet<string>;
  /** Opens the disk at the first need; undefined: there is none, or it can't be used. */
  open(): Promise<Stash | undefined>;
  /** A message goes to disk: what else refers to its content should let go of it. */
  leaving(one: T): void;
}

export class Overflow<T extends Waiting> {
  private readonly memory: InMemory<T>;
  private stash: Stash | undefined;
  private opening: Promise<void> | undefined;
  /** Messages on disk. */
  stored = 0;

  constructor(private readonly options: OverflowOptions<T>) {
    this.memory = new InMemory(options.levels);
  }

  /** Bytes and messages in memory. */
  get memoryBytes(): number {
    return this.memory.bytes;
  }
  get memoryCount(): number {
    return this.memory.count;
  }
  get diskBytes(): number {
    return this.stash?.bytes ?? 0;
  }
  /** Memory is over its bound and nothing more can go to disk. */
  get full(): boolean {
    return this.memory.bytes > this.options.memoryBytes && this.opening === undefined;
  }

  add(one: T): void {
    this.memory.add(one);
    this.spill();
  }

  /** It leaves: undefined when it is whole, else a promise of that. Rejects when its content can't be read. */
  fetch(one: T): Promise<void> | undefined {
    this.memory.remove(one);
    const { ticket } = one;
    if (!ticket) return undefined;
    const { stash } = this;
    return (async () => {
      try {
        if (stash) unpack(await stash.get(ticket), one.message);
      } finally {
        this.drop(one);
      }
    })();
  }

  /** It is not needed any more. */
  drop(one: T): void {
    this.memory.remove(one);
    const { ticket } = one;
    if (!ticket) return;
    one.ticket = undefined;
    this.stored--;
    this.stash?.free(ticket);
  }

  /** Opens the disk now, which removes what a killed process has left there. */
  prepare(): void {
    this.opening ??= this.options.open().then((stash) => {
      this.stash = stash;
      this.opening = undefined;
      this.spill();
    });
  }

  async close(): Promise<void> {
    await this.opening;
    await this.stash?.close();
  }

  private opened = false;

  private spill(): void {
    const { memory, options } = this;
    if (memory.bytes <= options.memoryBytes) return;
    const { stash } = this;
    if (!stash) {
      if (!this.opened) this.prepare();
      this.opened = true;
      return;
    }
    while (memory.bytes > options.memoryBytes) {
      const one = memory.pop();
      if (!one) return;
      if (!stash.fits(one.bytes)) {
        memory.putBack(one);
        return;
      }
      const packed = pack(one.message, options.keep);
      // What can't be written stays in memory, and in its count, until its turn.
      if (!packed) continue;
      options.leaving(one);
      for (const name of packed.names) delete one.message[name];
      one.ticket = stash.put(packed.bytes);
      this.stored++;
      memory.remove(one);
    }
  }
}
