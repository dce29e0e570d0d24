/**
 * How one writer of a lane at a time publishes where there is no rename: by a log of numbered entries, each created
 * once. Whoever creates the next number has published; all others find it taken, and know that the lane has gone on
 * without them. An entry names a file that is complete under a temporary name, and is carried out by copying it to its
 * final name, which anybody may do again. So a writer that died between the two leaves nothing half done, and one that
 * was paused, however long, publishes nothing more.
 */
import { randomUUID } from "node:crypto";
import { asError } from "../errors";
import { Fenced } from "./fenced";
import { indexName, type OffsetIndex } from "./stored";
import { type ObjectStore, StoreError, isProblem, readAll } from "./store";

/** A file that is published: what its entry says. */
export interface Committed {
  readonly temporary: string;
  readonly directory: string;
  readonly name: string;
  /** Exact offsets, and the digest of the node for its name. */
  readonly index?: { readonly node: string; readonly content: OffsetIndex } | undefined;
}

interface LogEntry {
  /** Whose it is. */
  readonly claim: string;
  /** Entries up to this number have been carried out. */
  readonly settled: number;
  /** Absent: the entry takes the lane over. */
  readonly file?: Committed;
}

/** A lane in the hands of one writer. */
export interface Hold {
  readonly claim: string;
  /** Number of the entry that took the lane over. */
  readonly number: number;
  /** Number of the next entry. */
  next: number;
  /** When the log was last known to end here, ms since the epoch. */
  seen: number;
  /** Numbers of own entries that are not carried out. */
  readonly open: Map<number, Committed>;
}

/** An entry older than this is removed; a writer that has appended nothing for `TRUSTED` looks at the log before it does. */
const KEPT = 24 * 3_600_000;
const TRUSTED = 3_600_000;
/** Entries between two sweeps. */
const SWEEP = 1_000;

const pathOf = ({ directory }: Pick<Committed, "directory">, name: string): string =>
  directory === "" ? name : `${directory}/${name}`;
const named = (number: number): string => String(number).padStart(10, "0");

