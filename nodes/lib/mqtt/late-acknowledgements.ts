/**
 * When the embedded broker acknowledges a publisher: PUBACK (QoS 1) and PUBREC (QoS 2, after which a publisher forgets
 * the payload) go out when every own session that gets the message has acknowledged it.
 *
 * aedes acknowledges at QoS 1 before it publishes. So what a client publishes is taken here, in aedes' authorizePublish,
 * published one after the other in the order in which it came, and aedes itself is left with an empty message that nobody
 * subscribes to. One after the other, because aedes lets a later message that is published in fewer steps (QoS 0, not
 * retained) overtake an earlier one, and drops the earlier as a duplicate then.
 */
import type { Aedes, Client } from "aedes";
import { Deque } from "./deque";
import type { Awaited, OwnSessions } from "./own-sessions";

/** Most messages of one publisher that are not finished, and their bytes; beyond it nothing is read from it. */
const MOST = 10_000;
const MOST_BYTES = 64 * 1024 * 1024;
/** Most acknowledged messages of one publisher that are remembered. */
const MOST_ACKNOWLEDGED = 1_000;
const RESERVED = "$SYS/";

/** The packet that aedes' authorizePublish may change. */
interface Publish {
  topic: string;
  payload: Buffer | string;
  qos: 0 | 1 | 2;
  retain: boolean;
  dup: boolean;
  messageId?: number | undefined;
}

interface Taken {
  readonly publish: Readonly<Publish>;
  readonly publisher: Publisher;
  readonly size: number;
  /** The connection on which it came last. */
  client: Client | null;
  /** Sessions that have not acknowledged it, and aedes until it has given it out. */
  waitsFor: number;
}

interface Publisher {
  readonly unfinished: Map<number, Taken>;
  /** What it may send again: at QoS 2 until its PUBREL, at QoS 1 when it was away as it would have been acknowledged. */
  readonly acknowledged: Map<number, Readonly<Publish>>;
  messages: number;
  bytes: number;
  readonly waiting: Deque<() => void>;
}

/** aedes' memory of incoming QoS 2 messages: all that it is asked for here is whether a PUBREL is known. */
interface Incoming {
  incomingGetPacket(client: Client, packet: { messageId: number }): Promise<unknown>;
  incomingDelPacket(client: Client, packet: { messageId: number }): Promise<void>;
  cleanIncoming(client: Client): Promise<void>;
}

export class LateAcknowledgements {
  /** By client id, so that what is unfinished counts on when a publisher connects anew. */
  readonly #publishers = new Map<string, Publisher>();
  readonly #queue = new Deque<Taken>();
  #aedes: Aedes | undefined;
  #isPublishing = false;

  /** @param isOwn whether a publisher belongs to this Node-RED */
  constructor(
    private readonly sessions: OwnSessions,
    private readonly isOwn: (clientId: string) => boolean,
  ) {}

  /** A publisher of this Node-RED has gone: who comes under its id knows nothing of its messages. */
  left(clientId: string): void {
    const publisher = this.#publishers.get(clientId);
    publisher?.unfinished.clear();
    publisher?.acknowledged.clear();
    this.#forget(clientId);
  }

