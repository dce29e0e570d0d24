/** What a node reports by `node.error` (rule 6). */
import { asError } from "../errors";
import { TOKEN, type FailedElement } from "./contract";
import type { Place } from "./place";
import type { RedMessage, RedNode } from "./red";
import { RECEIVED, type Token, type TokenFailure } from "./token";
import type { Tracking } from "./tracking";

/**
 * Wraps `error` of a node instance: an error fails the token of its message unless a Catch node takes it, which shows as
 * a delivery of the token during the call.
 */
export const watchErrors = (place: Place, tracking: Tracking): void => {
  const { node } = place;
  const original = node.error;
  const own = Object.hasOwn(node, "error");
  node.error = (thrown: unknown, about?: unknown): void => {
    const message = typeof about === "object" && about !== null ? (about as RedMessage) : undefined;
    const token = message === undefined ? undefined : tokenOf(place, message, tracking);
    if (message === undefined || token === undefined || token.settled) return original.call(node, thrown, about);
    const before = token.deliveries;
    try {
      original.call(node, thrown, about);
    } finally {
      if (token.deliveries === before) tracking.ledger.fail(token, failureOf(thrown, message, node));
      afterwards(place, token, message, tracking);
    }
  };
  place.undo.push(() => {
    if (own) node.error = original;
    else Reflect.deleteProperty(node, "error");
  });
};

const tokenOf = (place: Place, message: RedMessage, tracking: Tracking): Token | undefined => {
  const id = message[TOKEN];
  if (id !== undefined) return tracking.ledger.find(id);
  return place.held.size === 0 ? undefined : tracking.adopt(place, message);
};

/** A node that reports an error may never call done. */
const afterwards = (place: Place, token: Token, message: RedMessage, tracking: Tracking): void => {
  let delivered = place.held.get(message);
  for (let one = token.first; delivered === undefined && one !== undefined; one = one.next)
    if (one.place === place && one.phase === RECEIVED) delivered = one;
  if (delivered === undefined) return;
  if (place.completion === "send") tracking.complete(place, delivered);
  else tracking.outlets.grace(delivered, place);
};

const failureOf = (thrown: unknown, message: RedMessage, node: RedNode): TokenFailure => {
  const error = asError(thrown);
  const elements =
    "elements" in error && Array.isArray(error.elements) ? (error.elements as FailedElement[]) : undefined;
  return elements === undefined
    ? { error, node, message }
    : { error, node, message, elements, payload: message.payload };
};
