/** One emission on its way: deliver → nack → retry with back-off → dead letter, durable → finished. */
import { randomUUID } from "node:crypto";
import { backOff } from "../back-off";
import { asError, messageOf } from "../errors";
import type { Breaker, Passenger } from "./breaker";
import type { Linked } from "./chain";
import {
  TOKEN,
  type DeadLetter,
  type Emission,
  type FailedElement,
  type FailedTry,
  type Failure,
  type Message,
  type SourceOptions,
  type Verdict,
} from "./contract";
import { failedOf } from "./elements";
import { kindOf } from "./failure-kind";
import type { Ledger } from "./ledger";
import type { Token, TokenFailure, TokenOwner } from "./token";

/** What a flight needs of its source. */
export interface FlightOwner {
  readonly ledger: Ledger;
  readonly options: SourceOptions;
  /** False while messages would be lost: the flight then waits for `resume`. */
  readonly running: boolean;
  readonly closing: boolean;
  readonly breaker: Breaker;
  send(message: Message): void;
  warn(text: string): void;
  landed(flight: Flight): void;
}

export type Finished = (verdict: Verdict, failure?: Failure) => void;

/** Who must act decides: time (a server away), another try, or nobody (the record itself is wrong). */
type Fate = "later" | "again" | "never";
const FATES = { unreachable: "later", transient: "again", permanent: "never" } as const;

export class Flight implements TokenOwner, Passenger, Linked<Flight> {
  /** Neighbours among those of the source. */
  older: Flight | undefined;
  newer: Flight | undefined;
  stoppedBy: string | undefined;
  private token: Token | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** Positions that are sent, when a node has named those that failed. */
  private elements: readonly number[] | undefined;
  private tries: number;
  private delays = 0;
  private resting = false;
  private waiting = false;
  private landed = false;
  private dead: Failure | undefined;

  constructor(
    private readonly owner: FlightOwner,
    readonly emission: Emission,
    private readonly finished: Finished,
  ) {
    this.tries = emission.tries ?? 0;
  }

  get timeout(): number {
    return this.owner.options.timeout;
  }

  /** True while it is one of that source's. */
  isOf(owner: FlightOwner): boolean {
    return this.owner === owner && !this.landed;
  }

  /** Makes the message and hands it to the flow. */
  send(): void {
    const { owner } = this;
    this.waiting = !owner.running;
    if (this.waiting || (owner.breaker.busy && !owner.breaker.admits(this))) return;
    this.go();
  }

  private go(): void {
    const { owner } = this;
    const { ledger } = owner;
    const token = ledger.open(this);
    this.token = token;
    try {
      const message = this.emission.message(this.elements);
      message[TOKEN] = token.id;
      // As good as the one that Node-RED would make, at 1 µs a message.
      message._msgid ??= token.id;
      owner.send(message);
    } catch (error) {
      ledger.fail(token, { error: asError(error) });
    }
    ledger.release(token);
  }

  /** The breaker lets it go. */
  admitted(): void {
    this.waiting = !this.owner.running;
    if (!this.waiting && !this.landed) this.go();
  }

  /** Flows run again. */
  resume(): void {
    if (this.waiting) this.send();
  }

  /** True when the message is in the flow or its dead letter is being written: it may still finish. */
  get underWay(): boolean {
    return this.token !== undefined;
  }

  /** The source closes: the record must come again. */
  abandon(): void {
    if (this.landed) return;
    clearTimeout(this.timer);
    const { token } = this;
    if (token !== undefined && !token.settled)
      this.owner.ledger.end(token, { error: new Error("its source closed"), interrupted: true });
    this.land("abandoned");
  }

  settled(token: Token, failure: TokenFailure | undefined): void {
    if (token !== this.token || this.landed) return;
    const cause = failure ?? (token.deliveries > 0 ? undefined : unwired);
    if (cause === undefined) this.land(this.dead === undefined ? "delivered" : "dead-lettered", this.dead);
    else if (this.owner.closing) this.land("abandoned", causeOf(cause));
    else {
      this.stopResting();
      // Another process has the record.
      if (this.emission.tenure?.over && !this.emission.once) return this.land("abandoned", causeOf(cause));
      if (cause === unwired) this.owner.warn(unwired.error.message);
      this.judge(cause);
    }
  }

  rests(held: boolean): void {
    if (this.landed || held === this.resting) return;
    this.resting = held;
    if (held && this.owner.breaker.busy) this.owner.breaker.ended(this, false);
    const { records, bytes } = this.emission;
    this.owner.options.onHeld?.(this.emission, held ? records : -records, held ? bytes : -bytes);
  }

  private stopResting(): void {
    if (this.resting) this.rests(false);
  }

