/** An observer with a client and a session of its own: it counts what arrives, over restarts of the broker. */
import { randomUUID } from "node:crypto";
import mqtt, { type IClientOptions, type IPublishPacket } from "mqtt";

export interface Observer {
  readonly packets: readonly IPublishPacket[];
  /** Their payloads. */
  readonly texts: readonly string[];
  end(): Promise<void>;
}

/**
 * Subscribes at QoS 2. What the broker delivers to the observer once more is left out: Mosquitto 2.0.11 does so after a
 * restart though PUBREL and PUBCOMP have passed, under the same packet id and with the DUP flag. A message that its
 * sender published twice comes without that flag.
 */
export async function observeTopic(url: string, topic: string, options: IClientOptions = {}): Promise<Observer> {
  const packets: IPublishPacket[] = [];
  const texts: string[] = [];
  const seen = new Set<string>();
  const client = mqtt.connect(url, {
    clientId: `observer-${randomUUID()}`,
    clean: false,
    reconnectPeriod: 100,
    ...options,
  });
  client.on("error", () => undefined);
  client.on("message", (_topic, payload, packet) => {
    const text = payload.toString();
    const delivery = `${packet.messageId} ${text}`;
    if (packet.dup && seen.has(delivery)) return;
    seen.add(delivery);
    packets.push(packet);
    texts.push(text);
  });
  await client.subscribeAsync(topic, { qos: 2 });
  return { packets, texts, end: () => client.endAsync() };
}
