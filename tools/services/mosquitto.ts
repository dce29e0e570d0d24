/** Eclipse Mosquitto: an MQTT 3.1.1 and 5 broker. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromApt } from "./apt";
import { type Certificates, makeCertificates } from "./certificates";
import type { ServiceDefinition } from "./definition";
import { run } from "./programs";

export interface MosquittoOptions {
  /** Users and their passwords; without them everybody may connect. */
  readonly users?: Readonly<Record<string, string>>;
  /** Adds a TLS listener. */
  readonly tls?: { readonly expired?: boolean; readonly clientCertificate?: boolean };
  /** QoS 1 and 2 messages in flight a client; Mosquitto's own default is 20. */
  readonly maxInflight?: number;
  /** Messages queued for a client beyond those in flight; without limit when absent (Mosquitto's default: 1000). */
  readonly maxQueued?: number;
  /** Further lines of mosquitto.conf. */
  readonly config?: readonly string[];
}

export interface MosquittoAddress {
  /** `mqtt://127.0.0.1:port` */
  readonly url: string;
  readonly port: number;
  /** `mqtts://…`; empty without `tls`. */
  readonly tlsUrl: string;
  readonly tlsPort: number;
  /** What a client needs for the TLS listener. */
  readonly certificates?: Certificates;
}

const install = () => fromApt("mosquitto", ["mosquitto"]);

export const mosquitto: ServiceDefinition<MosquittoOptions, MosquittoAddress> = {
  name: "mosquitto",
  about: "Eclipse Mosquitto 2 (MQTT 3.1.1 and 5), the system's package",
  install: async () => void (await install()),
  async prepare(place, options) {
    const program = await install();
    const port = await place.port("mqtt");
    const tlsPort = options.tls ? await place.port("mqtts") : 0;
    const file = (name: string) => join(place.directory, name);
    const config = [
      // as root it would change to a user who may not read this folder
      ...(process.getuid?.() === 0 ? ["user root"] : []),
      `max_queued_messages ${options.maxQueued ?? 0}`,
      ...(options.maxInflight === undefined ? [] : [`max_inflight_messages ${options.maxInflight}`]),
      "persistence true",
      `persistence_location ${place.directory}/`,
      "log_dest stderr",
      "log_type error",
      "log_type warning",
      "log_type notice",
      "log_type information",
    ];
    if (options.users) {
      const passwords = file("passwords");
      const users = Object.entries(options.users).map(([user, password]) => `${user}:${password}\n`);
      writeFileSync(passwords, users.join(""), { mode: 0o600 });
      await run(await fromApt("mosquitto_passwd", ["mosquitto"]), ["-U", passwords]);
      config.push("allow_anonymous false", `password_file ${passwords}`);
    } else config.push("allow_anonymous true");
    config.push(...(options.config ?? []), `listener ${port} 127.0.0.1`);
    let certificates: Certificates | undefined;
    if (options.tls) {
      certificates = makeCertificates(options.tls);
      writeFileSync(file("ca.pem"), certificates.ca);
      writeFileSync(file("server.pem"), certificates.serverCert);
      writeFileSync(file("server.key"), certificates.serverKey, { mode: 0o600 });
      config.push(`listener ${tlsPort} 127.0.0.1`, `cafile ${file("ca.pem")}`, `certfile ${file("server.pem")}`);
      config.push(`keyfile ${file("server.key")}`, `require_certificate ${options.tls.clientCertificate ?? false}`);
    }
    writeFileSync(file("mosquitto.conf"), `${config.join("\n")}\n`);
    return {
      address: {
        url: `mqtt://127.0.0.1:${port}`,
        port,
        tlsUrl: tlsPort ? `mqtts://127.0.0.1:${tlsPort}` : "",
        tlsPort,
        ...(certificates && { certificates }),
      },
      processes: [
        {
          name: "mosquitto",
          program,
          args: ["-c", file("mosquitto.conf")],
          directory: place.directory,
          log: file("mosquitto.log"),
          ready: /mosquitto version \S+ running/,
          limit: 20_000,
        },
      ],
    };
  },
};
