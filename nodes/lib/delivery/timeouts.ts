/** Deliveries that rest too long (rule 9), and those believed after a grace time (rules 6 and 7). One timer for all. */
import type { Ledger } from "./ledger";
import { BUSY, RECEIVED, type Delivered, type Token, type Whereabouts } from "./token";

/** What a place tells of its pace. */
export interface Paced extends Whereabouts {
  /** When it last completed a delivery, by the ledger's clock. */
  readonly completed: number;
  /** Extra time that a delivery may rest there, in ms. */
  readonly rest: number;
}

/** How long a node that can't call done, or reported an error without it, is waited for, in ms. */
export const GRACE = 1_000;

export const SWEEP_INTERVAL = 250;

/** How a node is named for people: type, name and id. */
export const nameOf = (node: { readonly id: string; readonly type: string; readonly name?: string }): string =>
  `${node.type}${node.name ? ` "${node.name}"` : ""} (${node.id})`;

/** The first delivery of a token that has rested for longer than it may, by the clock of a node that isn't busy. */
const overdue = (token: Token, now: number): Delivered | undefined => {
  for (let one = token.first; one !== undefined; one = one.next) {
    if (one.hold !== undefined) continue;
    const place = one.place as Paced;
    const since = Math.max(one.since, place.completed);
    if (now - since > token.timeout + place.rest) return one;
  }
  return undefined;
};

/** Ends the tokens that rest too long, oldest first, and names the nodes in which they rest. */
export const sweep = (ledger: Ledger, shortest: number): void => {
  const { now } = ledger;
  const stuck: { token: Token; delivered: Delivered }[] = [];
  for (let token = ledger.tokens.oldest; token !== undefined; token = token.newer) {
    if (now - token.opened <= shortest) break;
    if (token.rests !== BUSY) continue;
    const delivered = overdue(token, now);
    if (delivered !== undefined) stuck.push({ token, delivered });
  }
  for (const { token, delivered } of stuck) {
    const { node } = delivered.place;
    const names = new Set<string>();
    for (let one = token.first; one !== undefined && names.size < 5; one = one.next)
      if (one.hold === undefined) names.add(nameOf(one.place.node));
    const seconds = Math.round(token.timeout / 100) / 10;
    const error = new Error(`not finished within ${seconds} s: it rests in ${[...names].join(", ")}`);
    error.name = "DeliveryTimeout";
    ledger.end(token, { error, node });
  }
};

/** How long the other branches of a record that a deploy interrupted are waited for before it is sent again, in ms. */
const INTERRUPTED_REST = 2_000;

/**
 * Ends failed tokens whose other branches would only keep the record from being sent again:
 * - nothing is left but link calls waiting for an answer: what should have answered failed, or was closed;
 * - a deploy interrupted it, and what is left may wait for what was lost, as a join does.
 */
export const endStranded = (ledger: Ledger): void => {
  for (const [token, failed] of ledger.failed) {
    if (token.failure?.interrupted && ledger.now - failed > INTERRUPTED_REST) {
      ledger.end(token, token.failure);
      continue;
    }
    let calls = 0;
    let one = token.first;
    while (one?.phase === RECEIVED && one.place.node.type === "link call") {
      calls += 1;
      one = one.next;
    }
    if (one === undefined && calls > 0 && calls === token.count && token.failure !== undefined)
      ledger.end(token, token.failure);
  }
};

/** Deliveries that are over after the grace time, in the order in which their time comes. */
export class Graces {
  private waiting: { readonly delivered: Delivered; readonly due: number; readonly over: () => void }[] = [];

  /** Calls `over` after the grace time, unless the delivery is over before. */
  add(delivered: Delivered, now: number, over: () => void): void {
    this.waiting.push({ delivered, due: now + GRACE, over });
  }

  sweep(now: number): void {
    let count = 0;
    for (const { delivered, due, over } of this.waiting) {
      if (due > now) break;
      count += 1;
      if (!delivered.over) over();
    }
    if (count > 0) this.waiting = this.waiting.slice(count);
  }

  clear(): void {
    this.waiting = [];
  }
}
