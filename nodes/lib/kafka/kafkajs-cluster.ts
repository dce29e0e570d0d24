/** A kafkajs cluster object with the faults met that docs/decisions/kafka-client.md lists. */
import * as net from "node:net";
import * as tls from "node:tls";
import { Chain, type Linked } from "../delivery/chain";
import { gatherAnswers, readOften } from "./kafkajs-answers";
import { contextOf } from "./cluster-options";
import { explain, type ErrorContext } from "./errors";
import {
  apiKeys,
  Cluster,
  createLogger,
  NOBODY,
  type FetchedTopic,
  type RawBroker,
  type RawCluster,
  type RawConnection,
  type RawMetadata,
  type RawProtocol,
} from "./kafkajs-internals";
import { readAhead } from "./kafkajs-ahead";
import { decodeFetch } from "./kafkajs-fetch";
import { withInstance } from "./kafkajs-static";
import { Unanswered } from "./kafkajs-unanswered";
import type { ClusterOptions, TopicPartition } from "./port";
import { VERSION as TOPIC_IDS } from "./topic-id";

export interface Link {
  readonly cluster: RawCluster;
  readonly logger: ReturnType<typeof createLogger>;
  readonly retry: object;
  readonly context: ErrorContext;
  /** The requests that are not answered, for people: "JoinGroup since 12 s". */
  outstanding(): string;
  /** Disconnects; cuts what does not end within `limit` ms. Never throws. */
  close(limit?: number): Promise<void>;
}

export interface LinkHooks {
  /** Before a JoinGroup request is sent. */
  joining?(): Promise<void>;
  /** After the coordinator answered it. */
  joined?(member: { readonly generationId: number; readonly memberId: string }): void;
  /** Before an OffsetFetch request is sent. */
  readingOffsets?(): Promise<void>;
  /**
   * What a metadata answer says is wrong: topics that do not exist or may not be seen, which are shown as having no
   * partitions, and partitions that nobody leads.
   */
  ailing?(unknownTopics: readonly string[], leaderless: readonly TopicPartition[]): void;
  /** The name of a static member, while it has one. */
  instance?(): string | undefined;
  /** A connection failed. */
  trouble?(error: Error): void;
  /** kafkajs asks for records. */
  fetching?(topics: readonly FetchedTopic[]): readonly FetchedTopic[];
}

/** Metadata errors that concern one topic only: UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC, TOPIC_AUTHORIZATION_FAILED. */
const topicErrors = new Set([3, 17, 29]);
/** REPLICA_NOT_AVAILABLE is no obstacle to a client. */
const REPLICA_NOT_AVAILABLE = 9;

/**
 * kafkajs fails a whole metadata answer for one bad topic or partition, and asks for all topics of the cluster when it
 * connects. Here such topics are shown as empty instead, and such partitions without a leader.
 */
const tolerant = (protocol: RawProtocol, hooks: LinkHooks): RawProtocol => ({
  ...protocol,
  response: {
    decode: (bytes) => protocol.response.decode(bytes),
    parse(decoded) {
      const metadata = decoded as RawMetadata;
      const unknown: string[] = [];
      const leaderless: TopicPartition[] = [];
      for (const one of metadata.topicMetadata) {
        const { topic, topicErrorCode, partitionMetadata } = one;
        if (topicErrorCode !== 0) {
          if (topicErrors.has(topicErrorCode)) unknown.push(topic);
          else one.failure = topicErrorCode;
          one.topicErrorCode = 0;
          one.partitionMetadata = [];
          continue;
        }
        for (const partition of partitionMetadata) {
          if (partition.partitionErrorCode !== 0 && partition.partitionErrorCode !== REPLICA_NOT_AVAILABLE)
            partition.leader = NOBODY;
          partition.partitionErrorCode = 0;
          if (partition.leader === NOBODY) leaderless.push({ topic, partition: partition.partitionId });
        }
      }
      hooks.ailing?.(unknown, leaderless);
      return protocol.response.parse(metadata);
    },
  },
});

/** kafkajs#1751: its check for throttled requests runs every millisecond for ever. It is only needed while some wait. */
const quiet = ({ requestQueue }: RawConnection): void => {
  requestQueue.scheduleCheckPendingRequests = () => {
    if (requestQueue.throttleCheckTimeoutId !== null || requestQueue.pending.length === 0) return;
    const wait = Math.max(10, requestQueue.throttledUntil - Date.now());
    requestQueue.throttleCheckTimeoutId = setTimeout(() => {
      requestQueue.throttleCheckTimeoutId = null;
      requestQueue.checkPendingRequests();
    }, wait);
  };
};

/**
 * Ends a connection on which something else than Kafka's protocol came: a server that is no Kafka, bytes lost on the way.
 * The driver takes answers apart in a listener, where what it throws would end the process.
 */
const survive = (connection: RawConnection): void => {
  const connect = connection.connect.bind(connection);
  connection.connect = () => {
    // kafkajs would take the new connection's first bytes for the rest of an answer that was cut off.
    if (!connection.isConnected()) [connection.chunks, connection.bytesBuffered, connection.bytesNeeded] = [[], 0, 4];
    return connect();
  };
  gatherAnswers(connection);
  const read = connection.processData.bind(connection);
  connection.processData = (bytes) => {
    try {
      read(bytes);
    } catch (error) {
      connection.socket?.destroy(new Error("what came is not Kafka's protocol", { cause: error }));
    }
  };
};

