/**
 * Receives messages and acknowledges each when its receiver has finished with it. MQTT.js acknowledges one packet
 * before it reads the next; here it is told to go on without (handleMessage's error at QoS 1, customHandleAcks' at
 * QoS 2), and PUBACK and PUBREC are sent later. At QoS 2 it is PUBREC that waits: once the broker has it, it does not
 * send the payload again.
 */
import type { IPublishPacket, MqttClient } from "mqtt";
import { Connection, HELD, type Broker, type Session } from "./connection";
import { Deque } from "./deque";
import type { Reason } from "./reasons";
import { topicMatcher } from "./topics";
import { Unacknowledged, type Acknowledgement, type InFlight } from "./unacknowledged";

export interface Subscription {
  readonly filters: readonly string[];
  readonly qos: 0 | 1 | 2;
  /** Most messages received and not finished; beyond it the broker has to wait. */
  readonly limit: number;
}

/** A message as it came. */
export type Received = IPublishPacket & { readonly topic: string; readonly payload: Buffer };

export interface SubscriberListener {
  /** Takes a message; `finished` lets its acknowledgement go out. */
  received(message: Received, finished: () => void): void;
  subscribed(): void;
  down(reason: Reason): void;
  /** The broker refused a subscription or granted less; tried again if refused. */
  refused(text: string): void;
  /** A message came that no topic filter asks for: a subscription that the session kept. It was acknowledged. */
  unwanted(topic: string): void;
  /** The broker cannot send more before something is finished. */
  full(): void;
}

/** Mosquitto's max_inflight_messages: the most usual bound, whatever Receive Maximum allows. */
const USUAL_BROKER_LIMIT = 20;
/** How long nothing must come, with as much in flight, before the broker counts as waiting for us, in ms. */
const QUIET = 1_000;
/** Messages handed on at a stretch: what stands behind hundreds that came at once would wait for all of them at every node. */
const STRETCH = 32;
/** Delay before a refused subscription is asked for again, in ms. */
const RESUBSCRIBE = 10_000;

export class Subscriber {
  readonly #unacknowledged = new Unacknowledged();
  readonly #connection: Connection;
  readonly #matches: (topic: string) => boolean;
  readonly #waiting = new Deque<() => void>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #unfinished = 0;
  #paused = false;
  #lastArrival = 0;
  #handed = 0;
  /** Filters that the broker is known to hold in the session of this process. */
  #subscribed = false;

