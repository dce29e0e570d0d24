/** A connection to a broker that comes back by itself, for ever, and says why it is away. */
import type { IClientOptions, IConnackPacket, MqttClient, Packet } from "mqtt";
import { messageOf } from "../errors";
import type { TlsOptions } from "../fields";
import { mqttjs } from "./mqttjs";
import { closedUnanswered, notMqtt, reasonOf, type Reason } from "./reasons";

/** MQTT.js's number of a protocol version. */
export type Version = 4 | 5;

/** A broker and how to log in to it. */
export interface Broker {
  /** `mqtt://host:port`, or mqtts, ws, wss; without login. */
  readonly address: string;
  readonly version: Version;
  /** Every connection's client id begins with it. */
  readonly clientId: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: TlsOptions | undefined;
  /** Seconds of silence after which the client pings. */
  readonly keepalive: number;
  /** Resolves when it makes sense to connect; calls `away` with what stands in the way until then. */
  ready(away: (reason: Reason) => void): Promise<void>;
  /** Embedded: tells it of a client of this Node-RED; call the result when it has disconnected. */
  join?(clientId: string): () => void;
  /** Embedded: keeps a session from now on, before its subscriber connects; call the result when that closes. */
  attend?(clientId: string, filters: readonly string[], qos: number): () => void;
}

export interface Session {
  readonly clientId: string;
  /** The broker keeps subscriptions and what is not acknowledged while we are away. */
  readonly persistent: boolean;
  /** MQTT 5: seconds that it keeps them. */
  readonly expiry: number;
  /** MQTT 5: most unacknowledged messages that the broker may send. */
  readonly receiveMaximum?: number;
}

export interface ConnectionListener {
  /** A new client, before its first packet. */
  prepare?(client: MqttClient): void;
  /** The broker accepted the connection; packets of the session may come before `up`. */
  accepted?(sessionPresent: boolean): void;
  /** Ready to subscribe and publish. */
  up(connack: IConnackPacket): void;
  /** Away, whether it was up or not; called again when the reason changes. */
  down(reason: Reason): void;
  packet?(packet: Packet): void;
}

/** Thrown into MQTT.js to go on without an acknowledgement; no fault. */
export const HELD = new Error("acknowledged later");

/** Delays between attempts to connect, in ms. */
const FIRST_DELAY = 500;
const LONGEST_DELAY = 15_000;
/** How long a broker may take to answer CONNECT, in ms. */
const CONNECT_LIMIT = 10_000;
/** How long a disconnect may take, in ms. */
const FAREWELL = 1_000;

/** The options with which MQTT.js connects. */
export function clientOptions(broker: Broker, session: Session): IClientOptions {
  return {
    protocolVersion: broker.version,
    clientId: session.clientId,
    clean: !session.persistent,
    keepalive: broker.keepalive,
    connectTimeout: CONNECT_LIMIT,
    reconnectPeriod: FIRST_DELAY,
    reconnectOnConnackError: true,
    resubscribe: false,
    queueQoSZero: false,
    ...(broker.username ? { username: broker.username } : {}),
    ...(broker.password ? { password: broker.password } : {}),
    ...(broker.tls as IClientOptions | undefined),
    ...(broker.version === 5
      ? {
          properties: {
            ...(session.persistent ? { sessionExpiryInterval: session.expiry } : {}),
            ...(session.receiveMaximum ? { receiveMaximum: session.receiveMaximum } : {}),
          },
        }
      : {}),
  };
}

export class Connection {
  #client: MqttClient | undefined;
  #closed = false;
  #reason: Reason | undefined;
  #up = false;
  readonly #leave: (() => void) | undefined;

  constructor(
    readonly broker: Broker,
    readonly session: Session,
    private readonly listener: ConnectionListener,
  ) {
    this.#leave = broker.join?.(session.clientId);
    void broker.ready((reason) => this.#down(reason)).then(() => this.#start());
  }

  /** The client while it is connected. */
  get client(): MqttClient | undefined {
    return this.#client?.connected && !this.#closed ? this.#client : undefined;
  }

  /** The client once it has sent again what an earlier connection left unacknowledged: ready for more. */
  get upClient(): MqttClient | undefined {
    return this.#up ? this.client : undefined;
  }

  /** Disconnects in good order if that is quick; the session stays at the broker if it is persistent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const client = this.#client;
    if (client) await this.#disconnect(client);
    this.#leave?.();
  }

  async #disconnect(client: MqttClient): Promise<void> {
    const polite = client.connected && Object.keys(client.outgoing).length === 0;
    await new Promise<void>((resolve) => {
      const impatient = setTimeout(() => {
        client.stream.destroy();
        resolve();
      }, FAREWELL);
      client.end(!polite, () => {
        clearTimeout(impatient);
        resolve();
      });
    });
  }

  /** Ends the connection as if the network had; it comes back. */
  interrupt(): void {
    this.#client?.stream.destroy();
  }

  #start(): void {
    if (this.#closed) return;
    const { address } = this.broker;
    const client = mqttjs().connect(address, clientOptions(this.broker, this.session));
    this.#client = client;
    let attempts = 0;
    let answered = false;
    client.on("reconnect", () => {
      attempts += 1;
      answered = false;
      this.#reason = undefined;
      const longest = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** attempts);
      client.options.reconnectPeriod = Math.round(longest * (0.5 + Math.random() / 2));
      queueMicrotask(() => hearStream(client, (error) => (this.#reason ??= reasonOf(error, address))));
    });
    hearStream(client, (error) => (this.#reason ??= reasonOf(error, address)));
    client.on("packetreceive", (packet) => {
      if (packet.cmd === "connack" && (packet.reasonCode ?? packet.returnCode ?? 0) === 0) {
        answered = true;
        attempts = 0;
        client.options.reconnectPeriod = FIRST_DELAY;
        this.listener.accepted?.(packet.sessionPresent);
      }
      this.listener.packet?.(packet);
    });
    client.on("connect", (connack) => {
      if (this.#closed) return;
      this.#up = true;
      this.listener.up(connack);
    });
    client.on("disconnect", ({ reasonCode }) => {
      if (reasonCode) this.#reason = reasonOf(Object.assign(new Error("disconnected"), { code: reasonCode }), address);
    });
    client.on("error", (error) => {
      if (error === HELD || this.#closed) return;
      const { code } = error as { code?: unknown };
      const fromParser = code === undefined && !client.stream.destroyed;
      this.#reason = fromParser && !answered ? notMqtt(address, messageOf(error)) : reasonOf(error, address);
      // after bytes that it cannot read, MQTT.js would wait for more of them
      if (fromParser) client.stream.destroy();
    });
    client.on("close", () => {
      this.#up = false;
      const cut: Reason = { fault: "away", text: `the connection to ${address} was cut` };
      this.#down(this.#reason ?? (answered ? cut : closedUnanswered(address)));
      answered = false;
    });
    this.listener.prepare?.(client);
  }

  #down(reason: Reason): void {
    if (!this.#closed) this.listener.down(reason);
  }
}

/** Errors of the stream without a code (a WebSocket that is refused) get no further than MQTT.js otherwise. */
export function hearStream(client: MqttClient, hear: (error: Error) => void): void {
  client.stream.on("error", hear);
}
