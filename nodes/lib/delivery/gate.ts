/** What passes a gate: each message has a token of its own, a leg, whose end the gate's node is told. */
import {
  TOKEN,
  type FailedElement,
  type Failure,
  type Gate,
  type GateOptions,
  type Leg,
  type Message,
} from "./contract";
import type { Ledger } from "./ledger";
import { nextTurn } from "./soon";
import type { Token, TokenFailure, TokenOwner } from "./token";

/** What the runtime gives a gate. */
export interface GateSurroundings {
  readonly ledger: Ledger;
  /** Hands a message to the flow. */
  send(message: unknown): void;
  /** Asks the holders of what these owners' tokens stand for to let go of it. */
  relieve(owns: (owner: unknown) => boolean): void;
  closed(gate: Passage): void;
}

export class Passage implements Gate {
  running = false;
  private isClosed = false;
  /** Legs that have ended in this turn, to be told in the next. */
  private over: (() => void)[] = [];

  constructor(
    private readonly surroundings: GateSurroundings,
    readonly options: GateOptions,
  ) {}

  tracked(message: Message): boolean {
    return this.surroundings.ledger.find(message[TOKEN]) !== undefined;
  }

  ended(message: Message): boolean {
    return message[TOKEN] !== undefined && !this.tracked(message);
  }

  pass(message: Message, from: Message, leg: Leg, port = 0): void {
    if (!this.running) throw new Error("flows are not running: pass only between onFlows(true) and onFlows(false)");
    const { ledger } = this.surroundings;
    const part = ledger.find(from[TOKEN]);
    const token = ledger.leg(new PassedLeg(this, leg), part === undefined ? [] : [part]);
    message[TOKEN] = token.id;
    try {
      this.surroundings.send(port === 0 ? message : [...Array<null>(port).fill(null), message]);
    } finally {
      ledger.release(token);
    }
  }

  relieve(): void {
    this.surroundings.relieve((owner) => owner instanceof PassedLeg && owner.gate === this);
  }

  close(): void {
    this.isClosed = true;
    this.running = false;
    this.surroundings.closed(this);
  }

  /** Flows start or stop. */
  flows(running: boolean): void {
    if (this.isClosed || this.running === running) return;
    this.running = running;
    this.options.onFlows(running);
  }

  /** Tells the node later: it may send at once, which must not happen while the ledger settles. */
  tell(what: () => void): void {
    if (this.isClosed) return;
    this.over.push(what);
    if (this.over.length > 1) return;
    nextTurn(() => {
      const { over } = this;
      this.over = [];
      for (const one of over) if (!this.isClosed) one();
    });
  }
}

/** A leg as the ledger knows it. */
class PassedLeg implements TokenOwner {
  private told = false;

  constructor(
    readonly gate: Passage,
    private readonly leg: Leg,
  ) {}

  get timeout(): number {
    return this.gate.options.timeout;
  }

  settled(_token: Token, failure: TokenFailure | undefined): void {
    this.end(failure);
  }

  rests(held: boolean): void {
    const { leg } = this;
    if (leg.rests && !this.told) this.gate.tell(() => leg.rests?.(held));
  }

  gathered(): void {
    this.end(undefined);
  }

  passOn(failure: TokenFailure): TokenFailure {
    const { element } = this.leg;
    if (element === undefined) return failure;
    const { error } = failure;
    const elements: readonly FailedElement[] = [{ index: element.index, error }];
    return { ...failure, elements, payload: element.payload };
  }

  private end(failure: TokenFailure | undefined): void {
    if (this.told) return;
    this.told = true;
    this.gate.tell(() => this.leg.ended(failure && failureOf(failure)));
  }
}

const failureOf = ({ error, node, elements }: TokenFailure): Failure => ({
  error,
  ...(node && { node }),
  ...(elements && { elements }),
});
