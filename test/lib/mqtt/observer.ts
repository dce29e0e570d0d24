/** An observer with a client and a session of its own: it counts what arrives, over restarts of the broker. */
import { randomUUID } from "node:crypto";
import mqtt from "mqtt";

export interface Observer {
  readonly texts: string[];
  end(): Promise<void>;
}

export async function observeTopic(url: string, topic: string): Promise<Observer> {
  const texts: string[] = [];
  const client = mqtt.connect(url, { clientId: `observer-${randomUUID()}`, clean: false, reconnectPeriod: 100 });
  client.on("error", () => undefined);
  client.on("message", (_topic, payload) => texts.push(payload.toString()));
  await client.subscribeAsync(topic, { qos: 2 });
  return { texts, end: () => client.endAsync() };
}
