/** The settings of a cluster, as every driver reads them. */
import { ConfigError } from "../errors";
import type { ErrorContext } from "./errors";
import type { ClusterOptions } from "./port";

export const contextOf = (options: ClusterOptions): ErrorContext => ({
  brokers: options.brokers,
  tls: options.tls !== undefined,
  mechanism: options.sasl?.mechanism,
  username: options.sasl && "username" in options.sasl ? options.sasl.username : undefined,
});

/** @throws ConfigError when a broker is not `host:port` */
export const checkBrokers = (brokers: readonly string[]): void => {
  if (brokers.length === 0) throw new ConfigError("Brokers: give at least one, for example 127.0.0.1:9092");
  for (const broker of brokers)
    if (!/^[^\s:/]+:\d{1,5}$/.test(broker))
      throw new ConfigError(`Brokers: "${broker}" is not host:port, for example kafka.example.org:9092`);
};
