/** Apache Kafka (KRaft): brokers with plain, SASL and TLS listeners. */
import { writeFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { type Certificates, makeCertificates } from "./certificates";
import type { ServiceDefinition } from "./definition";
import { type KafkaNode, type ListenerName, nodeOf, propertiesOf } from "./kafka-properties";
import { jars } from "./maven";
import type { ProcessPlan } from "./process";
import { java, run } from "./programs";

export const kafkaVersion = "4.3.1";

export interface KafkaOptions {
  /** Adds a SASL listener (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, unsecured OAUTHBEARER) with these users. */
  readonly sasl?: { readonly users: Readonly<Record<string, string>> };
  /** Adds a TLS listener, and with `sasl` one for both. */
  readonly tls?: { readonly expired?: boolean; readonly clientCertificate?: boolean };
  /**
   * Port of 127.0.0.1 of a proxy: adds a listener for it to lead to, which tells clients to connect to the proxy. For one
   * broker.
   */
  readonly proxy?: number;
  /** Further lines of server.properties. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Number of brokers; 1 when absent. The first is the controller too; it is process `kafka`, the others `kafka2`, … */
  readonly brokers?: number;
  /** Java's heap of each in MB; 512 when absent. */
  readonly heap?: number;
}

export interface KafkaAddress {
  /** `host:port` of the plain listener, of all brokers separated by commas; so too below. */
  readonly brokers: string;
  /** `host:port` of the SASL_PLAINTEXT listener; empty without `sasl`. */
  readonly saslBrokers: string;
  /** `host:port` of the TLS listener; empty without `tls`. */
  readonly tlsBrokers: string;
  /** `host:port` of the SASL_SSL listener; empty without both. */
  readonly saslTlsBrokers: string;
  /** `host:port` of the listener behind the proxy; empty without `proxy`. */
  readonly proxiedBrokers: string;
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
    const logging = join(place.directory, "log4j2.properties");
    writeFileSync(logging, log4j);
    const command = await javaCommand(logging, options.heap ?? 512);
    const certificates = options.tls && makeCertificates(options.tls);
    const controller = await place.port("controller");
    const nodes: KafkaNode[] = [];
    for (let id = 1; id <= (options.brokers ?? 1); id++) nodes.push(await nodeOf(place, id, options));
    const processes: ProcessPlan[] = [];
    for (const node of nodes) {
      const settings = join(place.directory, `${node.name}.properties`);
      writeFileSync(settings, lines(propertiesOf(node, controller, nodes.length, options, certificates)));
      if (!existsSync(join(node.data, "meta.properties"))) await format(command, settings, options);
      processes.push({
        name: node.name,
        program: command.program,
        args: [...command.args, "kafka.Kafka", settings],
        directory: place.directory,
        log: join(place.directory, `${node.name}.log`),
        ready: /Kafka Server started/,
      });
    }
    const at = (name: ListenerName) =>
      nodes.flatMap(({ listeners }) => (listeners.has(name) ? [`127.0.0.1:${listeners.get(name)}`] : [])).join(",");
    return {
      address: {
        brokers: at("PLAINTEXT"),
        saslBrokers: at("SASL"),
        tlsBrokers: at("TLS"),
        saslTlsBrokers: at("SASLTLS"),
        proxiedBrokers: at("PROXIED"),
        ...(certificates && { certificates }),
      },
      processes,
    };
  },
};

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