  install(aedes: Aedes, persistence: Incoming): void {
    this.#aedes = aedes;
    Object.assign(persistence, {
      incomingGetPacket: async (client, { messageId }) => {
        const known = this.#publisherOf(client).acknowledged.get(messageId);
        if (!known) throw new Error("no such packet");
        return known;
      },
      incomingDelPacket: async (client, { messageId }) => {
        this.#publisherOf(client).acknowledged.delete(messageId);
      },
      cleanIncoming: async (client) => this.left(client.id),
    } satisfies Incoming);
    aedes.on("clientDisconnect", ({ id }) => this.#forget(id));
  }

  /** aedes' authorizePublish. */
  take(client: Client | null, packet: Publish, done: (error?: Error | null) => void): void {
    if (packet.topic.startsWith(RESERVED)) {
      done(new Error(`${RESERVED} topics are the broker's own`));
      return;
    }
    const publish: Publish = {
      topic: packet.topic,
      payload: packet.payload,
      qos: packet.qos,
      retain: packet.retain,
      dup: packet.dup,
      messageId: packet.messageId,
    };
    Object.assign(packet, { topic: `${RESERVED}taken`, payload: Buffer.alloc(0), qos: 0, retain: false });
    const publisher = client ? this.#publisherOf(client) : newPublisher();
    if (!client || !this.#isRepeated(client, publisher, publish)) this.#enqueue(client, publisher, publish);
    if (hasRoom(publisher)) done(null);
    else publisher.waiting.push(() => done(null));
  }

  /**
   * After a reconnect a publisher sends again what it has no acknowledgement of, under the same message id. At QoS 1 the
   * id alone proves nothing: one that has lost its memory begins to count anew. MQTT.js, hence mqtt out, sets no DUP flag.
   */
  #isRepeated(client: Client, publisher: Publisher, publish: Publish): boolean {
    const { qos, messageId, dup } = publish;
    if (qos === 0 || messageId === undefined) return false;
    const canTell = qos === 2 || dup || this.isOwn(client.id);
    const before = publisher.unfinished.get(messageId);
    if (before && canTell && isSame(before.publish, publish)) {
      before.client = client;
      return true;
    }
    const known = publisher.acknowledged.get(messageId);
    if (!known) return false;
    const isKnown = canTell && isSame(known, publish);
    if (isKnown) acknowledge(client, qos, messageId);
    if (!isKnown || qos === 1) publisher.acknowledged.delete(messageId);
    return isKnown;
  }

  #enqueue(client: Client | null, publisher: Publisher, publish: Publish): void {
    const size = publish.topic.length + publish.payload.length;
    const taken: Taken = { publish, publisher, size, client, waitsFor: 1 };
    publisher.messages += 1;
    publisher.bytes += size;
    if (publish.qos > 0 && publish.messageId !== undefined) publisher.unfinished.set(publish.messageId, taken);
    this.#queue.push(taken);
    if (!this.#isPublishing) this.#publish();
  }

  #publish(): void {
    const taken = this.#queue.shift();
    this.#isPublishing = taken !== undefined;
    if (!taken) return;
    const settled = (): void => {
      taken.waitsFor -= 1;
      if (taken.waitsFor === 0) this.#finish(taken);
    };
    const awaited: Awaited = { expect: () => void (taken.waitsFor += 1), settled };
    this.sessions.publishing = awaited;
    const { topic, payload, qos, retain } = taken.publish;
    this.#aedes?.publish({ cmd: "publish", topic, payload, qos, retain, dup: false }, (error) => {
      // it was not given out: the publisher sends it again
      if (error) taken.client?.close();
      else settled();
    });
    // aedes' memory answers within this turn of the event loop: by the next, the message has been given to all sessions
    setImmediate(() => this.#publish());
  }

  #finish({ publish, publisher, client, size }: Taken): void {
    const { qos, messageId } = publish;
    publisher.messages -= 1;
    publisher.bytes -= size;
    if (qos !== 0 && messageId !== undefined) {
      if (publisher.unfinished.get(messageId)?.publish === publish) {
        publisher.unfinished.delete(messageId);
        if (qos === 2 || (client?.closed && !client.clean)) remember(publisher, messageId, publish);
        if (client) acknowledge(client, qos, messageId);
      }
      if (client?.closed) this.#forget(client.id);
    }
    while (hasRoom(publisher)) {
      const go = publisher.waiting.shift();
      if (!go) break;
      go();
    }
  }

  #publisherOf({ id }: Client): Publisher {
    const publisher = this.#publishers.get(id) ?? newPublisher();
    this.#publishers.set(id, publisher);
    return publisher;
  }

  #forget(clientId: string): void {
    const publisher = this.#publishers.get(clientId);
    if (publisher?.messages === 0 && publisher.acknowledged.size === 0) this.#publishers.delete(clientId);
  }
}

const newPublisher = (): Publisher => ({
  unfinished: new Map(),
  acknowledged: new Map(),
  messages: 0,
  bytes: 0,
  waiting: new Deque(),
});

const hasRoom = ({ messages, bytes }: Publisher): boolean => messages < MOST && bytes < MOST_BYTES;

function remember({ acknowledged }: Publisher, messageId: number, publish: Readonly<Publish>): void {
  acknowledged.set(messageId, publish);
  const [oldest] = acknowledged.keys();
  if (acknowledged.size > MOST_ACKNOWLEDGED && oldest !== undefined) acknowledged.delete(oldest);
}

/** PUBACK or PUBREC of MQTT 3.1.1 (sections 3.4 and 3.5), on the connection on which the message came last. */
function acknowledge({ conn, closed }: Client, qos: 1 | 2, messageId: number): void {
  if (closed || conn.destroyed) return;
  conn.write(Buffer.from([qos === 1 ? 0x40 : 0x50, 2, messageId >> 8, messageId & 0xff]));
}

const isSame = (a: Readonly<Publish>, b: Readonly<Publish>): boolean =>
  a.qos === b.qos && a.topic === b.topic && Buffer.from(a.payload).equals(Buffer.from(b.payload));
