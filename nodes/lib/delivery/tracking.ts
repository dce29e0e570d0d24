/** Follows every delivery of a token through Node-RED: rules 3 to 7 of docs/delivery.md. */
import { asError } from "../errors";
import { adaptSwitch } from "./adapters";
import { TOKEN, type FailedElement } from "./contract";
import type { Ledger } from "./ledger";
import { COMING, RECEIVED, type Delivered, type Token, type TokenFailure } from "./token";
import { Place } from "./place";
import { soon } from "./soon";
import type { CompleteEvent, ReceiveEvent, RedMessage, RedNode, SendEvent } from "./red";

/** On a node instance: its place, while hooks are installed. */
const PLACE = Symbol.for("citystream.delivery.place");
type Placed = RedNode & { [PLACE]?: Place };

export interface TrackingOutlets {
  /** A message came under a token that is settled: a branch that outlived its record. */
  late(node: RedNode): void;
  /** The delivery is over after a grace time, whatever the node does. */
  grace(delivered: Delivered, place: Place): void;
  /** The node can't show when it is done, so it is believed after the grace time. */
  unverified(place: Place): void;
}

export class Tracking {
  readonly places = new Set<Place>();
  /** Places that were closed and whose deliveries still have to fail. */
  readonly closed = new Set<Place>();
  /** While nodes are being closed it isn't known yet whose completions can be believed: they are kept here. */
  deferred: { readonly delivered: Delivered; readonly place: Place }[] | undefined;
  /** What was sent in this turn by nodes that hold deliveries; the array is kept, only `sents` of it count. */
  private readonly sent: Delivered[] = [];
  private sents = 0;

  constructor(
    readonly ledger: Ledger,
    private readonly outlets: TrackingOutlets,
  ) {}

  readonly preDeliver = (event: SendEvent): void => {
    const message = event.msg;
    const id = message[TOKEN];
    const sender = (event.source.node as Placed)[PLACE];
    let token: Token | undefined;
    if (id === undefined) {
      if (sender === undefined || sender.held.size === 0) return;
      token = this.adopt(sender, message);
      if (token === undefined) return;
    } else {
      token = this.ledger.find(id);
      if (token === undefined) return this.late(id, event.source.node);
    }
    const { node } = event.destination;
    if (node === undefined) return;
    const place = this.placeOf(node);
    const holds = sender !== undefined && sender.held.size > 0;
    const delivered = this.ledger.enter(token, place, message, holds ? sender : undefined);
    place.expect(delivered);
    if (holds) {
      this.sent[this.sents] = delivered;
      this.sents += 1;
      this.forwards(sender, token, message);
    }
  };

  readonly onReceive = (event: ReceiveEvent): void => {
    const message = event.msg;
    const node = event.destination.node as Placed;
    let place = node[PLACE];
    let delivered = place?.arrive(message);
    if (delivered !== undefined) {
      // Only a delivery that was under way begins a turn: what is handed over directly happens within its sender's.
      this.sents = 0;
    } else {
      const id = message[TOKEN];
      if (id === undefined) return;
      const token = this.ledger.find(id);
      if (token === undefined) return this.late(id, node);
      place = this.placeOf(node);
      delivered = this.ledger.enter(token, place, message, undefined);
    }
    if (place === undefined) return;
    delivered.since = this.ledger.now;
    place.receive(delivered);
    if (place.closed || place.deaf) this.lose(place, delivered);
    else if (place.completion !== "done") this.onReturn(place, delivered);
  };

  readonly onComplete = (event: CompleteEvent): void => {
    const place = (event.node.node as Placed)[PLACE];
    const delivered = place?.held.get(event.msg);
    if (place === undefined || delivered === undefined) return;
    if (!event.error && !delivered.forwarded && this.sents > 0) this.merge(place, delivered);
    if (this.deferred === undefined || place.trusted) this.complete(place, delivered);
    else {
      place.forget(delivered);
      this.deferred.push({ delivered, place });
    }
  };

  /** The delivery is finished in its node. */
  complete(place: Place, delivered: Delivered): void {
    if (delivered.over) return;
    place.forget(delivered);
    place.completed = this.ledger.now;
    this.ledger.leave(delivered);
  }

  /** Everything that the node holds or would receive fails. */
  loseAll(place: Place): void {
    for (const delivered of place.all()) this.lose(place, delivered);
  }

  /** The token under which a message without one belongs, when a node that holds deliveries sends it (rule 4). */
  adopt(place: Place, message: RedMessage): Token | undefined {
    const token = this.likely(place, message);
    if (token !== undefined) message[TOKEN] = token.id;
    return token;
  }

  /** The place of a node instance, made at the first delivery. */
  placeOf(instance: RedNode): Place {
    const node = instance as Placed;
    const known = node[PLACE];
    if (known !== undefined) return known;
    const place = new Place(node);
    Object.defineProperty(node, PLACE, { value: place, configurable: true, enumerable: false });
    this.places.add(place);
    this.watchErrors(place);
    if (place.completion === "send") adaptSwitch(place, this);
    node.on("close", () => {
      if (node[PLACE] !== place) return;
      place.closed = true;
      this.closed.add(place);
    });
    return place;
  }

  /** The place of a node instance, if a delivery ever came there. */
  knownPlace(node: RedNode): Place | undefined {
    return (node as Placed)[PLACE];
  }

