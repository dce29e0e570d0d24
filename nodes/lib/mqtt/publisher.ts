/**
 * Publishes and says when the broker has it: PUBACK at QoS 1, PUBCOMP at QoS 2; at QoS 0 when it is written while
 * connected. While the broker is away messages wait, up to a bound.
 */
import type { IClientPublishOptions, IConnackPacket } from "mqtt";
import { asError, Rejected, Retriable } from "../errors";
import { Connection, type Broker, type Session } from "./connection";
import { Deque } from "./deque";
import type { Reason } from "./reasons";
import { checkTopic } from "./topics";

export interface Publication {
  readonly topic: string;
  readonly payload: Buffer | string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** MQTT 5 only; left out for 3.1.1. */
  readonly properties?: IClientPublishOptions["properties"];
}

export interface PublisherBounds {
  /** Most messages that wait for the broker, and their bytes. */
  readonly waiting: number;
  readonly bytes: number;
  /** Most messages sent and not acknowledged; MQTT 5 brokers may allow fewer. */
  readonly inFlight: number;
}

interface Waiting {
  readonly publication: Publication;
  readonly size: number;
  resolve(): void;
  reject(error: Error): void;
}

/** PUBACK and PUBREC reason codes (MQTT 5, 3.4.2.1) after which the same message will never be accepted. */
const NEVER = new Set([0x87, 0x90, 0x99, 0x95, 0x9a, 0x9b]);

export class Publisher {
  readonly #connection: Connection;
  readonly #waiting = new Deque<Waiting>();
  readonly #sent = new Set<Waiting>();
  #bytes = 0;
  #window: number;
  #largest = Infinity;
  #closed = false;
  #away: Reason = { fault: "away", text: "not connected yet" };
  #idle: (() => void) | undefined;

  constructor(
    broker: Broker,
    session: Session,
    private readonly bounds: PublisherBounds,
    listener: { up(): void; down(reason: Reason): void },
  ) {
    this.#window = bounds.inFlight;
    this.#connection = new Connection(broker, session, {
      up: (connack) => {
        this.#learn(connack);
        listener.up();
        this.#pump();
      },
      down: (reason) => {
        this.#away = reason;
        listener.down(reason);
      },
    });
  }

  /** Messages not acknowledged, waiting ones included. */
  get unfinished(): number {
    return this.#waiting.size + this.#sent.size;
  }

  /**
   * Resolves when the broker has the message.
   * @throws Rejected for what no broker or this broker never takes; Retriable when too much waits or on closing.
   */
  async publish(publication: Publication): Promise<void> {
    checkTopic(publication.topic);
    const size = publication.topic.length + Buffer.byteLength(publication.payload);
    if (this.#closed) throw new Retriable("the node is closing");
    if (this.#waiting.size >= this.bounds.waiting || (this.#bytes > 0 && this.#bytes + size > this.bounds.bytes))
      throw new Retriable(
        `${this.#waiting.size} messages (${this.#bytes} bytes) already wait for the broker: ${this.#away.text}`,
        { unreachable: true },
      );
    return new Promise((resolve, reject) => {
      this.#waiting.push({ publication, size, resolve, reject });
      this.#bytes += size;
      this.#pump();
    });
  }

  /** Waits up to `drain` ms for what is unfinished, then gives it back as failed, to be sent again by its source. */
  async close(drain: number): Promise<void> {
    this.#closed = true;
    if (this.unfinished > 0 && this.#connection.client) {
      await new Promise<void>((resolve) => {
        const late = setTimeout(resolve, drain);
        this.#idle = () => {
          clearTimeout(late);
          resolve();
        };
      });
    }
    await this.#connection.close();
    const closing = new Retriable("the node closed before the broker acknowledged");
    for (const sent of this.#sent) sent.reject(closing);
    for (let waiting = this.#waiting.shift(); waiting; waiting = this.#waiting.shift()) waiting.reject(closing);
    this.#sent.clear();
  }

  #learn(connack: IConnackPacket): void {
    const { receiveMaximum, maximumPacketSize } = connack.properties ?? {};
    this.#window = Math.min(this.bounds.inFlight, receiveMaximum ?? 65_535);
    this.#largest = maximumPacketSize ?? Infinity;
  }

  #pump(): void {
    while (this.#connection.upClient && this.#sent.size < this.#window) {
      const next = this.#waiting.shift();
      if (!next) break;
      this.#bytes -= next.size;
      this.#send(next);
    }
    if (this.unfinished === 0) this.#idle?.();
  }

  #send(next: Waiting): void {
    const { upClient: client } = this.#connection;
    const { topic, payload, qos, retain, properties } = next.publication;
    // the fixed header, lengths and message id take less than 32 bytes beside topic, payload and properties
    if (next.size + 32 > this.#largest) {
      next.reject(
        new Rejected(`a message of ${next.size} bytes is larger than the broker takes (${this.#largest} bytes)`),
      );
      return;
    }
    this.#sent.add(next);
    const options = {
      qos,
      retain,
      ...(properties && client?.options.protocolVersion === 5 ? { properties } : {}),
    };
    client?.publish(topic, payload, options, (error) => {
      if (!this.#sent.delete(next)) return;
      if (!error) next.resolve();
      else if (qos === 0 && !this.#connection.client && !this.#closed) this.#again(next);
      else next.reject(refusal(error, topic));
      this.#pump();
    });
  }

  /** At QoS 0 nothing is kept by MQTT.js: what found no connection waits for the next one. */
  #again(unsent: Waiting): void {
    this.#waiting.unshift(unsent);
    this.#bytes += unsent.size;
  }
}

function refusal(thrown: unknown, topic: string): Error {
  const error = asError(thrown);
  const { code } = error as { code?: unknown };
  if (typeof code !== "number") return new Retriable(`publishing to ${topic}: ${error.message}`, { cause: error });
  const text = `the broker refuses a message for topic ${topic}: ${error.message} (code ${code})`;
  return NEVER.has(code) ? new Rejected(text) : new Retriable(text, { cause: error });
}
