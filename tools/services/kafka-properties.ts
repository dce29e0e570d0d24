/** What a Kafka node is told in its server.properties. */
import { join } from "node:path";
import type { Certificates } from "./certificates";
import type { Place } from "./definition";
import type { KafkaOptions } from "./kafka";

const protocols = {
  PLAINTEXT: "PLAINTEXT",
  SASL: "SASL_PLAINTEXT",
  TLS: "SSL",
  SASLTLS: "SASL_SSL",
  PROXIED: "PLAINTEXT",
} as const;
export type ListenerName = keyof typeof protocols;

export interface KafkaNode {
  readonly id: number;
  /** Of its process and its files. */
  readonly name: string;
  /** Folder of its logs, in Kafka's sense. */
  readonly data: string;
  /** Ports for clients. */
  readonly listeners: ReadonlyMap<ListenerName, number>;
}

/** A node with the listeners that the options ask for. */
export async function nodeOf(place: Place, id: number, options: KafkaOptions): Promise<KafkaNode> {
  const wanted: Record<ListenerName, boolean> = {
    PLAINTEXT: true,
    SASL: options.sasl !== undefined,
    TLS: options.tls !== undefined,
    SASLTLS: options.sasl !== undefined && options.tls !== undefined,
    PROXIED: options.proxy !== undefined,
  };
  const suffix = id === 1 ? "" : String(id);
  const listeners = new Map<ListenerName, number>();
  for (const name of Object.keys(protocols) as ListenerName[]) {
    if (wanted[name]) listeners.set(name, await place.port(`${name.toLowerCase()}${suffix}`));
  }
  return { id, name: `kafka${suffix}`, data: join(place.directory, `data${suffix}`), listeners };
}

/**
 * @param controller port of the first node, which is the controller
 * @param brokers how many nodes there are
 */
export function propertiesOf(
  node: KafkaNode,
  controller: number,
  brokers: number,
  options: KafkaOptions,
  certificates: Certificates | undefined,
): Record<string, string> {
  const first = node.id === 1;
  const at = ([name, port]: readonly [string, number]): string => `${name}://127.0.0.1:${port}`;
  const clients = [...node.listeners];
  const told = ([name, port]: readonly [ListenerName, number]): string =>
    at([name, name === "PROXIED" ? (options.proxy ?? port) : port]);
  const all: (readonly [string, number])[] = first ? [...clients, ["CONTROLLER", controller]] : clients;
  const map = [...clients.map(([name]) => `${name}:${protocols[name]}`), "CONTROLLER:PLAINTEXT"];
  const copies = String(Math.min(3, brokers));
  return {
    "process.roles": first ? "broker,controller" : "broker",
    "node.id": String(node.id),
    "controller.quorum.voters": `1@127.0.0.1:${controller}`,
    "controller.listener.names": "CONTROLLER",
    listeners: all.map(at).join(","),
    "advertised.listeners": clients.map(told).join(","),
    "listener.security.protocol.map": map.join(","),
    "inter.broker.listener.name": "PLAINTEXT",
    "log.dirs": node.data,
    "offsets.topic.replication.factor": copies,
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.replication.factor": copies,
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "8",
    "share.coordinator.state.topic.replication.factor": copies,
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    // after kill -9 the broker waits for its former registration to end: 9 s by default
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
    ...sasl("sasl", options),
    ...(options.tls && sasl("sasltls", options)),
    ...(certificates && tls(certificates, options.tls?.clientCertificate ?? false)),
    ...options.properties,
  };
}

/** Users of PLAIN and OAUTHBEARER are known to the listener; those of SCRAM are written when storage is formatted. */
function sasl(name: "sasl" | "sasltls", options: KafkaOptions): Record<string, string> {
  if (!options.sasl) return {};
  const users = Object.entries(options.sasl.users).map(([user, password]) => `user_${user}="${password}"`);
  const login = "org.apache.kafka.common.security";
  const listener = `listener.name.${name}`;
  return {
    [`${listener}.sasl.enabled.mechanisms`]: "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
    [`${listener}.plain.sasl.jaas.config`]: `${login}.plain.PlainLoginModule required ${users.join(" ")};`,
    [`${listener}.scram-sha-256.sasl.jaas.config`]: `${login}.scram.ScramLoginModule required;`,
    [`${listener}.scram-sha-512.sasl.jaas.config`]: `${login}.scram.ScramLoginModule required;`,
    [`${listener}.oauthbearer.sasl.jaas.config`]: `${login}.oauthbearer.OAuthBearerLoginModule required;`,
  };
}

const tls = (certificates: Certificates, clientCertificate: boolean): Record<string, string> => ({
  "ssl.keystore.type": "PEM",
  "ssl.keystore.certificate.chain": certificates.serverCert,
  "ssl.keystore.key": certificates.serverKey,
  "ssl.truststore.type": "PEM",
  "ssl.truststore.certificates": certificates.ca,
  "ssl.client.auth": clientCertificate ? "required" : "none",
});
