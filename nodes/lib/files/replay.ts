/**
 * Reads files as a source does: as fast as the flow takes them or at the pace of their event time, one after the other
 * or merged, from where everything before is finished. Reading never goes back while it runs; a new run begins at the
 * stored positions.
 */
import { asError, Retriable } from "../errors";
import { Waiting } from "../waiting";
import type { SpanLimit } from "../delivery/low-water-mark";
import { concatenated, merged } from "./merge";
import { realClock, type Clock } from "./clock";
import { Pace, type PaceOptions } from "./pace";
import { PositionWriter } from "./position-writer";
import { loadPositions, type Positions } from "./positions";
import { Progress } from "./progress";
import { beginningOf, isGzip, listFiles, readRows } from "./read";
import { recordReader, type FileRecord, type RecordOptions, type RecordReader } from "./records";

export interface ReplayOptions {
  readonly paths: readonly string[];
  readonly records: RecordOptions;
  /** Most bytes of a row. */
  readonly rowLimit: number;
  readonly order: "sequential" | "merged";
  readonly end: "stop" | "tail" | "loop";
  /** Absent: as fast as the flow takes. */
  readonly pace?: PaceOptions;
  /** Most records of one delivery. */
  readonly batch: number;
  readonly span: SpanLimit;
  readonly positionFile: string;
  readonly clock?: Clock;
}

/** A record with what it takes to read it again: flows may change what they were given. */
export interface FileItem extends FileRecord {
  readonly progress: Progress;
  readonly reader: RecordReader;
}

/** One message's worth of records; a record that cannot be read is always alone. */
export interface Delivery {
  readonly items: readonly FileItem[];
  readonly bytes: number;
  finished(): void;
  held(held: boolean): void;
}

export interface ReplayListener {
  deliver(delivery: Delivery): void;
  /** The span is full: who holds records should let them go. */
  pressure(): void;
  /** Everything was read; told again after more was read. */
  ended(): void;
  /** Something stands in the way; it is tried again. */
  trouble(error: Error): void;
  warn(text: string): void;
}

/** How often a file is looked at for more, in ms. */
const LOOK = 500;
const LONGEST_RETRY = 15_000;

export class Replay {
  readonly #stop = new AbortController();
  readonly #clock: Clock;
  readonly #pace: Pace | undefined;
  readonly #progress = new Map<string, Progress>();
  #stored: Positions | undefined;
  #running = true;
  readonly #waiting = new Waiting(this.#stop.signal, () => this.#running && this.listener.pressure());
  #batch: FileItem[] = [];
  #sent = 0;
  readonly #writer: PositionWriter;
  readonly #done: Promise<void>;

  constructor(
    private readonly options: ReplayOptions,
    private readonly listener: ReplayListener,
  ) {
    this.#clock = options.clock ?? realClock;
    this.#pace = options.pace && new Pace(options.pace);
    this.#writer = new PositionWriter(
      options.positionFile,
      () => {
        const now = [...this.#progress].map(([file, progress]) => [file, progress.position] as const);
        return { ...this.#stored, ...Object.fromEntries(now) };
      },
      (text) => listener.warn(text),
      this.#stop.signal,
    );
    this.#done = this.#run();
  }

  /** Flows run, or do not: nothing is delivered then. */
  running(running: boolean): void {
    this.#running = running;
    if (!running) this.#pace?.rest();
    this.#waiting.wake();
  }

  /** Whether it waits for room, for flows to run, or for more. */
  get waiting(): boolean {
    return this.#waiting.waits;
  }

  /** Stops reading. `finished` still counts until `close`. */
  async halt(): Promise<void> {
    this.#stop.abort();
    this.#waiting.wake();
    await this.#done;
  }

  /** Stores the positions. */
  async close(): Promise<void> {
    await this.halt();
    await this.#writer.close();
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      try {
        const before = this.#sent;
        await this.#pass();
        failures = 0;
        await this.#afterPass(this.#sent > before);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#batch = [];
        this.listener.trouble(asError(error));
        failures += 1;
        await this.#sleep(Math.min(LONGEST_RETRY, LOOK * 2 ** failures));
      }
    }
  }

  async #afterPass(sentSomething: boolean): Promise<void> {
    const { end } = this.options;
    if (sentSomething || end !== "tail") this.listener.ended();
    if (end === "tail") return this.#sleep(LOOK);
    if (end === "stop") return this.#waiting.until(() => false);
    await this.#waiting.until(() => [...this.#progress.values()].every((progress) => progress.unfinished === 0));
    for (const progress of this.#progress.values()) progress.restart(progress.position.beginning);
    this.#pace?.rest();
    if (!sentSomething) await this.#sleep(LOOK);
  }