export class CommitLog {
  private held: Promise<Hold> | undefined;
  /** Entries are appended one after the other. */
  private tail: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly store: ObjectStore,
    private readonly folder: string,
  ) {}

  /** Takes the lane over, and carries out what its last writer had published. A failure is not kept. */
  claim(): Promise<Hold> {
    this.held ??= this.takeOver().catch((error: unknown) => {
      this.held = undefined;
      throw asError(error);
    });
    return this.held;
  }

  /** Another writer has taken the lane over: the next claim takes it again. */
  lost(): void {
    this.held = undefined;
  }

  /** Where a hold's temporary files lie. */
  temporary({ claim, number }: Hold, name: string): string {
    return `${this.folder}/data/${named(number)}-${claim}/${name}`;
  }

  /**
   * Publishes a file: it is the lake's from now on, under its name once `settle` has been called.
   * A file whose temporary name is in the log already is not published again.
   * @param nameOf names it, `copy` counting up while a name is taken
   * @throws Fenced when the lane has another writer
   */
  commit(hold: Hold, file: Omit<Committed, "name">, nameOf: (copy: number) => string): Promise<Committed> {
    const done = this.tail.then(() => this.append(hold, file, nameOf));
    this.tail = done.catch(() => undefined);
    return done;
  }

  /**
   * Carries out an entry of a hold; doing it again does no harm.
   * @throws Fenced when neither the file nor its temporary one is there: somebody has removed it since
   */
  async settle(file: Committed, hold: Hold): Promise<void> {
    if (!(await this.carryOut(file)) && !(await this.store.stat(pathOf(file, file.name)))) throw new Fenced();
    for (const [number, { temporary }] of hold.open) if (temporary === file.temporary) hold.open.delete(number);
  }

  /** @returns false when the temporary file is gone, as it is once this has been done */
  private async carryOut(file: Committed): Promise<boolean> {
    const { temporary, index } = file;
    if (index) {
      const content = Buffer.from(JSON.stringify(index.content));
      await this.store.put(pathOf(file, indexName(file.name, index.node)), [content]);
    }
    const copied = await this.store.copy(temporary, pathOf(file, file.name));
    if (copied) await this.store.remove(temporary);
    return copied;
  }

  private entryAt(number: number): string {
    return `${this.folder}/log/${named(number)}`;
  }

  private async entry(number: number): Promise<LogEntry> {
    return JSON.parse((await readAll(this.store, this.entryAt(number))).toString("utf8")) as LogEntry;
  }

  private async append(
    hold: Hold,
    file: Omit<Committed, "name">,
    nameOf: (copy: number) => string,
  ): Promise<Committed> {
    if (Date.now() - hold.seen > TRUSTED && (await this.last()) >= hold.next) await this.catchUp(hold);
    for (;;) {
      const known = [...hold.open.values()].find(({ temporary }) => temporary === file.temporary);
      if (known) return known;
      const name = await this.freeName(hold, file, nameOf);
      const committed: Committed = { ...file, name };
      const number = hold.next;
      const open = Math.min(number, ...hold.open.keys());
      const entry: LogEntry = { claim: hold.claim, settled: open - 1, file: committed };
      try {
        await this.store.create(this.entryAt(number), [Buffer.from(JSON.stringify(entry))], { createParent: true });
      } catch (error) {
        if (!isProblem(error, "exists")) throw error;
        await this.catchUp(hold);
        continue;
      }
      this.appended(hold, number, committed);
      if (number % SWEEP === 0) await this.sweep();
      return committed;
    }
  }

  /** The next number is taken: by an own entry whose answer got lost, or by another writer. */
  private async catchUp(hold: Hold): Promise<void> {
    const found = await this.entry(hold.next).catch((error: unknown) => {
      // So old that it is gone: many came after it.
      if (isProblem(error, "missing")) throw new Fenced();
      throw error;
    });
    if (found.claim !== hold.claim || !found.file) throw new Fenced();
    this.appended(hold, hold.next, found.file);
  }

  private appended(hold: Hold, number: number, file: Committed): void {
    hold.open.set(number, file);
    hold.next = number + 1;
    hold.seen = Date.now();
  }

  private async freeName(
    hold: Hold,
    file: Pick<Committed, "directory">,
    nameOf: (copy: number) => string,
  ): Promise<string> {
    const taken = new Set([...hold.open.values()].map((one) => pathOf(one, one.name)));
    for (let copy = 1; ; copy++) {
      const name = nameOf(copy);
      const path = pathOf(file, name);
      if (!taken.has(path) && !(await this.store.stat(path))) return name;
    }
  }

  private async last(): Promise<number> {
    return Number((await this.store.list(`${this.folder}/log`)).at(-1)?.name ?? 0);
  }

  private async takeOver(): Promise<Hold> {
    const claim = randomUUID();
    for (;;) {
      const last = await this.last();
      const settled = last > 0 ? (await this.entry(last)).settled : 0;
      const number = last + 1;
      const entry: LogEntry = { claim, settled };
      const body = [Buffer.from(JSON.stringify(entry))];
      try {
        await this.store.create(this.entryAt(number), body, { createParent: true });
      } catch (error) {
        if (!isProblem(error, "exists")) throw error;
        if ((await this.entry(number)).claim !== claim) continue;
      }
      await this.proveExclusive(number, body);
      for (let at = settled + 1; at <= last; at++) await this.settleAt(at);
      // What is left of earlier holds was never published, and can't be any more. There may be a later one by now.
      const isEarlier = (name: string): boolean => name < named(number);
      for (const { name } of await this.store.list(`${this.folder}/data`))
        if (isEarlier(name)) await this.store.remove(`${this.folder}/data/${name}`);
      await this.store.endUploads(`${this.folder}/data`, isEarlier).catch((error: unknown) => {
        // they take room and nothing else: whoever may not see them stores all the same
        if (isProblem(error, "unreachable", "unavailable")) throw error;
      });
      await this.sweep();
      return { claim, number, next: number + 1, seen: Date.now(), open: new Map() };
    }
  }

  /** A server that overwrites in spite of If-None-Match would let two writers publish. */
  private async proveExclusive(number: number, body: readonly Uint8Array[]): Promise<void> {
    try {
      await this.store.create(this.entryAt(number), body, { createParent: true });
    } catch (error) {
      if (isProblem(error, "exists")) return;
      throw error;
    }
    throw new StoreError(
      "setting",
      `${this.store.address} writes over objects in spite of If-None-Match: nothing can be stored there exactly once`,
    );
  }

  private async settleAt(number: number): Promise<void> {
    let entry: LogEntry;
    try {
      entry = await this.entry(number);
    } catch (error) {
      if (isProblem(error, "missing")) return;
      throw error;
    }
    if (entry.file) await this.carryOut(entry.file);
  }

  /** Removes entries that nobody can take for the end of the log any more, by the store's own clock. */
  private async sweep(): Promise<void> {
    const entries = await this.store.list(`${this.folder}/log`);
    const newest = entries.at(-1);
    if (!newest) return;
    for (const { name, modified } of entries)
      if (modified < newest.modified - KEPT) await this.store.remove(`${this.folder}/log/${name}`);
  }
}
