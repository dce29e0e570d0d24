/** The side of the thread that makes Parquet files on which records arrive. */
import type { SchemaElement } from "hyparquet";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { Retriable } from "../../errors";
import { memory } from "./memory";
import type { FromThread, ParquetCodec, Rows, ToThread } from "./messages";

interface Asked {
  resolve(bytes: Uint8Array<ArrayBuffer>): void;
  reject(error: Error): void;
}

/**
 * Columns arrive outside of the thread's heap and are garbage once their row group is written: with a young generation of
 * the usual 48 MB the thread would collect too rarely to find them.
 */
const LIMITS = { maxYoungGenerationSizeMb: 4 };

/** A running thread, until it has ended. */
class Running {
  lost: Error | undefined;
  readonly asked = new Map<number, Asked>();
  /** Files that it holds. */
  readonly files = new Set<number>();
  readonly ended: Promise<void>;
  private readonly worker = new Worker(join(__dirname, "worker.js"), { resourceLimits: LIMITS });

  constructor() {
    this.worker.on("message", (answer: FromThread) => this.answered(answer));
    this.worker.on("error", (error) => this.lose(error));
    this.ended = new Promise((resolve) => {
      this.worker.on("exit", (code) => {
        this.lose(new Error(`it ended with code ${code}`));
        resolve();
      });
    });
  }

  tell(message: ToThread, buffers: ArrayBuffer[] = []): void {
    this.worker.postMessage(message, buffers);
  }

  /** Whether the process waits for the thread. */
  hold(): void {
    if (this.files.size > 0) this.worker.ref();
    else this.worker.unref();
  }

  private answered(answer: FromThread): void {
    if ("used" in answer) {
      for (const buffer of answer.used) memory.give(buffer);
      return;
    }
    const asked = this.asked.get(answer.file);
    this.asked.delete(answer.file);
    this.files.delete(answer.file);
    this.hold();
    if ("bytes" in answer) asked?.resolve(answer.bytes);
    else asked?.reject(new Retriable(`Parquet: the file could not be made: ${answer.error}`));
  }

  private lose(error: Error): void {
    this.lost ??= new Retriable(`Parquet: the thread that makes files was lost: ${error.message}`, { cause: error });
    for (const { reject } of this.asked.values()) reject(this.lost);
    this.asked.clear();
  }
}

const buffersOf = ({ columns }: Rows): ArrayBuffer[] =>
  columns.flatMap((part) => {
    if (!("bytes" in part)) return [];
    return part.defined ? [part.bytes.buffer, part.defined.buffer] : [part.bytes.buffer];
  });

/** A file in the making. */
export interface ThreadFile {
  /** Takes the buffers of plain parts along. */
  rows(rows: Rows): void;
  /** @throws Retriable when the thread was lost or could not make it */
  finish(): Promise<Uint8Array<ArrayBuffer>>;
  /** Nobody looks into what `finish` gave any more: its memory is the thread's again. */
  giveBack(bytes: Uint8Array<ArrayBuffer>): void;
  drop(): void;
}

/** Started when the first file is begun; a lost thread is replaced by the next file. */
export class ParquetThread {
  private running: Running | undefined;
  private count = 0;

  begin(schema: SchemaElement[], codec: ParquetCodec): ThreadFile {
    if (!this.running || this.running.lost) this.running = new Running();
    const { running } = this;
    const file = ++this.count;
    running.files.add(file);
    running.hold();
    running.tell({ do: "begin", file, schema, codec });
    return {
      rows: (rows) => running.tell({ do: "rows", file, ...rows }, buffersOf(rows)),
      finish: () =>
        new Promise((resolve, reject) => {
          if (running.lost) {
            reject(running.lost);
            return;
          }
          running.asked.set(file, { resolve, reject });
          running.tell({ do: "finish", file });
        }),
      giveBack({ buffer }) {
        if (!running.lost) running.tell({ do: "use", buffer }, [buffer]);
      },
      drop() {
        if (!running.files.delete(file)) return;
        running.hold();
        running.tell({ do: "drop", file });
      },
    };
  }

  /** Ends the thread; resolves when it has gone. */
  async end(): Promise<void> {
    const { running } = this;
    this.running = undefined;
    if (!running || running.lost) return;
    running.tell({ do: "end" });
    await running.ended;
  }
}