  constructor(
    broker: Broker,
    session: Session,
    private readonly subscription: Subscription,
    private readonly listener: SubscriberListener,
  ) {
    this.#matches = topicMatcher(subscription.filters);
    const unacknowledged = this.#unacknowledged;
    this.#connection = new Connection(broker, session, {
      prepare: (client) => this.#prepare(client),
      accepted: (sessionPresent) => {
        unacknowledged.connected(sessionPresent);
        if (!sessionPresent) this.#subscribed = false;
      },
      up: () => (this.#subscribed ? listener.subscribed() : this.#subscribe()),
      down: (reason) => {
        unacknowledged.disconnected();
        this.#waiting.clear();
        listener.down(reason);
      },
      packet: (packet) => {
        if (packet.cmd === "pubrel" && packet.messageId !== undefined) unacknowledged.pubrel(packet.messageId);
      },
    });
    this.#every(Math.max(1_000, (broker.keepalive * 1_000) / 3), () => this.#stayAlive());
    this.#every(QUIET, () => this.#reportFull());
  }

  /** Messages received whose receivers have not finished. */
  get unfinished(): number {
    return this.#unfinished;
  }

  /** Takes no message until `resume`; the broker waits. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#admit();
  }

  /** Disconnects; what was not acknowledged comes again in the next session. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#paused = true;
    await this.#connection.close();
  }

  #prepare(client: MqttClient): void {
    client.handleMessage = (packet, done) => {
      this.#whenRoom(() => {
        this.#take(packet as Received);
        this.#goOn(() => (packet.qos === 0 ? done() : done(HELD)));
      });
    };
    client.options.customHandleAcks = (_topic, _payload, packet, done) => {
      if (packet.qos !== 2) done(0);
      else
        this.#whenRoom(() => {
          this.#take(packet as Received);
          this.#goOn(() => done(HELD));
        });
    };
  }

  /** To the next message, after a turn of the event loop now and then. */
  #goOn(next: () => void): void {
    if (++this.#handed % STRETCH === 0) setImmediate(next);
    else next();
  }

  #take(packet: Received): void {
    this.#lastArrival = Date.now();
    const { qos, messageId } = packet;
    const wanted = this.#matches(packet.topic);
    if (!wanted) this.listener.unwanted(packet.topic);
    if (qos === 0 || messageId === undefined) {
      if (wanted) this.#hand(packet, undefined);
      return;
    }
    const arrival = this.#unacknowledged.arrived({ qos, messageId, topic: packet.topic, payload: packet.payload });
    if ("known" in arrival) this.#acknowledge(arrival.due);
    else if (wanted) this.#hand(packet, arrival.fresh);
    else this.#acknowledge(this.#unacknowledged.finished(arrival.fresh));
  }

  #hand(packet: Received, inFlight: InFlight | undefined): void {
    this.#unfinished += 1;
    let finished = false;
    this.listener.received(packet, () => {
      if (finished) return;
      finished = true;
      this.#unfinished -= 1;
      if (inFlight) this.#acknowledge(this.#unacknowledged.finished(inFlight));
      this.#admit();
    });
  }

  #acknowledge(due: readonly Acknowledgement[]): void {
    const { client } = this.#connection;
    // MQTT.js would keep an acknowledgement for the next connection, where its message id means another message
    if (client) for (const acknowledgement of due) client["_sendPacket"]({ ...acknowledgement });
  }

  #whenRoom(go: () => void): void {
    if (this.#hasRoom()) go();
    else {
      this.#waiting.push(go);
      if (!this.#paused) this.listener.full();
    }
  }

  #hasRoom(): boolean {
    return !this.#paused && this.#waiting.size === 0 && this.#unfinished < this.subscription.limit;
  }

  #admit(): void {
    while (!this.#paused && this.#unfinished < this.subscription.limit) {
      const go = this.#waiting.shift();
      if (!go) return;
      go();
    }
  }

  /** While the stream waits for room, PINGRESPs wait behind it: MQTT.js must not take that for silence. */
  #stayAlive(): void {
    const { client } = this.#connection;
    if (!client || this.#waiting.size === 0) return;
    client.reschedulePing(true);
    client.sendPing();
  }

  #reportFull(): void {
    const quiet = Date.now() - this.#lastArrival >= QUIET;
    if (quiet && this.#unacknowledged.size >= Math.min(USUAL_BROKER_LIMIT, this.subscription.limit))
      this.listener.full();
  }

  #subscribe(): void {
    const { client, session } = this.#connection;
    if (!client) return;
    const { filters, qos } = this.subscription;
    // MQTT 5: retained messages come only with a subscription that the session did not have
    const options = { qos, ...(client.options.protocolVersion === 5 ? { rh: session.persistent ? 1 : 0 } : {}) };
    client.subscribe([...filters], options, (error, granted, suback) => {
      if (client !== this.#connection.client) return;
      if (error) {
        const refused = filters.filter((_filter, index) => Number(suback?.granted[index] ?? 0x80) >= 0x80);
        this.listener.refused(`the broker refuses the subscription to ${refused.join(", ")} (${error.message})`);
        const again = setTimeout(() => {
          this.#timers.delete(again);
          this.#subscribe();
        }, RESUBSCRIBE);
        this.#timers.add(again);
        return;
      }
      this.#subscribed = true;
      this.listener.subscribed();
      for (const grant of granted ?? [])
        if (grant.qos < qos)
          this.listener.refused(`the broker grants QoS ${grant.qos} instead of ${qos} for ${grant.topic}`);
    });
  }

  #every(interval: number, action: () => void): void {
    const timer = setInterval(action, interval);
    timer.unref();
    this.#timers.add(timer);
  }
}
