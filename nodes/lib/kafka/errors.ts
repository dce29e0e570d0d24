/** Puts what a Kafka client throws into the house's words: who must act, and what to do. */
import { asError, ConfigError, Rejected, Retriable } from "../errors";

export interface ErrorContext {
  readonly brokers: readonly string[];
  readonly tls: boolean;
  readonly mechanism?: string | undefined;
  readonly username?: string | undefined;
}

interface ClientError extends Error {
  readonly type?: unknown;
  readonly code?: unknown;
  readonly broker?: unknown;
}

const deepest = (error: Error): ClientError => {
  let found: Error = error;
  for (let depth = 0; depth < 10 && found.cause instanceof Error && found.cause !== found; depth++) found = found.cause;
  return found;
};

const certificateCodes: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed; give that certificate as CA in the TLS settings",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate comes from a CA of its own; give that CA in the TLS settings",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the CA of its certificate is unknown; give that CA in the TLS settings",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the CA of its certificate is unknown; give that CA in the TLS settings",
  CERT_HAS_EXPIRED: "its certificate has expired; renew it on the broker",
  CERT_NOT_YET_VALID: "its certificate is not valid yet; check the clocks of broker and Node-RED",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "its certificate is for another host name; use that name, or set Server Name in the TLS settings",
};

const permissionTypes: Readonly<Record<string, string>> = {
  TOPIC_AUTHORIZATION_FAILED: "may not use this topic",
  GROUP_AUTHORIZATION_FAILED: "may not use this consumer group",
  CLUSTER_AUTHORIZATION_FAILED: "may not do this on the cluster (an idempotent producer needs IdempotentWrite)",
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "may not use this transactional id",
};

const unreachable = (message: string, cause: Error): Retriable => new Retriable(message, { cause, unreachable: true });

/**
 * The error to show for what a Kafka client threw. House errors pass through.
 * Wrong credentials, TLS and permissions become ConfigError; a server out of reach Retriable with `unreachable`.
 */
export const explain = (thrown: unknown, context: ErrorContext): Error => {
  const error = asError(thrown);
  if (error instanceof ConfigError || error instanceof Retriable || error instanceof Rejected) return error;
  const root = deepest(error);
  const { message } = root;
  const code = typeof root.code === "string" ? root.code : "";
  const type = typeof root.type === "string" ? root.type : "";
  const where = typeof root.broker === "string" ? root.broker : context.brokers.join(", ");
  const who = context.username ? `user "${context.username}"` : "this client";
  const certificate = certificateCodes[code];
  if (certificate) return new ConfigError(`Broker ${where}: ${certificate}`, { cause: error });
  if (/SSL|TLS|EPROTO|wrong version number|alert/i.test(`${code} ${message}`))
    return new ConfigError(
      `Broker ${where} does not answer to TLS; ${context.tls ? "switch TLS off or use its TLS port" : "check its TLS settings"} (${message})`,
      { cause: error },
    );
  if (root.name === "KafkaJSSASLAuthenticationError" || type === "SASL_AUTHENTICATION_FAILED")
    return new ConfigError(
      `Kafka refused the login of ${who} by ${context.mechanism ?? "SASL"}: ${message}; check user, password and mechanism`,
      { cause: error },
    );
  if (type === "ILLEGAL_SASL_STATE" || type === "UNSUPPORTED_SASL_MECHANISM")
    return new ConfigError(
      context.mechanism
        ? `Broker ${where} does not take logins by ${context.mechanism}; choose a mechanism it offers, or its SASL port`
        : `Broker ${where} wants a login; choose a SASL mechanism`,
      { cause: error },
    );
  if (code === "ECONNREFUSED")
    return unreachable(
      `No Kafka broker at ${where} (connection refused): check host and port, and that it runs`,
      error,
    );
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return unreachable(`The host of broker ${where} is not known (${code}): check its name`, error);
  if (code === "EHOSTUNREACH" || code === "ENETUNREACH" || code === "ETIMEDOUT" || message === "Connection timeout")
    return unreachable(`Broker ${where} does not answer (time-out): check host, port and firewall`, error);
  if (/Closed connection|Connection closed|ECONNRESET|socket disconnected|Not connected/.test(`${code} ${message}`))
    return unreachable(
      `Broker ${where} closed the connection${context.tls ? "" : "; if that happens each time, it may want TLS or a login (SASL)"}`,
      error,
    );
  if (permissionTypes[type])
    return new ConfigError(`Kafka: ${who} ${permissionTypes[type]}; ask for the permission (ACL)`, { cause: error });
  if (type === "INVALID_SESSION_TIMEOUT")
    return new ConfigError(
      "Session time-out is outside what the broker allows (group.min/max.session.timeout.ms: 6 s to 30 min by default)",
      { cause: error },
    );
  if (/^KafkaJS(Connection|Broker|NumberOf|Request|Lock|GroupCoordinator|Metadata|TopicMetadata)/.test(root.name))
    return unreachable(`Kafka at ${where}: ${message}`, error);
  return new Retriable(`Kafka: ${message}`, { cause: error });
};
