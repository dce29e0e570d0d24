/**
 * What a subscriber has received at QoS 1 and 2 and not acknowledged yet: decides which acknowledgement may go out
 * when, over reconnections. No I/O.
 *
 * PUBACKs go out in the order of their PUBLISHes, and so do PUBRECs (MQTT-4.6.0-2, MQTT-4.6.0-3): a finished message
 * waits for those before it. An acknowledgement belongs to the connection on which its message came: after a reconnect
 * the same message id may belong to another message. With its session the broker sends again what it has no
 * acknowledgement of, under the same message id (MQTT-4.4.0-1); what is still in flight then is matched.
 */
import { Deque } from "./deque";

/** The parts of a PUBLISH at QoS 1 or 2 that identify it. */
export interface Publish {
  readonly qos: 1 | 2;
  readonly messageId: number;
  readonly topic: string;
  readonly payload: Buffer;
}

/** One message between its PUBLISH and its acknowledgement. */
export interface InFlight {
  readonly publish: Publish;
  /** Done downstream; acknowledged as soon as its turn comes. */
  finished: boolean;
}

/** PUBACK finishes a QoS 1 message; PUBREC tells the broker to forget the payload of a QoS 2 message. */
export interface Acknowledgement {
  readonly cmd: "puback" | "pubrec";
  readonly messageId: number;
}

/** What to do with a PUBLISH: emit it, or only send what is due, since it is known. */
export type Arrival = { readonly fresh: InFlight } | { readonly known: true; readonly due: readonly Acknowledgement[] };

export class Unacknowledged {
  /** Counts connections; 0 before the first. */
  epoch = 0;
  readonly #order = { 1: new Deque<InFlight>(), 2: new Deque<InFlight>() };
  readonly #fromLostConnections = new Map<number, InFlight>();
  /** QoS 2 message ids between our PUBREC and the broker's PUBREL: a PUBLISH of one is the same message again. */
  readonly #released = new Set<number>();

  /** Messages of the present connection that the broker waits for. */
  get size(): number {
    return this.#order[1].size + this.#order[2].size;
  }

  /** A connection begins. Without the session of before, the broker has forgotten what we did not acknowledge. */
  connected(sessionPresent: boolean): void {
    this.disconnected();
    this.epoch += 1;
    if (sessionPresent) return;
    this.#fromLostConnections.clear();
    this.#released.clear();
  }

  /** The connection is gone: nothing of it can be acknowledged any more. */
  disconnected(): void {
    for (const order of [this.#order[1], this.#order[2]])
      for (let lost = order.shift(); lost; lost = order.shift())
        this.#fromLostConnections.set(lost.publish.messageId, lost);
  }

  arrived(publish: Publish): Arrival {
    const { qos, messageId } = publish;
    if (qos === 2 && this.#released.has(messageId)) return { known: true, due: [{ cmd: "pubrec", messageId }] };
    const before = this.#fromLostConnections.get(messageId);
    if (before) {
      this.#fromLostConnections.delete(messageId);
      if (isSame(before.publish, publish)) {
        this.#order[qos].push(before);
        return { known: true, due: this.#due(qos) };
      }
    }
    const fresh: InFlight = { publish, finished: false };
    this.#order[qos].push(fresh);
    return { fresh };
  }

  /** A message is done downstream: returns the acknowledgements that may go out now, in their order. */
  finished(inFlight: InFlight): readonly Acknowledgement[] {
    inFlight.finished = true;
    return this.#due(inFlight.publish.qos);
  }

  /** The broker's PUBREL: the message id is free for another message. */
  pubrel(messageId: number): void {
    this.#released.delete(messageId);
  }

  #due(qos: 1 | 2): Acknowledgement[] {
    const due: Acknowledgement[] = [];
    const order = this.#order[qos];
    for (let first = order.peek(); first?.finished; first = order.peek()) {
      order.shift();
      const { messageId } = first.publish;
      if (qos === 2) this.#released.add(messageId);
      due.push({ cmd: qos === 1 ? "puback" : "pubrec", messageId });
    }
    return due;
  }
}

const isSame = (a: Publish, b: Publish): boolean =>
  a.qos === b.qos && a.topic === b.topic && a.payload.equals(b.payload);
