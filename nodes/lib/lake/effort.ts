/** What a writer has under way: tried until it works or the writer closes, and waited for when it does. */
import { tryUntilDone } from "../back-off";
import { Rejected, Retriable } from "../errors";
import { Fenced } from "./fenced";
import { deliveryError } from "./store";

/** ms that unfinished work gets to notice that the writer has closed */
const LAST_MOMENT = 200;

/** What becomes of a record that the writer could not store before it closed. */
export const closed = (): Retriable =>
  new Retriable("The sink closed before the record was stored; it comes again from its source", { unreachable: true });

export class Effort {
  private readonly working = new Set<Promise<void>>();
  private readonly end = new AbortController();
  private isAway = false;

  /** @param away told when the lake can't be written, and with undefined once it can again */
  constructor(private readonly away: ((error: Error | undefined) => void) | undefined) {}

  /** Comes when the writer closes. */
  get signal(): AbortSignal {
    return this.end.signal;
  }

  /** Counts work as under way; it never rejects. */
  track(work: Promise<void>): void {
    this.working.add(work);
    void work.finally(() => this.working.delete(work));
  }

  /** Everything but a record's own fault, and the lane's loss, is tried until it works or the writer closes. */
  async untilDone<T>(action: () => Promise<T>): Promise<T> {
    const done = await tryUntilDone(action, {
      first: 500,
      longest: 30_000,
      signal: this.end.signal,
      again: (error) => !(error instanceof Fenced) && !(deliveryError(error) instanceof Rejected),
      failed: (error) => {
        this.isAway = true;
        this.away?.(error);
      },
    });
    if (this.isAway) {
      this.isAway = false;
      this.away?.(undefined);
    }
    return done;
  }

  /** Resolves when nothing is under way; `more` may begin further work each time. */
  async drained(more: () => void): Promise<void> {
    more();
    while (this.working.size > 0 && !this.signal.aborted) {
      await Promise.allSettled(this.working);
      more();
    }
  }

  /** Nothing is tried again from now on. */
  stop(): void {
    this.end.abort();
  }

  /** Resolves when what was under way has noticed that, or does not within a moment. */
  async ended(): Promise<void> {
    await Promise.race([
      Promise.allSettled(this.working),
      new Promise((resolve) => setTimeout(resolve, LAST_MOMENT).unref()),
    ]);
  }
}
