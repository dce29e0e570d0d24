/**
 * Reads a lake's files back as records, one file after the other, as fast as the flow takes them, and knows over
 * restarts which files and rows are finished. Files of a lake appear whole and stay as they are; one that has grown is read
 * on, one that was replaced is read anew.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { LowWaterMark } from "../delivery/low-water-mark";
import { asError } from "../errors";
import { PositionWriter } from "../files/position-writer";
import { loadPositions } from "../files/positions";
import type { Row } from "../files/rows";
import { Deque } from "../mqtt/deque";
import type { Mutable } from "../mutable";
import { Waiting } from "../waiting";
import { type Content, contentOf } from "./content";
import { FileError } from "./file-error";
import { parseRangeName } from "./file-name";
import { type DataFile, findFiles, type LakePath } from "./find";
import { RowSource } from "./open-rows";
import type { LakeItem, LakePosition, Place, ReaderListener, ReaderOptions, Reading } from "./reading";
import type { Store } from "./store";

type Counts = Mutable<Pick<Reading, "files" | "records" | "unreadable" | "leftOut">>;

const FIRST_RETRY = 1_000;
const LONGEST_RETRY = 15_000;

/** What was asked for, and what has come of it. */
interface Round {
  readonly path: LakePath;
  readonly whole: boolean;
  readonly counts: Counts;
  /** How far each file was sent into the flow. */
  readonly read: Map<string, LakePosition>;
}

/** What was sent, in order: when the mark has passed `next`, the file is finished up to there. */
interface Sent {
  readonly next: number;
  readonly path: string;
  readonly position: LakePosition;
}

const placeAfter = ({ next, nextLine, nextWithin }: Row): Place => ({
  offset: next,
  line: nextLine,
  ...(nextWithin === undefined ? {} : { within: nextWithin }),
});

