/** What waits in memory, within bounds: beyond them messages wait for room, and their source pauses. */
import { setTimeout as sleep } from "node:timers/promises";

/** Records that may wait, whatever their size: each keeps its message. */
export const MOST_RECORDS = 200_000;

export class Held {
  bytes = 0;
  records = 0;
  private waiting: (() => void)[] = [];
  /** How often something has left. */
  private freed = 0;

  /**
   * @param most bytes that may wait
   * @param flows false while more in memory would make nothing quicker; asked again when something left
   */
  constructor(
    private readonly most: number,
    private readonly flows: () => boolean = () => true,
  ) {}

  get roomy(): boolean {
    return this.bytes < this.most && this.records < MOST_RECORDS && this.flows();
  }

  add(bytes: number, records: number): void {
    this.bytes += bytes;
    this.records += records;
  }

  free(bytes: number, records: number): void {
    this.bytes -= bytes;
    this.records -= records;
    this.freed++;
    if (this.waiting.length === 0 || !this.roomy) return;
    for (const go of this.waiting.splice(0)) go();
  }

  /**
   * Resolves with true once there is room, with false when the signal comes, or nothing has left for `limit` ms: what is
   * slow is not stuck.
   */
  async room(limit: number, signal: AbortSignal): Promise<boolean> {
    let end = Date.now() + limit;
    let { freed } = this;
    while (!this.roomy) {
      if (freed !== this.freed) {
        freed = this.freed;
        end = Date.now() + limit;
      }
      const left = end - Date.now();
      if (left <= 0 || signal.aborted) return false;
      const over = new AbortController();
      const gone = new Promise<void>((resolve) => this.waiting.push(resolve));
      const late = sleep(left, undefined, { signal: AbortSignal.any([signal, over.signal]) }).catch(() => undefined);
      await Promise.race([gone, late]);
      over.abort();
    }
    return !signal.aborted;
  }
}

/** What a record takes in memory before it is written, in bytes, by a rough guess. */
export function roughSize(value: unknown): number {
  if (typeof value === "string" || Buffer.isBuffer(value)) return value.length;
  try {
    return JSON.stringify(value)?.length ?? 0;
  } catch {
    return 0;
  }
}
