/** What one message still waits for. */
import { BatchFailure, asError } from "./errors";
import type { FailedElement } from "./delivery/contract";

/** Settles when every record of a message is stored or has failed. */
export class Ticket {
  /** The files that hold the records now. Rejects with the cause for a single record, with a `BatchFailure` naming the failed ones for a batch. */
  readonly finished: Promise<readonly string[]>;
  private readonly files = new Set<string>();
  private waiting = 1;
  private readonly failed: FailedElement[] = [];
  private resolve!: (files: readonly string[]) => void;
  private reject!: (error: Error) => void;

  /** @param batch whether the message carries an array of records */
  constructor(private readonly batch: boolean) {
    this.finished = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // a ticket may fail before anyone looks at it
    this.finished.catch(() => undefined);
  }

  /** So many more records are under way. */
  enter(count = 1): void {
    this.waiting += count;
  }

  /** So many records are stored, in a file of this path, or were before. */
  leave(count: number, path?: string): void {
    if (path !== undefined) this.files.add(path);
    this.waiting -= count;
    if (this.waiting === 0) this.settle();
  }

  /** A record that was entered has failed. */
  fail(index: number, error: unknown): void {
    this.failed.push({ index, error: asError(error) });
    this.leave(1);
  }

  /** All records have been entered. */
  seal(): void {
    this.leave(1);
  }

  private settle(): void {
    const [first] = this.failed;
    if (first === undefined) this.resolve([...this.files]);
    else if (!this.batch) this.reject(first.error);
    else {
      const failed = this.failed.toSorted((a, b) => a.index - b.index);
      const others = failed.length > 1 ? ` and ${failed.length - 1} more` : "";
      this.reject(new BatchFailure(`record ${failed[0]?.index}: ${failed[0]?.error.message}${others}`, failed));
    }
  }
}
