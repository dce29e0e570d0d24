/** The Kafka clients that there are behind the port. */
import { lazily } from "../lazily";
import { openKafka as openKafkajs } from "./kafkajs-client";
import type * as Platformatic from "./platformatic-client";
import type { ClusterOptions, Kafka } from "./port";

const platformatic = lazily(() => require("./platformatic-client") as typeof Platformatic);

export type Client = "kafkajs" | "platformatic";

/**
 * A Kafka cluster by the client of that name. Nothing is connected before it is used.
 * @param folder where optional packages are looked for too: Node-RED's user directory
 * @throws ConfigError when a broker is not `host:port`, or the client is not installed or too old
 */
export const openKafka = (options: ClusterOptions, client: Client = "kafkajs", folder?: string): Kafka =>
  client === "platformatic" ? platformatic().openPlatformatic(options, folder) : openKafkajs(options);
