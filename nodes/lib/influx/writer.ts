/** Gathers points of many messages into requests, one at a time, and tells each message when its points are stored. */
import { tryUntilDone } from "../back-off";
import { Retriable, asError } from "../errors";
import { Held } from "../held";
import { Ticket } from "../ticket";
import type { Line } from "./points";
import { writeSorting } from "./refused";
import { type InfluxTarget, LinesRefused } from "./target";
import type { TimeUnit } from "./values";

export interface InfluxWriterOptions {
  readonly unit: TimeUnit;
  /** Points a request. */
  readonly batch: number;
  /** ms that a point may wait for others. */
  readonly linger: number;
  /** Bytes of points that may wait in memory. */
  readonly memory: number;
  /** Told how many points a request stored, and when the server can't be written (undefined once it can again). */
  stored?(points: number): void;
  away?(error: Error | undefined): void;
}

export interface IndexedLine extends Line {
  /** Position of its record in its message's batch. */
  readonly index: number;
}

interface Waiting {
  readonly line: IndexedLine;
  readonly ticket: Ticket;
}

const FIRST_DELAY = 250;
const LONGEST_DELAY = 15_000;

const closed = (): Retriable =>
  new Retriable("The sink closed before the point was stored; it comes again from its source", { unreachable: true });

/** Requests go out one after the other, so that the last of several values for one point is the one that stays. */
export class InfluxWriter {
  private waiting: Waiting[] = [];
  private readonly memory: Held;
  private readonly end = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private sending: Promise<void> | undefined;
  private isAway = false;

  constructor(
    private readonly target: InfluxTarget,
    private readonly options: InfluxWriterOptions,
  ) {
    this.memory = new Held(options.memory);
  }

  /** Bytes of points that wait, or are being sent. */
  get held(): number {
    return this.memory.bytes;
  }

  /** Resolves with true once there is room in memory, with false when nothing has left it for `limit` ms. */
  room(limit: number): Promise<boolean> {
    return this.memory.room(limit, this.end.signal);
  }

  /**
   * Takes the points of one message in.
   * @param batch whether the message carries an array of records
   * @returns what resolves when all are stored, or rejects with what `Ticket` says
   */
  async write(lines: readonly IndexedLine[], batch: boolean): Promise<void> {
    const ticket = new Ticket(batch);
    for (const line of lines) {
      ticket.enter();
      if (this.end.signal.aborted) ticket.fail(line.index, closed());
      else {
        this.waiting.push({ line, ticket });
        this.memory.add(sizeOf(line), 1);
      }
    }
    ticket.seal();
    this.schedule();
    await ticket.finished;
  }

  /** Sends what waits, without waiting for more. */
  relieve(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.sending ??= this.sendAll().finally(() => {
      this.sending = undefined;
      this.schedule();
    });
  }

  /** Sends what it can within `limit` ms; the rest fails, so that it comes again from its source. */
  async close(limit: number): Promise<void> {
    let late: NodeJS.Timeout | undefined;
    const end = new Promise<void>((resolve) => {
      late = setTimeout(resolve, limit);
    });
    await Promise.race([end, this.drained()]);
    clearTimeout(late);
    this.end.abort();
    clearTimeout(this.timer);
    for (const { line, ticket } of this.waiting.splice(0)) this.settle(line, () => ticket.fail(line.index, closed()));
  }

  private async drained(): Promise<void> {
    while (this.waiting.length > 0 || this.sending) {
      this.relieve();
      await this.sending;
    }
  }

  private schedule(): void {
    if (this.waiting.length === 0 || this.sending || this.end.signal.aborted) return;
    if (this.waiting.length >= this.options.batch || this.options.linger === 0) this.relieve();
    else this.timer ??= setTimeout(() => this.relieve(), this.options.linger);
  }

  private async sendAll(): Promise<void> {
    // what comes while a request is under way goes into the next one
    while (this.waiting.length > 0 && !this.end.signal.aborted) {
      await this.send(this.waiting.splice(0, this.options.batch));
      if (this.waiting.length < this.options.batch && this.options.linger > 0) return;
    }
  }

  private async send(batch: readonly Waiting[]): Promise<void> {
    const lines = batch.map(({ line }) => line);
    try {
      const refused = await this.untilDone(() => writeSorting(this.target, lines, this.options.unit));
      for (const [at, { line, ticket }] of batch.entries()) {
        const error = refused.get(at);
        this.settle(line, () => (error ? ticket.fail(line.index, error) : ticket.leave(1)));
      }
      this.options.stored?.(batch.length - refused.size);
    } catch (error) {
      for (const { line, ticket } of batch) this.settle(line, () => ticket.fail(line.index, asError(error)));
    }
  }

  private settle(line: Line, how: () => void): void {
    this.memory.free(sizeOf(line), 1);
    how();
  }

  /** Whatever is not the lines' own fault is tried until it works or the sink closes. */
  private async untilDone<T>(action: () => Promise<T>): Promise<T> {
    const done = await tryUntilDone(action, {
      first: FIRST_DELAY,
      longest: LONGEST_DELAY,
      signal: this.end.signal,
      again: (error) => !(error instanceof LinesRefused),
      failed: (error) => {
        this.isAway = true;
        this.options.away?.(error);
      },
    });
    if (this.isAway) {
      this.isAway = false;
      this.options.away?.(undefined);
    }
    return done;
  }
}

const sizeOf = ({ body, time }: Line): number => body.length + time.length + 2;
