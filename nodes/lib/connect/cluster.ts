/** What Kafka Connect's REST API is asked (https://kafka.apache.org/documentation/#connect_rest), in types. */
import { openRest, type Rest, type RestOptions, type RestServer } from "../rest";

const server: RestServer = {
  name: "Kafka Connect",
  example: "http://127.0.0.1:8083",
  // while its workers rebalance
  busy: [409],
  // validate answers 500 to what is the caller's mistake
  mistake: (said) => /^org\.apache\.kafka\.connect\.\S*BadRequestException: (.*)/su.exec(said)?.[1],
};

/** @param options Connect itself gives up a request after 90 s */
export const openConnect = (options: RestOptions): Rest => openRest(server, options);

/** A connector's configuration: names and values are texts, as Connect keeps them. */
export type ConnectorConfig = Readonly<Record<string, string>>;

/** RUNNING, PAUSED, STOPPED, FAILED, UNASSIGNED, RESTARTING: Connect's own words. */
export interface PartState {
  readonly state: string;
  readonly worker_id: string;
  /** Java's stack trace of a failure. */
  readonly trace?: string;
}
export interface ConnectorStatus {
  readonly name: string;
  readonly type: string;
  readonly connector: PartState;
  readonly tasks: readonly (PartState & { readonly id: number })[];
}

interface Validation {
  readonly error_count: number;
  readonly configs: readonly { readonly value: { readonly name: string; readonly errors: readonly string[] } }[];
}

export interface ConnectCluster {
  about(): Promise<{ version: string; connectors: number; plugins: number }>;
  /** Settings that the plugin refuses, with its reasons; empty when all are right. */
  validate(config: ConnectorConfig, signal?: AbortSignal): Promise<{ setting: string; reasons: readonly string[] }[]>;
  /** The configuration of a connector; undefined when there is none of that name. */
  config(name: string, signal?: AbortSignal): Promise<ConnectorConfig | undefined>;
  /** Makes the connector, or gives it this configuration. */
  put(name: string, config: ConnectorConfig, signal?: AbortSignal): Promise<void>;
  /** undefined until Connect knows it. */
  status(name: string, signal?: AbortSignal): Promise<ConnectorStatus | undefined>;
  /** Starts again what has failed of a connector and its tasks. */
  restartFailed(name: string, signal?: AbortSignal): Promise<void>;
  remove(name: string, signal?: AbortSignal): Promise<void>;
}

export function connectCluster(rest: Rest): ConnectCluster {
  const at = (name: string, part = ""): string => `/connectors/${encodeURIComponent(name)}${part}`;
  /** Ends the request when the signal says so. */
  const ended = (signal: AbortSignal | undefined) => (signal ? { signal } : {});
  return {
    async about() {
      const [about, connectors, plugins] = await Promise.all([
        rest.request("GET", "/"),
        rest.request("GET", "/connectors"),
        rest.request("GET", "/connector-plugins"),
      ]);
      return {
        version: (about as { version?: string }).version ?? "?",
        connectors: (connectors as readonly string[]).length,
        plugins: (plugins as readonly unknown[]).length,
      };
    },
    async validate(config, signal) {
      const plugin = encodeURIComponent(config["connector.class"] ?? "");
      const answer = await rest.request("PUT", `/connector-plugins/${plugin}/config/validate`, {
        body: config,
        ...ended(signal),
      });
      const { configs } = (answer ?? { configs: [] }) as Validation;
      return configs
        .filter(({ value }) => value.errors.length > 0)
        .map(({ value }) => ({ setting: value.name, reasons: value.errors }));
    },
    async config(name, signal) {
      const answer = await rest.request("GET", at(name, "/config"), ended(signal));
      return (answer as ConnectorConfig | null) ?? undefined;
    },
    async put(name, config, signal) {
      await rest.request("PUT", at(name, "/config"), { body: config, ...ended(signal) });
    },
    async status(name, signal) {
      const answer = await rest.request("GET", at(name, "/status"), ended(signal));
      return (answer as ConnectorStatus | null) ?? undefined;
    },
    async restartFailed(name, signal) {
      await rest.request("POST", at(name, "/restart?includeTasks=true&onlyFailed=true"), ended(signal));
    },
    async remove(name, signal) {
      await rest.request("DELETE", at(name), ended(signal));
    },
  };
}