  /** Leaves node instances as Node-RED made them. */
  forgetPlaces(): void {
    for (const place of this.places) {
      for (const undo of place.undo) undo();
      Reflect.deleteProperty(place.node, PLACE);
    }
    this.places.clear();
    this.closed.clear();
    this.sent.length = this.sents = 0;
  }

  private late(id: unknown, node: RedNode): void {
    if (this.ledger.isLate(id)) this.outlets.late(node);
  }

  /** A delivery fails with its node. */
  lose(place: Place, delivered: Delivered): void {
    const { node } = place;
    const failure: TokenFailure = place.closed
      ? { error: new Error("its node was closed while it held the message"), node, interrupted: true }
      : { error: new Error("the node takes no messages: check its settings and the log of its start"), node };
    this.ledger.fail(delivered.token, failure);
    place.forget(delivered);
    this.ledger.leave(delivered);
  }

  private likely(place: Place, message: RedMessage): Token | undefined {
    const { last, held } = place;
    if (last !== undefined && !last.over && (last.message as RedMessage)._msgid === message._msgid) return last.token;
    let first: Token | undefined;
    let several = false;
    for (const delivered of held) {
      if (message._msgid !== undefined && (delivered.message as RedMessage)._msgid === message._msgid)
        return delivered.token;
      if (first === undefined) first = delivered.token;
      else if (first !== delivered.token) several = true;
    }
    if (!several) return first;
    if (place.wide?.version === place.version && !place.wide.token.settled) return place.wide.token;
    const token = this.ledger.composite(
      place.all().flatMap((delivered) => (delivered.phase === RECEIVED ? [delivered.token] : [])),
    );
    place.wide = { token, version: place.version };
    return token;
  }

  /** Marks the delivery that a node passes on. */
  private forwards(sender: Place, token: Token, message: RedMessage): void {
    const same = sender.held.get(message);
    if (same?.token === token) {
      same.forwarded = true;
      return;
    }
    for (let one = token.first; one !== undefined; one = one.next)
      if (one.place === sender && one.phase === RECEIVED) {
        one.forwarded = true;
        return;
      }
  }

  /**
   * A node that completes a delivery which it never passed on, in the turn in which it sent something else, has put the
   * one into the other (join, batch): what was sent then carries a composite of both (rule 5).
   */
  private merge(place: Place, delivered: Delivered): void {
    const { token } = delivered;
    const mine = this.sent.slice(0, this.sents).filter((sent) => sent.from === place && sent.phase === COMING);
    if (mine.some((sent) => sent.token === token || sent.token.children?.has(token))) return;
    const merged = new Map<Token, Token>();
    for (const sent of mine) {
      const before = sent.token;
      let composite = merged.get(before);
      if (composite === undefined) {
        // A composite made for this turn's output takes more children; any other token gets a new one around it.
        const alone =
          before.children !== undefined && mine.filter((one) => one.token === before).length === before.count;
        composite = alone ? before : this.ledger.composite([before, token]);
        merged.set(before, composite);
      }
      if (composite === before) this.ledger.include(before, token);
      else {
        this.ledger.move(sent, composite);
        (sent.message as RedMessage)[TOKEN] = composite.id;
      }
    }
  }

  /** After the handler of a node that can't call done. */
  private onReturn(place: Place, delivered: Delivered): void {
    if (place.completion === "send") return;
    soon(() => {
      if (delivered.over || delivered.place !== place) return;
      if (place.completion === "return") this.complete(place, delivered);
      else if (place.completion === "sync") {
        if (delivered.forwarded) this.complete(place, delivered);
        else {
          this.outlets.unverified(place);
          this.outlets.grace(delivered, place);
        }
      }
    });
  }

  /** Rule 6: an error fails the token unless a Catch node takes it, which shows as a delivery during the call. */
  private watchErrors(place: Place): void {
    const { node } = place;
    const original = node.error;
    node.error = (thrown: unknown, about?: unknown): void => {
      const message = typeof about === "object" && about !== null ? (about as RedMessage) : undefined;
      const token = message === undefined ? undefined : this.tokenOfError(place, message);
      if (message === undefined || token === undefined || token.settled) return original.call(node, thrown, about);
      const before = token.deliveries;
      try {
        original.call(node, thrown, about);
      } finally {
        if (token.deliveries === before) this.ledger.fail(token, failureOf(thrown, message, node));
        this.afterError(place, token, message);
      }
    };
    place.undo.push(() => Reflect.deleteProperty(node, "error"));
  }

  private tokenOfError(place: Place, message: RedMessage): Token | undefined {
    const id = message[TOKEN];
    if (id !== undefined) return this.ledger.find(id);
    return place.held.size === 0 ? undefined : this.adopt(place, message);
  }

  /** A node that reports an error may never call done. */
  private afterError(place: Place, token: Token, message: RedMessage): void {
    let delivered = place.held.get(message);
    for (let one = token.first; delivered === undefined && one !== undefined; one = one.next)
      if (one.place === place && one.phase === RECEIVED) delivered = one;
    if (delivered === undefined) return;
    if (place.completion === "send") this.complete(place, delivered);
    else this.outlets.grace(delivered, place);
  }
}

const failureOf = (thrown: unknown, message: RedMessage, node: RedNode): TokenFailure => {
  const error = asError(thrown);
  const elements =
    "elements" in error && Array.isArray(error.elements) ? (error.elements as FailedElement[]) : undefined;
  return elements === undefined ? { error, node } : { error, node, elements, payload: message.payload };
};
