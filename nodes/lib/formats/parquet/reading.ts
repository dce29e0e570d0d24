/** The side of the thread that reads Parquet files on which their rows are wanted. */
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { Damaged } from "../../compression/damaged";
import { Retriable, asError } from "../../errors";
import type { Piece, Slice } from "./source";

/** What the thread is told. It reads one file at a time. */
export type ToReader =
  | { readonly do: "open"; readonly file: number; readonly bytes: number; readonly row: number }
  | { readonly do: "slice"; readonly id: number; readonly bytes: ArrayBuffer }
  | { readonly do: "refuse"; readonly id: number; readonly why: string }
  | { readonly do: "read"; readonly file: number }
  | { readonly do: "close" | "end" };

/** What it asks for, or answers when a file is to be read on. */
export type FromReader =
  | { readonly id: number; readonly start: number; readonly end: number }
  | { readonly file: number; readonly piece: Piece | undefined }
  | { readonly file: number; readonly damage: string };

interface Asked {
  readonly slice: Slice;
  /** What the store said when it was asked for bytes. */
  failure?: Error;
  resolve?: (piece: Piece | undefined) => void;
  reject?: (error: Error) => void;
}

/** A running thread, until it has ended. */
class Running {
  lost: Error | undefined;
  readonly ended: Promise<void>;
  file = 0;
  asked: Asked | undefined;
  private readonly worker = new Worker(join(__dirname, "read-worker.js"), {
    // rows are short-lived: with more room V8 would only let them lie
    resourceLimits: { maxYoungGenerationSizeMb: 32 },
  });

  constructor() {
    this.worker.on("message", (said: FromReader) => this.heard(said));
    this.worker.on("error", (error) => this.lose(error));
    this.ended = new Promise((resolve) => {
      this.worker.on("exit", (code) => {
        this.lose(new Error(`it ended with code ${code}`));
        resolve();
      });
    });
    this.worker.unref();
  }

  tell(message: ToReader): void {
    this.worker.postMessage(message, message.do === "slice" ? [message.bytes] : []);
  }

  read(asked: Asked): Promise<Piece | undefined> {
    return new Promise((resolve, reject) => {
      if (this.lost) {
        reject(this.lost);
        return;
      }
      Object.assign(asked, { resolve, reject });
      this.worker.ref();
      this.tell({ do: "read", file: this.file });
    });
  }

  private heard(said: FromReader): void {
    const { asked } = this;
    if ("id" in said) {
      const { id, start, end } = said;
      if (!asked) {
        this.tell({ do: "refuse", id, why: "the file is closed" });
        return;
      }
      asked.slice(start, end).then(
        (bytes) => this.tell({ do: "slice", id, bytes }),
        (error: unknown) => {
          asked.failure = asError(error);
          this.tell({ do: "refuse", id, why: asked.failure.message });
        },
      );
      return;
    }
    if (said.file !== this.file || !asked) return;
    this.worker.unref();
    if ("damage" in said) asked.reject?.(asked.failure ?? new Damaged(said.damage));
    else asked.resolve?.(said.piece);
  }

  private lose(error: Error): void {
    this.lost ??= new Retriable(`Parquet: the thread that reads files was lost: ${error.message}`, { cause: error });
    this.asked?.reject?.(this.lost);
  }
}

/** Started when the first file is read; a lost thread is replaced for the next file. */
export class ParquetReading {
  private running: Running | undefined;

  /**
   * The rows of a file in pieces, one file at a time.
   * @param row the first one, from 0
   * @param slice gives bytes of the file; what it throws is thrown
   * @throws Damaged with the place; Retriable when the thread was lost
   */
  async *read(bytes: number, row: number, slice: Slice): AsyncGenerator<Piece, void> {
    if (!this.running || this.running.lost) this.running = new Running();
    const { running } = this;
    const asked: Asked = { slice };
    running.asked = asked;
    running.tell({ do: "open", file: ++running.file, bytes, row });
    try {
      for (;;) {
        const piece = await running.read(asked);
        if (!piece) return;
        yield piece;
      }
    } finally {
      running.asked = undefined;
      if (!running.lost) running.tell({ do: "close" });
    }
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
