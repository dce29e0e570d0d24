/**
 * Sessions that the embedded broker keeps for subscribers of this Node-RED (`mqtt in`), and which of them still has to
 * acknowledge what. They exist from the moment a node is made, before it connects, so that nothing is published past it;
 * a session that no node attends is dropped once the flows have started.
 *
 * They live behind aedes' persistence, whose methods are what it calls at each step of a message's way to a session.
 * aedes' own memory would give two messages one id after a reconnect, since each connection counts anew.
 */
import { Readable } from "node:stream";
import type { AedesPublishPacket, Client } from "aedes";
import { Deque } from "./deque";

/** A message that sessions hold; told once for each that has acknowledged it. */
export interface Awaited {
  expect(): void;
  settled(): void;
}

/** Parts of a packet that pass through aedes' persistence. */
interface Passing {
  readonly cmd: string;
  readonly messageId?: number | undefined;
  readonly brokerCounter?: number | undefined;
}

/** What aedes asks of its persistence (aedes-persistence 11) and is answered here for own sessions. */
export interface Persistence {
  addSubscriptions(client: { id: string }, subscriptions: { topic: string; qos: number }[]): Promise<void>;
  removeSubscriptions(client: { id: string }, topics: string[]): Promise<void>;
  cleanSubscriptions(client: { id: string }): Promise<void>;
  outgoingEnqueueCombi(subscriptions: { clientId: string }[], packet: Passing): Promise<void>;
  outgoingUpdate(client: Client, packet: Passing): Promise<void>;
  outgoingClearMessageId(client: Client, packet: Passing): Promise<unknown>;
  outgoingStream(client: Client): Readable;
}

interface Entry {
  readonly counter: number;
  readonly messageId: number;
  /** What is sent when the session is resumed: the PUBLISH, after PUBREC the PUBREL. */
  packet: Passing;
  readonly awaited: Awaited | undefined;
  acknowledged: boolean;
  /** The connection on which it was sent last. */
  sentTo: Client | undefined;
}

interface Session {
  attendants: number;
  filters: readonly string[];
  qos: number;
  /** In the order of publication, by aedes' number of a publication. */
  readonly entries: Map<number, Entry>;
  /** Message ids in use; without an entry: of a retained message. */
  readonly ids: Map<number, Entry | undefined>;
  lastId: number;
  /** What waited for this connection is on its way to it, and what is published meanwhile goes behind it. */
  resuming: { readonly client: Client; readonly entries: Deque<Entry>; next(): void } | undefined;
}

const LARGEST_ID = 65_535;

export class OwnSessions {
  /** What is being published: sessions that get it are expected to acknowledge it. */
  publishing: Awaited | undefined;
  readonly #sessions = new Map<string, Session>();
  #persistence: Persistence | undefined;

  /** Keeps a session for a subscriber from now on; call the result when it closes. */
  attend(clientId: string, filters: readonly string[], qos: number): () => void {
    const session: Session = this.#sessions.get(clientId) ?? {
      attendants: 0,
      filters: [],
      qos,
      entries: new Map(),
      ids: new Map(),
      lastId: 0,
      resuming: undefined,
    };
    this.#sessions.set(clientId, session);
    const dropped = session.filters.filter((filter) => !filters.includes(filter));
    Object.assign(session, { filters, qos, attendants: session.attendants + 1 });
    if (dropped.length > 0) void this.#persistence?.removeSubscriptions({ id: clientId }, dropped);
    this.#subscribe(clientId, session);
    let left = false;
    return () => {
      if (!left) session.attendants -= 1;
      left = true;
    };
  }

  /** Drops the sessions whose nodes did not come back: nobody waits for them any more. */
  settle(): void {
    for (const [clientId, session] of this.#sessions) {
      if (session.attendants > 0) continue;
      this.#sessions.delete(clientId);
      void this.#persistence?.cleanSubscriptions({ id: clientId });
      release(session);
    }
  }

  /** Takes its part of a persistence over; the rest stays as it is. */
  install(persistence: Persistence): void {
    const { outgoingEnqueueCombi, outgoingUpdate, outgoingClearMessageId, outgoingStream } = persistence;
    Object.assign(persistence, {
      outgoingEnqueueCombi: (subscriptions, packet) => {
        const own = new Set<Session>();
        const others = subscriptions.filter(({ clientId }) => {
          const session = this.#sessions.get(clientId);
          if (session) own.add(session);
          return !session;
        });
        for (const session of own) keep(session, packet, this.publishing);
        return outgoingEnqueueCombi.call(persistence, others, packet);
      },
      outgoingUpdate: async (client, packet) => {
        const session = this.#sessions.get(client.id);
        if (!session) await outgoingUpdate.call(persistence, client, packet);
        else if (packet.cmd === "pubrel") released(session, packet);
      },
      outgoingClearMessageId: async (client, packet) => {
        const session = this.#sessions.get(client.id);
        return session ? acknowledged(session, packet) : outgoingClearMessageId.call(persistence, client, packet);
      },
      outgoingStream: (client) => {
        const session = this.#sessions.get(client.id);
        return session ? resumed(session, client) : outgoingStream.call(persistence, client);
      },
    } satisfies Partial<Persistence>);
    this.#persistence = persistence;
    for (const [clientId, session] of this.#sessions) this.#subscribe(clientId, session);
  }

  /** aedes' authorizeForward: gives a message for an own session its id there; null where it is not to be sent now. */
  forward(client: Client, packet: AedesPublishPacket): AedesPublishPacket | null {
    const session = this.#sessions.get(client.id);
    if (!session || packet.qos === 0) return packet;
    // only what SUBSCRIBE brings of retained messages still has the flag here
    if (packet.retain) {
      packet.messageId = nextId(session);
      session.ids.set(packet.messageId, undefined);
      return packet;
    }
    const entry = session.entries.get(packet.brokerCounter);
    const { connackSent } = client as Client & { readonly connackSent: boolean };
    // before CONNACK nothing may be sent; what waits is sent just after it
    if (!entry || entry.acknowledged || entry.sentTo === client || !connackSent) return null;
    const resuming = session.resuming?.client === client ? session.resuming : undefined;
    // only what is resumed has its id already
    if (resuming && packet.messageId === undefined) return null;
    entry.sentTo = client;
    packet.messageId = entry.messageId;
    resuming?.next();
    return packet;
  }

  #subscribe(clientId: string, { filters, qos }: Session): void {
    void this.#persistence?.addSubscriptions(
      { id: clientId },
      filters.map((topic) => ({ topic, qos })),
    );
  }
}