export class LakeReader {
  readonly #stop = new AbortController();
  readonly #mark: LowWaterMark;
  readonly #sent = new Deque<Sent>();
  readonly #read = new Map<string, LakePosition>();
  readonly #rows: RowSource;
  readonly #writer: PositionWriter | undefined;
  /** How far each file is finished. */
  #positions: Record<string, LakePosition> | undefined;
  #sequence = 0;
  #running = true;
  readonly #waiting = new Waiting(this.#stop.signal, () => this.#running && this.listener.pressure());
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly store: Store,
    private readonly options: ReaderOptions,
    private readonly listener: ReaderListener,
  ) {
    this.#mark = new LowWaterMark(options.span);
    this.#rows = new RowSource(store, options);
    const { positionFile } = options;
    if (positionFile !== undefined)
      this.#writer = new PositionWriter(
        positionFile,
        () => this.#positions ?? {},
        (text) => listener.warn(text),
        this.#stop.signal,
      );
  }

  /** Flows run, or do not: nothing is delivered then. */
  running(running: boolean): void {
    this.#running = running;
    this.#waiting.wake();
  }

  /**
   * Reads what a path stands for, after what was asked for before; resolves when all of it was sent. While a file or the
   * lake can't be read, it is tried again, and what is asked for meanwhile has its turn.
   *
   * @param whole the path is all that this reader is ever asked for: files that it does not lead to any more are forgotten
   * @throws the signal's reason when the reader is closed
   */
  async read(path: LakePath, whole = false): Promise<Reading> {
    const counts: Counts = { files: 0, records: 0, unreadable: 0, leftOut: 0 };
    const read = this.options.positionFile === undefined ? new Map<string, LakePosition>() : this.#read;
    for (let failures = 0; ; failures++) {
      this.#stop.signal.throwIfAborted();
      try {
        const end = await this.#turn(async () => {
          await this.#pass({ path, whole, counts, read });
          return this.#sequence;
        });
        return {
          path: path.text,
          ...counts,
          finished: () => this.#waiting.until(() => (this.#mark.mark ?? 0) >= end),
        };
      } catch (error) {
        this.#stop.signal.throwIfAborted();
        this.listener.trouble(asError(error));
        const pause = Math.min(LONGEST_RETRY, FIRST_RETRY * 2 ** Math.min(failures, 10));
        await sleep(pause, undefined, { signal: this.#stop.signal });
      }
    }
  }

  /** Stops reading. What is finished still counts until `close`. */
  async halt(): Promise<void> {
    this.#stop.abort();
    this.#waiting.wake();
    await this.#last;
    await this.#rows.close();
  }

  /** Stores the positions. */
  async close(): Promise<void> {
    await this.halt();
    await this.#writer?.close();
  }

  #turn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(action);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #pass(round: Round): Promise<void> {
    const { path, whole, counts, read } = round;
    const { positionFile, format } = this.options;
    this.#positions ??= positionFile === undefined ? {} : { ...(await loadPositions<LakePosition>(positionFile)) };
    counts.leftOut = 0;
    const found = new Set<string>();
    let failure: FileError | undefined;
    for await (const file of findFiles(this.store, path)) {
      this.#stop.signal.throwIfAborted();
      if (whole) found.add(file.path);
      const content = contentOf(file.name, format);
      if (!content) {
        counts.leftOut++;
        continue;
      }
      const known = read.get(file.path) ?? (positionFile === undefined ? undefined : this.#positions[file.path]);
      const start = this.#startOf(file, known, content);
      if (!start) continue;
      try {
        await this.#readFile(file, content, start, round);
      } catch (error) {
        // the other files do not wait for one that can't be read
        if (!(error instanceof FileError)) throw error;
        if (failure) this.listener.trouble(failure);
        failure = error;
      }
    }
    // a lake that shows nothing at all may have lost its disk
    if (whole && found.size > 0) this.#forget(this.#positions, found);
    if (failure) throw failure;
  }

  /** Files that are gone need no position. */
  #forget(positions: Record<string, LakePosition>, found: ReadonlySet<string>): void {
    for (const path of Object.keys(positions)) {
      if (found.has(path)) continue;
      delete positions[path];
      this.#read.delete(path);
      this.#writer?.moved();
    }
  }

  /** Where to read a file from; undefined when all of it is finished. */
  #startOf(file: DataFile, known: LakePosition | undefined, { format, packing }: Content): Place | undefined {
    const beginning: Place = { offset: 0, line: 1 };
    if (!known) return beginning;
    if (file.bytes === known.bytes && file.modified === known.modified) return known.end ? undefined : known;
    if (packing === "none" && format !== "parquet" && file.bytes > known.bytes) return known;
    this.listener.warn(`${this.store.address}/${file.path} has changed since it was read: it is read from its start`);
    return beginning;
  }

  async #readFile(file: DataFile, content: Content, start: Place, { counts, read }: Round): Promise<void> {
    const { reader, rows: all } = this.#rows.open(file, content, start);
    const range = parseRangeName(file.name);
    let here = start;
    let items: LakeItem[] = [];
    const flush = async (): Promise<void> => {
      if (items.length === 0) return;
      const next = items;
      items = [];
      await this.#waiting.room(() => this.#running && !this.#mark.paused);
      this.#stop.signal.throwIfAborted();
      counts.records += next.length;
      if (next[0]?.error) counts.unreadable++;
      this.#send(file, next, read);
    };
    try {
      for await (const rows of all) {
        for (const row of rows) {
          here = placeAfter(row);
          const record = reader.read(row);
          if (!record) continue;
          if (record.error) await flush();
          items.push({ path: file.path, range, reader, ...record });
          if (record.error || items.length >= this.options.batch) await flush();
        }
        // a big file must not keep the event loop from everybody else
        await new Promise((resolve) => setImmediate(resolve));
        this.#stop.signal.throwIfAborted();
      }
    } catch (error) {
      // what was read before the damage counts
      if (error instanceof FileError) await flush();
      throw error;
    }
    await flush();
    counts.files++;
    this.#reached(file, { ...here, end: true }, read);
    this.#advance();
  }

  #send(file: DataFile, items: readonly LakeItem[], read: Round["read"]): void {
    const last = items.at(-1);
    if (!last) return;
    const bytes = items.reduce((sum, { row }) => sum + row.bytes.length, 0);
    const first = this.#sequence;
    this.#sequence += items.length;
    const positions = this.#mark.delivered(first, this.#sequence, items.length, bytes);
    this.#reached(file, placeAfter(last.row), read);
    this.listener.deliver({
      items,
      bytes,
      finished: () => {
        if (this.#mark.finished(positions)) this.#advance();
        this.#waiting.wake();
      },
      held: (held) => {
        this.#mark.held(positions, held);
        this.#waiting.wake();
      },
    });
  }

  /** A file was sent up to here. */
  #reached(
    { path, bytes, modified }: DataFile,
    here: Omit<LakePosition, "bytes" | "modified">,
    read: Round["read"],
  ): void {
    const position = { ...here, bytes, modified };
    read.set(path, position);
    this.#sent.push({ next: this.#sequence, path, position });
  }

  #advance(): void {
    const mark = this.#mark.mark ?? 0;
    for (let sent = this.#sent.peek(); sent && sent.next <= mark; sent = this.#sent.peek()) {
      this.#sent.shift();
      if (this.#positions) this.#positions[sent.path] = sent.position;
      this.#writer?.moved();
    }
  }
}