/** A request that waits for its answer. */
interface Asked extends Linked<Asked> {
  readonly name: string;
  readonly since: number;
}

const meet = (connection: RawConnection, hooks: LinkHooks, outstanding: Chain<Asked>): void => {
  quiet(connection);
  connection.requestQueue.inflight = new Unanswered();
  survive(connection);
  const raw = connection.send.bind(connection);
  const send: RawConnection["send"] = async (protocol) => {
    const one: Asked = { name: protocol.request.apiName, since: Date.now(), older: undefined, newer: undefined };
    outstanding.add(one);
    try {
      return await raw(protocol);
    } catch (error) {
      // Nobody may be there any more: kafkajs would ask on this connection for ever.
      if ((error as Error).name === "KafkaJSRequestTimeoutError")
        connection.socket?.destroy(new Error(`no answer to ${one.name}`, { cause: error }));
      throw error;
    } finally {
      outstanding.remove(one);
    }
  };
  connection.send = async (plain) => {
    const instance = hooks.instance?.();
    const protocol = instance === undefined ? plain : withInstance(plain, instance);
    const { apiKey, apiVersion } = protocol.request;
    if (apiKey === apiKeys.metadata && apiVersion < TOPIC_IDS) return send(tolerant(protocol, hooks));
    if (apiKey === apiKeys.fetch) {
      const own = apiVersion === 11 ? { ...protocol.response, decode: decodeFetch } : protocol.response;
      return send({ ...protocol, response: own });
    }
    // Version 7 is the driver's own question, as is the metadata of topic ids.
    if (apiKey === apiKeys.offsetFetch && apiVersion < 7) await hooks.readingOffsets?.();
    if (apiKey !== apiKeys.joinGroup) return send(protocol);
    await hooks.joining?.();
    const answer = await send(protocol);
    hooks.joined?.(answer as { generationId: number; memberId: string });
    return answer;
  };
};

/** Reads ahead, and tells of what kafkajs asks for, which may be bounded: in the request itself it is bytes already. */
const meetFetches = (cluster: RawCluster, fetching: NonNullable<LinkHooks["fetching"]>): void => {
  const met = new WeakSet<RawBroker>();
  const find = cluster.findBroker.bind(cluster);
  cluster.findBroker = async (node) => {
    const broker = await find(node);
    if (met.has(broker)) return broker;
    met.add(broker);
    const fetch = readAhead(broker.fetch.bind(broker));
    broker.fetch = (request) => fetch({ ...request, topics: fetching(request.topics) });
    return broker;
  };
};

const saslOf = ({ sasl }: ClusterOptions): object | undefined => {
  if (!sasl) return undefined;
  if (sasl.mechanism !== "OAUTHBEARER") return { ...sasl, mechanism: sasl.mechanism.toLowerCase() };
  return { mechanism: "oauthbearer", oauthBearerProvider: async () => ({ value: await sasl.token() }) };
};

/** Makes a cluster object; nothing is connected yet. */
export const makeLink = (options: ClusterOptions, hooks: LinkHooks = {}): Link => {
  const context = contextOf(options);
  const sockets = new Set<net.Socket>();
  const retry = { retries: 4, initialRetryTime: 100, maxRetryTime: 1000 };
  const outstanding = new Chain<Asked>();
  const logger = createLogger({
    level: 1,
    logCreator: () => (entry: { log: { message: string } }) => {
      if (/^Connection (error|timeout)/.test(entry.log.message))
        hooks.trouble?.(
          explain(Object.assign(new Error(entry.log.message), { name: "KafkaJSConnectionError" }), context),
        );
    },
  });
  const cluster = new Cluster({
    logger,
    retry,
    brokers: [...options.brokers],
    clientId: options.clientId,
    ssl: options.tls,
    sasl: saslOf(options),
    connectionTimeout: options.connectionTimeout ?? 10_000,
    requestTimeout: options.requestTimeout ?? 30_000,
    enforceRequestTimeout: true,
    allowAutoTopicCreation: false,
    maxInFlightRequests: null,
    metadataMaxAge: 10_000,
    isolationLevel: 1,
    socketFactory({ host, port, ssl, onConnect }: { host: string; port: number; ssl?: object; onConnect: () => void }) {
      const name = net.isIP(host) ? {} : { servername: host };
      const socket: net.Socket = ssl
        ? tls.connect({ host, port, ...name, ...ssl }, onConnect)
        : net.connect({ host, port, onread: readOften(() => socket) }, onConnect);
      socket.setKeepAlive(true, 60_000);
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      return socket;
    },
  });
  const builder = cluster.brokerPool.connectionPoolBuilder;
  const build = builder.build.bind(builder);
  builder.build = async (destination) => {
    const pool = await build(destination);
    for (const connection of pool.pool) meet(connection, hooks, outstanding);
    return pool;
  };
  if (hooks.fetching) meetFetches(cluster, hooks.fetching);
  const disconnect = cluster.disconnect.bind(cluster);
  // kafkajs calls this from places whose rejection nobody would see.
  cluster.disconnect = () => disconnect().catch(() => undefined);
  return {
    cluster,
    logger,
    retry,
    context,
    outstanding() {
      const now = Date.now();
      return [...outstanding]
        .map(({ name, since }) => `${name} since ${Math.round((now - since) / 1000)} s`)
        .join(", ");
    },
    async close(limit = 2000) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, limit)));
      await Promise.race([cluster.disconnect(), late]);
      clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
    },
  };
};
