/** Kafka Connect, distributed, with the file connectors. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Certificates, makeCertificates } from "./certificates";
import type { Place, ServiceDefinition } from "./definition";
import { javaCommand, kafka, kafkaJars, kafkaVersion, lines, log4j } from "./kafka";
import { need, run } from "./programs";
import { startService } from "./start";

interface Tls {
  readonly expired?: boolean;
  readonly clientCertificate?: boolean;
}

export interface ConnectOptions {
  /** `host:port` of a Kafka; the one that this process shares when absent. */
  readonly brokers?: string;
  /** Demands this login of the REST API. */
  readonly login?: { readonly user: string; readonly password: string };
  /** The REST API by https alone. */
  readonly tls?: Tls;
  /** Further lines of connect-distributed.properties. */
  readonly properties?: Readonly<Record<string, string>>;
}

export interface ConnectAddress {
  /** `http://127.0.0.1:port`, or https. */
  readonly url: string;
  readonly brokers: string;
  /** What a client needs for TLS: the authority to trust, and its own certificate. */
  readonly certificates?: Certificates;
}

export const connect: ServiceDefinition<ConnectOptions, ConnectAddress> = {
  name: "connect",
  about: `Kafka Connect ${kafkaVersion} with FileStream connectors, starts kafka too; needs Java 17 and Maven`,
  install: async () => void (await kafkaJars()),
  async prepare(place, options) {
    const brokers = options.brokers ?? (await startService(kafka, {})).brokers;
    const port = await place.port("rest");
    const secured = options.tls && (await https(place, options.tls));
    const protocol = secured ? "https" : "http";
    const file = (name: string) => join(place.directory, name);
    // several Connect clusters may stand on one Kafka
    const name = `connect-${port}`;
    writeFileSync(
      file("connect.properties"),
      lines({
        "bootstrap.servers": brokers,
        "group.id": name,
        listeners: `${protocol}://127.0.0.1:${port}`,
        "rest.advertised.host.name": "127.0.0.1",
        "rest.advertised.port": String(port),
        "rest.advertised.listener": protocol,
        "config.storage.topic": `${name}-configs`,
        "offset.storage.topic": `${name}-offsets`,
        "status.storage.topic": `${name}-status`,
        "config.storage.replication.factor": "1",
        "offset.storage.replication.factor": "1",
        "offset.storage.partitions": "2",
        "status.storage.replication.factor": "1",
        "status.storage.partitions": "1",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
        "offset.flush.interval.ms": "1000",
        "plugin.discovery": "service_load",
        "scheduled.rebalance.max.delay.ms": "0",
        ...secured?.properties,
        ...(options.login && basicAuth),
        ...options.properties,
      }),
    );
    writeFileSync(file("log4j2.properties"), log4j);
    const login = options.login ? [loginFile(file, options.login)] : [];
    const java = await javaCommand(file("log4j2.properties"), 256);
    return {
      address: {
        url: `${protocol}://127.0.0.1:${port}`,
        brokers,
        ...(secured && { certificates: secured.certificates }),
      },
      processes: [
        {
          name: "connect",
          program: java.program,
          args: [...login, ...java.args, "org.apache.kafka.connect.cli.ConnectDistributed", file("connect.properties")],
          directory: place.directory,
          log: file("connect.log"),
          ready: /REST resources initialized; server is started and ready/,
        },
      ],
    };
  },
};

/** Connect's web server reads Java key stores alone, so its certificate (signed by itself) is keytool's. */
async function https(
  place: Place,
  tls: Tls,
): Promise<{ properties: Record<string, string>; certificates: Certificates }> {
  const keytool = need("keytool", "Kafka Connect with TLS");
  const password = "citystream";
  const keys = join(place.directory, "server.p12");
  const trusted = join(place.directory, "trusted.p12");
  const authority = join(place.directory, "client-authority.pem");
  for (const file of [keys, trusted]) rmSync(file, { force: true });
  const made = makeCertificates();
  writeFileSync(authority, made.ca);
  const store = (file: string) => ["-keystore", file, "-storetype", "PKCS12", "-storepass", password];
  const valid = tls.expired ? ["-startdate", "-3d", "-validity", "1"] : ["-validity", "365"];
  const who = ["-dname", "CN=localhost", "-ext", "san=ip:127.0.0.1,dns:localhost"];
  await run(keytool, ["-genkeypair", "-alias", "server", "-keyalg", "EC", ...who, ...valid, ...store(keys)]);
  await run(keytool, ["-importcert", "-noprompt", "-alias", "clients", "-file", authority, ...store(trusted)]);
  const ca = await run(keytool, ["-exportcert", "-rfc", "-alias", "server", ...store(keys)]);
  return {
    certificates: { ...made, ca: ca.slice(ca.indexOf("-----BEGIN")) },
    properties: {
      "listeners.https.ssl.keystore.location": keys,
      "listeners.https.ssl.keystore.type": "PKCS12",
      "listeners.https.ssl.keystore.password": password,
      "listeners.https.ssl.truststore.location": trusted,
      "listeners.https.ssl.truststore.type": "PKCS12",
      "listeners.https.ssl.truststore.password": password,
      "listeners.https.ssl.client.auth": tls.clientCertificate ? "required" : "none",
    },
  };
}

const basicAuth = {
  "rest.extension.classes": "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension",
};

/** Writes the login for the REST API; returns Java's argument that names it. */
function loginFile(
  file: (name: string) => string,
  login: { readonly user: string; readonly password: string },
): string {
  writeFileSync(file("logins"), `${login.user}: ${login.password}\n`, { mode: 0o600 });
  const module = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule";
  writeFileSync(file("jaas.conf"), `KafkaConnect {\n  ${module} required file="${file("logins")}";\n};\n`);
  return `-Djava.security.auth.login.config=${file("jaas.conf")}`;
}
