/**
 * Reads a lake's files back as records, one file after the other, as fast as the flow takes them, and knows over
 * restarts which files and rows are finished. Files of a lake appear whole and stay as they are; one that has grown is read
 * on, one that was replaced is read anew.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { LowWaterMark } from "../delivery/low-water-mark";
import { Retriable, asError } from "../errors";
import { PositionWriter } from "../files/position-writer";
import { loadPositions } from "../files/positions";
import { recordReader } from "../files/records";
import type { Row } from "../files/rows";
import { Deque } from "../mqtt/deque";
import { parseRangeName } from "./file-name";
import { type DataFile, findFiles, type LakePath } from "./find";
import { readRows } from "./read-rows";
import type { LakeItem, LakePosition, ReaderListener, ReaderOptions, Reading } from "./reading";
import type { Store } from "./store";

type Counts = { -readonly [Name in "files" | "records" | "unreadable" | "leftOut"]: Reading[Name] };

const NAMES = /\.(?<format>csv|tsv|txt|ndjson|jsonl)(?<gzip>\.gz)?$/iu;
const FIRST_RETRY = 1_000;
const LONGEST_RETRY = 15_000;

type Start = Pick<LakePosition, "offset" | "line">;

/** What was sent, in order: when the mark has passed `next`, the file is finished up to there. */
interface Sent {
  readonly next: number;
  readonly path: string;
  readonly position: LakePosition;
}