  async #pass(): Promise<void> {
    this.#stored ??= await loadPositions(this.options.positionFile);
    const streams: AsyncGenerator<FileItem[], void>[] = [];
    for (const file of await listFiles(this.options.paths)) {
      const progress = await this.#open(file, this.#stored);
      const hasMore = isGzip(file) ? !progress.complete : progress.size > progress.offset;
      if (hasMore) streams.push(this.#read(progress));
    }
    const all = this.options.order === "merged" ? merged(streams, ({ time }) => time) : concatenated(streams);
    for await (const list of all) {
      for (const item of list) {
        if (this.#stop.signal.aborted) return;
        await this.#take(item);
      }
      // a big file must not keep the event loop from everybody else
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#flush();
  }

  async #open(file: string, stored: Positions): Promise<Progress> {
    const known = this.#progress.get(file);
    const start = known?.position ?? stored[file];
    const { beginning, size } = await beginningOf(file);
    const progress = known ?? new Progress(file, this.options.span, start ?? { offset: 0, line: 1, beginning });
    this.#progress.set(file, progress);
    if (start) {
      const { length, sha1 } = start.beginning;
      const same = size >= length && (await beginningOf(file, length)).beginning.sha1 === sha1;
      if (!same || (!isGzip(file) && size < progress.offset)) {
        this.listener.warn(`${file} is not the file that was read before: it is read from its start`);
        progress.restart(beginning);
      }
    }
    progress.seen(beginning, size);
    return progress;
  }

  async *#read(progress: Progress): AsyncGenerator<FileItem[], void> {
    const { file } = progress;
    const { records, rowLimit, end } = this.options;
    const reader = recordReader(records);
    const complete = end !== "tail" || isGzip(file);
    const split = { quoted: records.format === "csv", limit: rowLimit, complete };
    let isFirst = progress.offset === 0;
    if (!isFirst)
      for await (const [first] of readRows(file, { ...split, complete: true, offset: 0, line: 1 })) {
        if (first) this.#header(reader, first, file);
        break;
      }
    for await (const rows of readRows(file, { ...split, offset: progress.offset, line: progress.line })) {
      const items: FileItem[] = [];
      for (const row of rows) {
        const wasFirst = isFirst;
        isFirst = false;
        if (wasFirst && this.#header(reader, row, file)) continue;
        const record = reader.read(row);
        if (record) items.push({ progress, reader, ...record });
      }
      if (items.length > 0) yield items;
    }
    if (isGzip(file)) progress.complete = true;
  }

  #header(reader: RecordReader, row: Parameters<RecordReader["header"]>[0], file: string): boolean {
    try {
      return reader.header(row);
    } catch (error) {
      throw new Retriable(`the header of ${file} cannot be read: ${asError(error).message}`, { cause: error });
    }
  }

  async #take(item: FileItem): Promise<void> {
    if (this.#pace && item.hasTime) {
      const wait = this.#pace.wait(item.time, this.#clock.now());
      if (wait >= 1) {
        this.#flush();
        await this.#clock.sleep(wait, this.#stop.signal);
      }
    }
    if (!this.#hasRoom()) {
      this.#flush();
      await this.#waiting.room(() => this.#hasRoom());
    }
    if (item.error) this.#flush();
    this.#batch.push(item);
    if (item.error || this.#batch.length >= this.options.batch) this.#flush();
  }

  #flush(): void {
    const items = this.#batch;
    if (items.length === 0 || this.#stop.signal.aborted) return;
    this.#batch = [];
    this.#sent += items.length;
    const byFile = new Map<Progress, FileItem[]>();
    for (const item of items) {
      const same = byFile.get(item.progress);
      if (same) same.push(item);
      else byFile.set(item.progress, [item]);
    }
    const underWay = [...byFile].map(([progress, its]) => progress.send(its.map(({ row }) => row)));
    this.listener.deliver({
      items,
      bytes: items.reduce((sum, { row }) => sum + row.bytes.length, 0),
      finished: () => {
        const moved = underWay.map((one) => one.finished());
        if (moved.includes(true)) this.#writer.moved();
        this.#waiting.wake();
      },
      held: (held) => {
        for (const one of underWay) one.held(held);
        this.#waiting.wake();
      },
    });
  }

  #hasRoom(): boolean {
    if (!this.#running) return false;
    for (const progress of this.#progress.values()) if (progress.paused) return false;
    return true;
  }

  async #sleep(ms: number): Promise<void> {
    await this.#clock.sleep(ms, this.#stop.signal).catch(() => undefined);
  }
}