  private judge(failure: TokenFailure): void {
    const { retry } = this.owner.options;
    const interrupted = failure.interrupted ?? false;
    let failed: readonly FailedElement[] | undefined;
    if (failure.elements !== undefined) {
      try {
        failed = failedOf(failure, this.emission.message(this.elements).payload);
      } catch (error) {
        this.owner.warn(`a record could not be made again: ${messageOf(error)}`);
      }
    }
    const original = (position: number): number => this.elements?.[position] ?? position;
    const fateOf = (error: Error): Fate => (interrupted ? "later" : FATES[kindOf(error, failure.message)]);
    const errors = failed === undefined ? [failure.error] : failed.map((element) => element.error);
    const fates = errors.map(fateOf);
    if (fates.some((fate) => fate !== "later")) this.tries += 1;
    const away = errors.filter((_error, index) => fates[index] === "later");
    if (!interrupted && (away.length === 0 || !away.every(isUndone)))
      this.tellBreaker(
        failure,
        away.find((error) => !isUndone(error)),
      );
    const over = (error: Error): boolean => {
      const fate = fateOf(error);
      return fate === "never" || this.emission.once === true || (fate === "again" && this.tries >= retry.attempts);
    };
    const cause = causeOf(failure);
    if (failed === undefined) {
      const isOver = over(failure.error);
      if (this.undone(cause, isOver ? "all" : [])) return;
      if (isOver) this.bury(cause, undefined, undefined);
      else this.again();
      return;
    }
    const dead = failed.filter((element) => over(element.error));
    const left = failed.filter((element) => !over(element.error)).map((element) => original(element.index));
    const named = dead.map((element) => ({ index: original(element.index), error: element.error }));
    if (this.undone(cause, named)) return;
    if (dead.length > 0) this.bury({ ...cause, elements: named }, named, left);
    else {
      this.elements = left;
      this.again();
    }
  }

  /** True when the source undoes the try: what becomes of its records is the source's. */
  private undone(failure: Failure, dead: FailedTry["dead"]): boolean {
    if (!this.emission.undo?.({ failure, tries: this.tries, dead })) return false;
    this.land("abandoned", failure);
    return true;
  }

  private tellBreaker({ node }: TokenFailure, unreachable: Error | undefined): void {
    const { breaker } = this.owner;
    this.stoppedBy = unreachable && node?.id;
    if (unreachable !== undefined && node !== undefined) breaker.failed(this, node, unreachable);
    else if (breaker.busy) breaker.ended(this, false);
  }

  private again(): void {
    const { initialDelay, maxDelay } = this.owner.options.retry;
    this.token = undefined;
    this.timer = setTimeout(() => this.send(), backOff(this.delays, initialDelay, maxDelay));
    this.delays += 1;
  }

  /** Writes dead letters until they are durable, then goes on with the elements that are left. */
  private bury(
    failure: Failure,
    dead: readonly FailedElement[] | undefined,
    left: readonly number[] | undefined,
  ): void {
    this.dead = failure;
    const { owner, emission, tries } = this;
    const letter = (error: Error, elements: readonly number[] | undefined): DeadLetter => ({
      id: randomUUID(),
      message: remake(emission, elements),
      ...(emission.originals && { originals: emission.originals(elements) }),
      error,
      ...(failure.node && { node: failure.node }),
      attempts: tries,
      time: Date.now(),
    });
    const letters =
      dead === undefined
        ? [letter(failure.error, this.elements)]
        : dead.map((element) => letter(element.error, [element.index]));
    let refusals = 0;
    const write = (): void => {
      const written = () => {
        if (refusals > 0) owner.options.onDeadLetters?.(undefined);
        if (this.landed) return;
        if (left === undefined || left.length === 0) this.land("dead-lettered", failure);
        else if (owner.closing) this.land("abandoned", failure);
        else {
          this.elements = left;
          this.again();
        }
      };
      const refused = (error: unknown) => {
        if (this.landed) return;
        owner.warn(`dead letters can't be written, so nothing behind them is acknowledged: ${messageOf(error)}`);
        this.timer = setTimeout(write, 250 + backOff(refusals, 500, 30_000));
        refusals += 1;
        owner.options.onDeadLetters?.(asError(error));
      };
      owner.options.deadLetters.write(letters).then(written, refused);
    };
    write();
  }

  private land(verdict: Verdict, failure?: Failure): void {
    if (this.landed) return;
    this.landed = true;
    if (this.timer !== undefined) clearTimeout(this.timer);
    const { breaker } = this.owner;
    if (breaker.busy && verdict === "abandoned") breaker.left(this);
    else if (breaker.busy) breaker.ended(this, verdict === "delivered");
    this.owner.landed(this);
    try {
      if (failure === undefined) this.finished(verdict);
      else this.finished(verdict, failure);
    } catch (error) {
      this.owner.warn(`the source failed while acknowledging: ${messageOf(error)}`);
    }
  }
}

/** Errors of another copy of the pack are no instances of this one's. */
const isUndone = (error: Error): boolean => "undone" in error && error.undone === true;

const causeOf = ({ error, node }: TokenFailure): Failure => (node === undefined ? { error } : { error, node });

const unwired: TokenFailure = {
  error: new Error("the message reached no node: wire the source to a node that is enabled"),
  interrupted: true,
};

/** The message for a dead letter, or what is known of it when it can't be made any more. */
const remake = (emission: Emission, elements: readonly number[] | undefined): Message => {
  try {
    return emission.message(elements);
  } catch (error) {
    return { payload: null, error: { message: `the message could not be made: ${messageOf(error)}` } };
  }
};
