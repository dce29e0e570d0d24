/** What the tests of MQTT share: brokers as settings, and an observer of its own that publishes and counts. */
import { randomUUID } from "node:crypto";
import mqtt from "mqtt";
import type { Broker, Session, Version } from "../../../nodes/lib/mqtt/connection";
import { Subscriber, type Received, type SubscriberListener } from "../../../nodes/lib/mqtt/subscriber";
import { until } from "../../harness";

export const brokerAt = (port: number, version: Version = 5, more: Partial<Broker> = {}): Broker => ({
  address: `mqtt://127.0.0.1:${port}`,
  version,
  clientId: "test",
  keepalive: 60,
  ready: () => Promise.resolve(),
  ...more,
});

export const session = (clientId: string, more: Partial<Session> = {}): Session => ({
  clientId,
  persistent: true,
  expiry: 3_600,
  receiveMaximum: 100,
  ...more,
});

/** Publishes texts with a client of its own; resolves when the broker has them all. */
export async function publishAll(port: number, topic: string, texts: readonly string[], qos: 0 | 1 | 2): Promise<void> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    clientId: `observer-${randomUUID()}`,
    clean: false,
    reconnectPeriod: 100,
  });
  // no more in flight than a broker takes by default: Mosquitto 2.0.11 may lose what it queues on the way in at QoS 2
  const queue = texts.values();
  const send = async (): Promise<void> => {
    for (const text of queue) await client.publishAsync(topic, text, { qos });
  };
  await Promise.all(Array.from({ length: 20 }, send));
  await client.endAsync();
}

export const numbered = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => String(from + index));

/** A subscriber whose records the test finishes by hand. */
export interface Watched {
  readonly subscriber: Subscriber;
  /** Payloads as they came. */
  readonly texts: string[];
  readonly received: { readonly packet: Received; readonly finish: () => void }[];
  readonly downs: string[];
  readonly notices: string[];
  subscriptions: number;
  fulls: number;
}

export async function watch(
  broker: Broker,
  settings: {
    session: Session;
    filters?: readonly string[];
    qos?: 0 | 1 | 2;
    limit?: number;
    /** Finishes each record at once. */
    eager?: boolean;
    /** Does not wait until it has subscribed. */
    impatient?: boolean;
  },
): Promise<Watched> {
  const downs: string[] = [];
  const notices: string[] = [];
  const texts: string[] = [];
  const received: Watched["received"] = [];
  const counters = { subscriptions: 0, fulls: 0 };
  const listener: SubscriberListener = {
    received: (packet, finish) => {
      texts.push(packet.payload.toString());
      received.push({ packet, finish });
      if (settings.eager) setImmediate(finish);
    },
    subscribed: () => (counters.subscriptions += 1),
    down: (reason) => downs.push(`${reason.fault}: ${reason.text}`),
    refused: (text) => notices.push(text),
    unwanted: (topic) => notices.push(`unwanted ${topic}`),
    full: () => (counters.fulls += 1),
  };
  const { filters = ["t"], qos = 1, limit = 100 } = settings;
  const subscriber = new Subscriber(broker, settings.session, { filters, qos, limit }, listener);
  const watched = Object.defineProperties(
    { subscriber, texts, received, downs, notices, subscriptions: 0, fulls: 0 },
    {
      subscriptions: { get: () => counters.subscriptions },
      fulls: { get: () => counters.fulls },
    },
  );
  if (!settings.impatient) await until("subscribed", () => counters.subscriptions > 0, 10_000);
  return watched;
}

/** What an observer counts: which of the expected texts are missing, and how many came more than once. */
export function counted(expected: readonly string[], came: readonly string[]): { missing: number; repeated: number } {
  const seen = new Set(came);
  return { missing: expected.filter((text) => !seen.has(text)).length, repeated: came.length - seen.size };
}