export class LakeReader {
  readonly #stop = new AbortController();
  readonly #mark: LowWaterMark;
  readonly #sent = new Deque<Sent>();
  /** How far each file was sent into the flow. */
  readonly #read = new Map<string, LakePosition>();
  readonly #writer: PositionWriter | undefined;
  /** How far each file is finished. */
  #positions: Record<string, LakePosition> | undefined;
  #sequence = 0;
  #running = true;
  #waiting: (() => void)[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly store: Store,
    private readonly options: ReaderOptions,
    private readonly listener: ReaderListener,
  ) {
    this.#mark = new LowWaterMark(options.span);
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
    this.#wake();
  }

  /**
   * Reads what a path stands for, after what was asked for before; resolves when all of it was sent.
   *
   * @param whole the path is all that this reader is ever asked for: files that it does not lead to any more are forgotten
   * @throws the signal's reason when the reader is closed
   */
  read(path: LakePath, whole = false): Promise<Reading> {
    const reading = this.#last.then(() => this.#readPatiently(path, whole));
    this.#last = reading.catch(() => undefined);
    return reading;
  }

  /** Stops reading. What is finished still counts until `close`. */
  async halt(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#last;
  }

  /** Stores the positions. */
  async close(): Promise<void> {
    await this.halt();
    await this.#writer?.close();
  }

  async #readPatiently(path: LakePath, whole: boolean): Promise<Reading> {
    const counts: Counts = { files: 0, records: 0, unreadable: 0, leftOut: 0 };
    if (this.options.positionFile === undefined) this.#read.clear();
    for (let failures = 0; ; failures++) {
      this.#stop.signal.throwIfAborted();
      try {
        await this.#pass(path, counts, whole);
        const end = this.#sequence;
        return {
          path: path.text,
          ...counts,
          finished: () => this.#until(() => (this.#mark.mark ?? 0) >= end, false),
        };
      } catch (error) {
        this.#stop.signal.throwIfAborted();
        this.listener.trouble(asError(error));
        const pause = Math.min(LONGEST_RETRY, FIRST_RETRY * 2 ** Math.min(failures, 10));
        await sleep(pause, undefined, { signal: this.#stop.signal });
      }
    }
  }

  async #pass(path: LakePath, counts: Counts, whole: boolean): Promise<void> {
    const { positionFile } = this.options;
    this.#positions ??= positionFile === undefined ? {} : { ...(await loadPositions<LakePosition>(positionFile)) };
    counts.leftOut = 0;
    const found = new Set<string>();
    for await (const file of findFiles(this.store, path)) {
      this.#stop.signal.throwIfAborted();
      if (whole) found.add(file.path);
      const kind = this.#kindOf(file.name);
      if (!kind) {
        counts.leftOut++;
        continue;
      }
      const known = this.#read.get(file.path) ?? (positionFile === undefined ? undefined : this.#positions[file.path]);
      const start = this.#startOf(file, known, kind.gzip);
      if (start) await this.#readFile(file, kind, start, counts);
    }
    // a lake that shows nothing at all may have lost its disk
    if (whole && found.size > 0) this.#forget(this.#positions, found);
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

  #kindOf(name: string): { readonly format: "csv" | "ndjson"; readonly gzip: boolean } | undefined {
    const found = NAMES.exec(name)?.groups;
    const gzip = /\.gz$/iu.test(name);
    if (this.options.format) return { format: this.options.format, gzip };
    if (!found) return undefined;
    return { format: /^(?:ndjson|jsonl)$/iu.test(found["format"] ?? "") ? "ndjson" : "csv", gzip };
  }

  /** Where to read a file from; undefined when all of it is finished. */
  #startOf(file: DataFile, known: LakePosition | undefined, gzip: boolean): Start | undefined {
    const beginning: Start = { offset: 0, line: 1 };
    if (!known) return beginning;
    if (file.bytes === known.bytes && file.modified === known.modified) return known.end ? undefined : known;
    if (!gzip && file.bytes > known.bytes) return known;
    this.listener.warn(`${this.store.address}/${file.path} has changed since it was read: it is read from its start`);
    return beginning;
  }

  async #readFile(
    file: DataFile,
    { format, gzip }: { format: "csv" | "ndjson"; gzip: boolean },
    start: Start,
    counts: Counts,
  ): Promise<void> {
    const { records, rowLimit, batch } = this.options;
    const separator = records.separator === "," && /\.tsv(?:\.gz)?$/iu.test(file.name) ? "\t" : records.separator;
    const reader = recordReader({ ...records, separator, format });
    const how = { quoted: format === "csv", gzip, limit: rowLimit };
    const range = parseRangeName(file.name);
    const isHeader = (row: Row): boolean => {
      try {
        return reader.header(row);
      } catch (error) {
        throw new Retriable(`the header of ${file.path} can't be read: ${asError(error).message}`, { cause: error });
      }
    };
    let here = start;
    let isFirst = start.offset === 0;
    if (!isFirst)
      for await (const [first] of readRows(this.store, file.path, { ...how, offset: 0, line: 1 })) {
        if (first) isHeader(first);
        break;
      }
    let items: LakeItem[] = [];
    const flush = async (): Promise<void> => {
      if (items.length === 0) return;
      const next = items;
      items = [];
      await this.#until(() => this.#running && !this.#mark.paused, true);
      this.#stop.signal.throwIfAborted();
      counts.records += next.length;
      if (next[0]?.error) counts.unreadable++;
      this.#send(file, next);
    };
    for await (const rows of readRows(this.store, file.path, { ...how, offset: start.offset, line: start.line })) {
      for (const row of rows) {
        here = { offset: row.next, line: row.nextLine };
        const wasFirst = isFirst;
        isFirst = false;
        if (wasFirst && isHeader(row)) continue;
        const record = reader.read(row);
        if (!record) continue;
        if (record.error) await flush();
        items.push({ ...record, path: file.path, range, reader });
        if (record.error || items.length >= batch) await flush();
      }
      // a big file must not keep the event loop from everybody else
      await new Promise((resolve) => setImmediate(resolve));
      this.#stop.signal.throwIfAborted();
    }
    await flush();
    counts.files++;
    this.#reached(file, { offset: here.offset, line: here.line, end: true });
    this.#advance();
  }

  #send(file: DataFile, items: readonly LakeItem[]): void {
    const last = items.at(-1);
    if (!last) return;
    const bytes = items.reduce((sum, { row }) => sum + row.bytes.length, 0);
    const first = this.#sequence;
    this.#sequence += items.length;
    const positions = this.#mark.delivered(first, this.#sequence, items.length, bytes);
    this.#reached(file, { offset: last.row.next, line: last.row.nextLine });
    this.listener.deliver({
      items,
      bytes,
      finished: () => {
        if (this.#mark.finished(positions)) this.#advance();
        this.#wake();
      },
      held: (held) => {
        this.#mark.held(positions, held);
        this.#wake();
      },
    });
  }

  /** A file was sent up to here. */
  #reached({ path, bytes, modified }: DataFile, here: Omit<LakePosition, "bytes" | "modified">): void {
    const position = { bytes, modified, ...here };
    this.#read.set(path, position);
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

  /** Waits for a condition that `#wake` may have made true; rejects when stopped. */
  async #until(condition: () => boolean, underPressure: boolean): Promise<void> {
    while (!condition()) {
      this.#stop.signal.throwIfAborted();
      if (underPressure && this.#running) this.listener.pressure();
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        // holders that came since want to be asked too
        if (underPressure) timer = setTimeout(resolve, 1_000);
      });
      clearTimeout(timer);
    }
  }

  #wake(): void {
    for (const go of this.#waiting.splice(0)) go();
  }
}
