/** Apache Kafka (KRaft): brokers with plain, SASL and TLS listeners. */
import { writeFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { type Certificates, makeCertificates } from "./certificates";
import type { Place, ServiceDefinition } from "./definition";
import { jars } from "./maven";
import type { ProcessPlan } from "./process";
import { java, run } from "./programs";

export const kafkaVersion = "4.3.1";

export interface KafkaOptions {
  /** Adds a SASL listener (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, unsecured OAUTHBEARER) with these users. */
  readonly sasl?: { readonly users: Readonly<Record<string, string>> };
  /** Adds a TLS listener, and with `sasl` one for both. */
  readonly tls?: { readonly expired?: boolean; readonly clientCertificate?: boolean };
  /** Further lines of server.properties. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Java's heap in MB; 512 when absent. */
  readonly heap?: number;
}

export interface KafkaAddress {
  /** `host:port` of the plain listener. */
  readonly brokers: string;
  /** `host:port` of the SASL_PLAINTEXT listener; empty without `sasl`. */
  readonly saslBrokers: string;
  /** `host:port` of the TLS listener; empty without `tls`. */
  readonly tlsBrokers: string;
  /** `host:port` of the SASL_SSL listener; empty without both. */
  readonly saslTlsBrokers: string;
  /** What a client needs for the TLS listeners. */
  readonly certificates?: Certificates;
}

const lib = () =>
  jars({
    name: "kafka",
    version: kafkaVersion,
    artifacts: [
      `org.apache.kafka:kafka_2.13:${kafkaVersion}`,
      `org.apache.kafka:kafka-tools:${kafkaVersion}`,
      `org.apache.kafka:connect-runtime:${kafkaVersion}`,
      `org.apache.kafka:connect-file:${kafkaVersion}`,
      `org.apache.kafka:connect-json:${kafkaVersion}`,
      `org.apache.kafka:connect-basic-auth-extension:${kafkaVersion}`,
      "org.apache.logging.log4j:log4j-slf4j-impl:2.25.3",
    ],
  });

/** The folder of Kafka's jars, with Connect, its tools and its file connectors. */
export const kafkaJars = lib;

export const kafka: ServiceDefinition<KafkaOptions, KafkaAddress> = {
  name: "kafka",
  about: `Apache Kafka ${kafkaVersion} (KRaft), needs Java 17 and Maven`,
  install: async () => void (await lib()),
  async prepare(place, options) {
    const listeners = [
      { name: "PLAINTEXT", protocol: "PLAINTEXT", port: await place.port("plaintext") },
      ...(options.sasl ? [{ name: "SASL", protocol: "SASL_PLAINTEXT", port: await place.port("sasl") }] : []),
      ...(options.tls ? [{ name: "TLS", protocol: "SSL", port: await place.port("tls") }] : []),
      ...(options.sasl && options.tls
        ? [{ name: "SASLTLS", protocol: "SASL_SSL", port: await place.port("sasltls") }]
        : []),
      { name: "CONTROLLER", protocol: "PLAINTEXT", port: await place.port("controller") },
    ];
    const certificates = options.tls && makeCertificates(options.tls);
    const settings = join(place.directory, "server.properties");
    const security = { ...sasl("sasl", options), ...sasl("sasltls", options), ...tls(options, certificates) };
    writeFileSync(settings, lines({ ...base(place, listeners), ...security, ...options.properties }));
    const logging = join(place.directory, "log4j2.properties");
    writeFileSync(logging, log4j);
    const command = await javaCommand(logging, options.heap ?? 512);
    if (!existsSync(join(place.directory, "data", "meta.properties"))) await format(command, settings, options);
    const broker: ProcessPlan = {
      name: "kafka",
      program: command.program,
      args: [...command.args, "kafka.Kafka", settings],
      directory: place.directory,
      log: join(place.directory, "kafka.log"),
      ready: /Kafka Server started/,
    };
    const at = (name: string) => {
      const listener = listeners.find((one) => one.name === name);
      return listener ? `127.0.0.1:${listener.port}` : "";
    };
    return {
      address: {
        brokers: at("PLAINTEXT"),
        saslBrokers: at("SASL"),
        tlsBrokers: at("TLS"),
        saslTlsBrokers: at("SASLTLS"),
        ...(certificates && { certificates }),
      },
      processes: [broker],
    };
  },
};

interface Listener {
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
}

function base(place: Place, listeners: readonly Listener[]): Record<string, string> {
  const clients = listeners.filter((one) => one.name !== "CONTROLLER");
  const controller = listeners.find((one) => one.name === "CONTROLLER");
  return {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@127.0.0.1:${controller?.port}`,
    "controller.listener.names": "CONTROLLER",
    listeners: listeners.map((one) => `${one.name}://127.0.0.1:${one.port}`).join(","),
    "advertised.listeners": clients.map((one) => `${one.name}://127.0.0.1:${one.port}`).join(","),
    "listener.security.protocol.map": listeners.map((one) => `${one.name}:${one.protocol}`).join(","),
    "inter.broker.listener.name": "PLAINTEXT",
    "log.dirs": join(place.directory, "data"),
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "8",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    // after kill -9 the broker waits for its former registration to end: 9 s by default
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
  };
}

/** Users of PLAIN and OAUTHBEARER are known to the listener; those of SCRAM are written when storage is formatted. */
function sasl(name: "sasl" | "sasltls", options: KafkaOptions): Record<string, string> {
  if (!options.sasl || (name === "sasltls" && !options.tls)) return {};
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

function tls(options: KafkaOptions, certificates: Certificates | undefined): Record<string, string> {
  if (!certificates) return {};
  return {
    "ssl.keystore.type": "PEM",
    "ssl.keystore.certificate.chain": certificates.serverCert,
    "ssl.keystore.key": certificates.serverKey,
    "ssl.truststore.type": "PEM",
    "ssl.truststore.certificates": certificates.ca,
    "ssl.client.auth": options.tls?.clientCertificate ? "required" : "none",
  };
}

interface JavaCommand {
  readonly program: string;
  readonly args: readonly string[];
}

/** Java with Kafka's jars on the class path, as the broker, Connect and the tools need it. */
export async function javaCommand(logging: string, heap: number): Promise<JavaCommand> {
  return {
    program: await java("Kafka"),
    args: [
      `-Xmx${heap}m`,
      `-Dlog4j2.configurationFile=${logging}`,
      "-Djava.awt.headless=true",
      "-cp",
      join(await lib(), "*"),
    ],
  };
}

async function format(command: JavaCommand, settings: string, options: KafkaOptions): Promise<void> {
  const users = Object.entries(options.sasl?.users ?? {}).flatMap(([name, password]) =>
    ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((kind) => [
      "--add-scram",
      `${kind}=[name=${name},password=${password}]`,
    ]),
  );
  const id = "Y2l0eXN0cmVhbXRlc3Rzd2";
  await run(command.program, [
    ...command.args,
    "kafka.tools.StorageTool",
    "format",
    "-t",
    id,
    "-c",
    settings,
    ...users,
  ]);
}

/** Text of a Java properties file. */
export const lines = (properties: Readonly<Record<string, string>>): string =>
  Object.entries(properties)
    .map(([name, value]) => `${name}=${value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n`)
    .join("");

/** Everything from INFO up to the console, which is the process's log file. */
export const log4j = `appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %m (%c{1})%n
rootLogger.level=INFO
rootLogger.appenderRef.console.ref=console
`;
