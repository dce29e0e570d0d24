/** Follows every delivery of a token through Node-RED: rules 3 to 7 of docs/delivery.md. */
import { adaptSwitch } from "./adapters";
import { TOKEN } from "./contract";
import type { Ledger } from "./ledger";
import { COMING, ENDED, isUndoable, RECEIVED, type Delivered, type Token, type TokenFailure } from "./token";
import { merge } from "./merge";
import { Near, Place, PLACE, type Placed } from "./place";
import { watchErrors } from "./node-errors";
import { soon } from "./soon";
import type { CompleteEvent, ReceiveEvent, RedMessage, RedNode, SendEvent } from "./red";

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
  /** What was sent in this turn by nodes that hold deliveries: the first `sents`; the array is kept, what was in it is not. */
  private readonly sent: (Delivered | undefined)[] = [];
  private sents = 0;
  /** Who sent something in this turn that had nowhere to go: what they put into it is lost with it. */
  private readonly missed = new Set<Place>();

  /** Who sent something in this turn under a try that had ended: what they put into it comes to nothing. */
  private readonly outdated = new Set<Place>();
  private readonly sending = new Near();
  private readonly awaiting = new Near();
  private readonly treating = new Near();

  constructor(
    readonly ledger: Ledger,
    readonly outlets: TrackingOutlets,
  ) {}

  delivering(event: SendEvent): void {
    const message = event.msg;
    const id = message[TOKEN];
    const sender = this.sending.of(event.source.node);
    const holds = sender !== undefined && sender.held.size > 0;
    // The usual case first: a node passes on the very object that it received.
    const passed = holds && id !== undefined ? sender.held.get(message) : undefined;
    const token = passed !== undefined && passed.token.id === id ? passed.token : this.tokenOf(event, sender);
    if (token === undefined) return;
    const { node } = event.destination;
    if (typeof node?.receive !== "function") return this.miss(event.source.node, message);
    const place = this.awaiting.of(node) ?? this.placeOf(node);
    const delivered = this.ledger.enter(token, place, message, holds ? sender : undefined);
    place.expect(delivered);
    if (!holds) return;
    this.sent[this.sents] = delivered;
    this.sents += 1;
    if (passed?.token === token) passed.forwarded = true;
    else this.forwards(sender, token);
  }

  /** The token of what is delivered, found by its id or by what the sender holds. */
  private tokenOf({ msg, source }: SendEvent, sender: Place | undefined): Token | undefined {
    const id = msg[TOKEN];
    if (id === undefined) {
      const ended = sender?.endedOf(msg);
      if (ended !== undefined) msg[TOKEN] = ended;
      return ended !== undefined || sender === undefined || sender.held.size === 0
        ? undefined
        : this.adopt(sender, msg);
    }
    const token = this.ledger.find(id);
    if (token !== undefined) return token;
    this.late(id, source.node);
    if (sender === undefined || sender.held.first === undefined) return undefined;
    if (this.ledger.isEnded(id)) {
      // What the sender puts into it will not be stored.
      this.outdated.add(sender);
      return undefined;
    }
    // A join may have put what it holds into a message of a record that was ended or never ours.
    const carrier = this.ledger.carrier(sender.held.first.token.timeout);
    msg[TOKEN] = carrier.id;
    return carrier;
  }

  receiving(event: ReceiveEvent): void {
    const message = event.msg;
    const { node } = event.destination;
    let place = this.treating.of(node);
    let delivered = place?.arrive(message);
    if (delivered !== undefined) {
      // Only a delivery that was under way begins a turn: what is handed over directly happens within its sender's.
      while (this.sents > 0) this.sent[--this.sents] = undefined;
      if (this.missed.size > 0) this.missed.clear();
      if (this.outdated.size > 0) this.outdated.clear();
    } else {
      const id = message[TOKEN];
      if (id === undefined) return;
      const token = this.ledger.find(id);
      if (place?.closed) {
        if (token !== undefined) this.ledger.fail(token, { ...CLOSED, node });
        return;
      }
      if (token === undefined) {
        if (this.ledger.isEnded(id)) this.placeOf(node).outlived(message, id);
        return this.late(id, node);
      }
      place = this.placeOf(node);
      delivered = this.ledger.enter(token, place, message, undefined);
    }
    if (place === undefined) return;
    delivered.since = this.ledger.now;
    place.receive(delivered);
    if (place.closed || place.deaf) this.lose(place, delivered);
    else if (place.completion !== "done") this.onReturn(place, delivered);
  }

  completing(event: CompleteEvent): void {
    const place = this.treating.of(event.node.node);
    if (place === undefined) return;
    const delivered = place.held.get(event.msg);
    if (delivered === undefined) {
      if (place.outlives.size > 0 && place.outlives.delete(event.msg)) this.spoil(place);
      return;
    }
    if (!event.error && !delivered.forwarded) {
      if (this.outdated.has(place)) this.ledger.fail(delivered.token, ENDED);
      if (this.missed.has(place)) this.ledger.fail(delivered.token, { ...NOT_THERE, node: place.node });
      if (this.sents > 0) merge(this.ledger, place, delivered, this.sentNow());
    }
    if (this.deferred === undefined || place.trusted) this.complete(place, delivered);
    else {
      place.forget(delivered);
      this.deferred.push({ delivered, place });
    }
  }

  /** The sender's message has nowhere to go: while flows are deployed, Node-RED drops it without an event. */
  miss(sender: RedNode, message: RedMessage): void {
    const place = this.knownPlace(sender);
    const id = message[TOKEN];
    const holds = place !== undefined && place.held.size > 0;
    const token = id === undefined && holds ? this.adopt(place, message) : this.ledger.find(id);
    if (token !== undefined) this.ledger.fail(token, { ...NOT_THERE, node: sender });
    if (holds) this.missed.add(place);
  }

  /** The delivery is finished in its node. */
  complete(place: Place, delivered: Delivered): void {
    if (delivered.over) return;
    place.forget(delivered);
    place.completed = this.ledger.now;
    this.ledger.leave(delivered);
  }

  /** Everything that the node holds or would receive fails. */
  loseAll(place: Place): void {
    for (const delivered of place.everything()) this.lose(place, delivered);
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
    watchErrors(place, this);
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
      for (const undo of place.undo.toReversed()) undo();
      Reflect.deleteProperty(place.node, PLACE);
    }
    this.places.clear();
    this.closed.clear();
    for (const near of [this.sending, this.awaiting, this.treating]) near.forget();
    this.sent.length = this.sents = 0;
  }

  private late(id: unknown, node: RedNode): void {
    if (this.ledger.isLate(id)) this.outlets.late(node);
  }

  /** A delivery fails with its node. */
  lose(place: Place, delivered: Delivered): void {
    const { node } = place;
    const failure: TokenFailure = place.closed
      ? { ...CLOSED, node }
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

  private sentNow(): Delivered[] {
    return this.sent.slice(0, this.sents) as Delivered[];
  }

  /** The node has completed something of an ended try: what it sent in this turn may hold that, as with a merge. */
  private spoil(place: Place): void {
    for (const sent of this.sentNow())
      if (sent.from === place && sent.phase === COMING && isUndoable(sent.token.id))
        this.ledger.fail(sent.token, ENDED);
  }

  /** Marks the delivery that a node passes on. */
  private forwards(sender: Place, token: Token): void {
    for (let one = token.first; one !== undefined; one = one.next)
      if (one.place === sender && one.phase === RECEIVED) {
        one.forwarded = true;
        return;
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
}

export const CLOSED: TokenFailure = {
  error: new Error("its node was closed while it held the message"),
  interrupted: true,
};
const NOT_THERE: TokenFailure = {
  error: new Error("its destination was not there: flows were being deployed"),
  interrupted: true,
};
