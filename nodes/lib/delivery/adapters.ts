/** Core nodes that can't call done and don't finish when their handler returns (rule 7). */
import { TOKEN } from "./contract";
import { RECEIVED, type Delivered } from "./token";
import type { Place } from "./place";
import type { RedMessage } from "./red";
import type { Tracking } from "./tracking";

interface Parts {
  readonly id?: unknown;
  readonly count?: unknown;
}

const groupOf = (delivered: Delivered): Parts | undefined => {
  const { parts } = delivered.message as RedMessage;
  return typeof parts === "object" && parts !== null ? parts : undefined;
};

/** The first message of what was given to `send`. */
const firstOf = (sent: unknown): RedMessage | undefined => {
  if (Array.isArray(sent)) {
    for (const each of sent) {
      const found = firstOf(each);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return typeof sent === "object" && sent !== null ? (sent as RedMessage) : undefined;
};

/** The oldest delivery of a sequence. */
const oldestOf = (place: Place, id: unknown): Delivered | undefined => {
  for (const delivered of place.held) if (groupOf(delivered)?.id === id) return delivered;
  return undefined;
};

/**
 * The delivery that the switch judges next: the oldest one. A switch that keeps sequences judges a sequence when its
 * last message has come, all of it before anything else.
 */
const oldest = (place: Place): Delivered | undefined => {
  if (!place.sequences) return place.held.first;
  const begun = place.leaving === undefined ? undefined : oldestOf(place, place.leaving);
  if (begun !== undefined) return begun;
  const counts = new Map<unknown, number>();
  for (const delivered of place.held) {
    const group = groupOf(delivered);
    if (group?.id === undefined) return delivered;
    const count = (counts.get(group.id) ?? 0) + 1;
    counts.set(group.id, count);
    const size = group.count ?? sizeOf(place, group.id);
    if (count === size) return oldestOf(place, group.id);
  }
  return undefined;
};

/** The length of a sequence, which only some of its messages may tell. */
const sizeOf = (place: Place, id: unknown): unknown => {
  for (const delivered of place.held) {
    const group = groupOf(delivered);
    if (group?.id === id && group?.count !== undefined) return group.count;
  }
  return undefined;
};

/**
 * The switch calls `send` once for every message that it has judged, with nothing in it when no rule matched, in the
 * order of arrival (sequences: when they are whole). So its `send` is its `done`. It warns, and sends nothing, when
 * its property can't be evaluated.
 */
export const adaptSwitch = (place: Place, tracking: Tracking): void => {
  const { node } = place;
  let inner = node.send;
  const judged = (sent: unknown): void => {
    if (place.held.size === 0) return;
    const message = firstOf(sent);
    let delivered = message === undefined ? undefined : place.held.get(message);
    if (delivered === undefined && message !== undefined) {
      const token = tracking.ledger.find(message[TOKEN]);
      for (let one = token?.first; delivered === undefined && one !== undefined; one = one.next)
        if (one.place === place && one.phase === RECEIVED) delivered = one;
    }
    delivered ??= message === undefined ? oldest(place) : undefined;
    if (delivered === undefined) return;
    if (place.sequences) place.leaving = groupOf(delivered)?.id;
    tracking.complete(place, delivered);
  };
  const send = (sent: unknown): void => {
    inner.call(node, sent);
    judged(sent);
  };
  // A rewiring deploy assigns `send` anew. An accessor would meet that too, but V8 keeps an object whose property became
  // one as a dictionary, in which every property of the switch is slower to read.
  const { updateWires } = node;
  node.send = send;
  if (updateWires !== undefined)
    node.updateWires = (wires: unknown): void => {
      updateWires.call(node, wires);
      inner = node.send;
      node.send = send;
    };
  const { warn } = node;
  node.warn = (text: unknown): void => {
    warn.call(node, text);
    const delivered = oldest(place);
    if (delivered === undefined) return;
    tracking.ledger.fail(delivered.token, { error: new Error(`the switch could not judge it: ${String(text)}`), node });
    tracking.complete(place, delivered);
  };
  place.undo.push(() => {
    Reflect.deleteProperty(node, "warn");
    Reflect.deleteProperty(node, "updateWires");
    node.send = inner;
  });
};