function keep(session: Session, packet: Passing, awaited: Awaited | undefined): void {
  const counter = packet.brokerCounter ?? 0;
  if (session.entries.has(counter)) return;
  const messageId = nextId(session);
  const entry: Entry = {
    counter,
    messageId,
    packet: { ...packet, messageId, retain: false } as Passing,
    awaited,
    acknowledged: false,
    sentTo: undefined,
  };
  session.entries.set(counter, entry);
  session.ids.set(messageId, entry);
  session.resuming?.entries.push(entry);
  awaited?.expect();
}

/** PUBREC: at QoS 2 the subscriber has the message for good (see subscriber.ts). */
function released(session: Session, { messageId = 0 }: Passing): void {
  const entry = session.ids.get(messageId);
  if (!entry || entry.acknowledged) return;
  entry.packet = { cmd: "pubrel", messageId };
  entry.acknowledged = true;
  entry.awaited?.settled();
}

/** PUBACK and PUBCOMP; aedes also asks with PUBLISHes, which it did not send. */
function acknowledged(session: Session, { cmd, messageId = 0 }: Passing): Passing | undefined {
  if (cmd !== "puback" && cmd !== "pubcomp") return undefined;
  const entry = session.ids.get(messageId);
  session.ids.delete(messageId);
  if (!entry) return undefined;
  session.entries.delete(entry.counter);
  if (!entry.acknowledged) entry.awaited?.settled();
  return entry.packet;
}

/**
 * What a session holds, in its order, with what is added on the way. It ends when the last of it has been sent (`forward`):
 * from then on messages go out as they are published.
 */
function resumed(session: Session, client: Client): Readable {
  for (const [id, entry] of session.ids) if (!entry) session.ids.delete(id);
  const entries = new Deque<Entry>();
  for (const entry of session.entries.values()) entries.push(entry);
  let last: Entry | undefined;
  let isWanted = false;
  const isUnderWay = (entry: Entry): boolean =>
    !entry.acknowledged && entry.sentTo !== client && session.entries.has(entry.counter);
  const next = (): void => {
    if (!isWanted) return;
    let entry = entries.shift();
    while (entry && !session.entries.has(entry.counter)) entry = entries.shift();
    if (!entry && last && isUnderWay(last)) return;
    isWanted = false;
    if (entry && !entry.acknowledged) last = entry;
    if (!entry && session.resuming?.client === client) session.resuming = undefined;
    stream.push(entry?.packet ?? null);
  };
  const stream = new Readable({
    objectMode: true,
    read() {
      isWanted = true;
      next();
    },
  });
  session.resuming = { client, entries, next };
  return stream;
}

function release(session: Session): void {
  for (const { acknowledged: isDone, awaited } of session.entries.values()) if (!isDone) awaited?.settled();
  session.entries.clear();
  session.ids.clear();
}

function nextId(session: Session): number {
  do session.lastId = (session.lastId % LARGEST_ID) + 1;
  while (session.ids.has(session.lastId) && session.ids.size < LARGEST_ID);
  return session.lastId;
}
