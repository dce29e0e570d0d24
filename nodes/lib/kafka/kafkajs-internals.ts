/**
 * The parts of kafkajs 2.2.4 that the driver reaches by deep paths, typed as far as it uses them. The version is pinned
 * exactly and test/lib/kafka/kafkajs-internals.test.ts holds what is relied on. Nothing in node_modules is patched:
 * every change is made to an object that the driver itself created.
 */
import type { Socket } from "node:net";

export interface RawLogger {
  namespace(name: string): RawLogger;
  info(message: string, extra?: object): void;
  error(message: string, extra?: object): void;
  warn(message: string, extra?: object): void;
  debug(message: string, extra?: object): void;
}

export interface RawRequest {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  encode(): Promise<RawEncoder>;
  expectResponse?(): boolean;
}
export interface RawResponse {
  decode(bytes: Buffer): Promise<unknown>;
  parse(decoded: unknown): Promise<unknown>;
}
export interface RawProtocol {
  readonly request: RawRequest;
  readonly response: RawResponse;
  readonly requestTimeout?: number | null;
  readonly logResponseError?: boolean;
}

export interface RawEncoder {
  readonly buffer: Buffer;
  writeBufferInternal(buffer: Buffer): void;
}

interface RawRequestQueue {
  /** A Map by correlation id. */
  inflight: unknown;
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
}
export interface RawConnection {
  readonly requestQueue: RawRequestQueue;
  readonly socket?: Socket | null;
  /** Of an answer that has come in part. */
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  isConnected(): boolean;
  connect(): Promise<unknown>;
  send(protocol: RawProtocol): Promise<unknown>;
  processData(bytes: Buffer): void;
}
export interface RawConnectionPool {
  readonly host: string;
  readonly port: number;
  readonly pool: RawConnection[];
  send(protocol: RawProtocol): Promise<unknown>;
}

export interface RawMetadata {
  readonly clusterId: string | null;
  readonly controllerId: number;
  readonly brokers: readonly { nodeId: number; host: string; port: number }[];
  topicMetadata: {
    topicErrorCode: number;
    topic: string;
    /** The driver's own: the cluster could not say anything of this topic just now, by the protocol's number of the error. */
    failure?: number;
    partitionMetadata: { partitionErrorCode: number; partitionId: number; leader: number }[];
  }[];
}
/** Of a fetch request: what is asked for. */
export interface FetchedTopic {
  readonly topic: string;
  readonly partitions: readonly {
    readonly partition: number;
    readonly fetchOffset: string;
    readonly maxBytes: number;
  }[];
}
export interface RawBroker {
  readonly nodeId: number;
  readonly connectionPool: RawConnectionPool;
  readonly versions: Record<string, { minVersion: number; maxVersion: number }> | null;
  isConnected(): boolean;
  disconnect(): Promise<void>;
  metadata(topics: readonly string[]): Promise<RawMetadata>;
  fetch(request: { readonly topics: readonly FetchedTopic[]; readonly isolationLevel?: number }): Promise<unknown>;
  initProducerId(options: object): Promise<{ producerId: string; producerEpoch: number }>;
  offsetCommit(options: object): Promise<unknown>;
  /** Rejects with what the coordinator answers. */
  heartbeat(member: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>;
  offsetFetch(options: object): Promise<{
    responses: { topic: string; partitions: { partition: number; offset: string }[] }[];
  }>;
  createTopics(options: object): Promise<unknown>;
  deleteTopics(options: object): Promise<unknown>;
  describeConfigs(options: object): Promise<{
    resources: { errorCode: number; configEntries: { configName: string; configValue: string | null }[] }[];
  }>;
}
export interface RawTopicOffsets {
  readonly topic: string;
  readonly partitions: { partition: number; offset: string }[];
}
export interface RawCluster {
  readonly brokerPool: {
    readonly connectionPoolBuilder: { build(destination?: object): Promise<RawConnectionPool> };
    readonly metadata: RawMetadata | null;
    metadataExpireAt: number | null;
    readonly versions: RawBroker["versions"];
    findConnectedBroker(): Promise<RawBroker>;
  };
  isConnected(): boolean;
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  removeBroker(address: { host: string; port: number }): void;
  refreshMetadata(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  findBroker(node: { nodeId: number }): Promise<RawBroker>;
  findControllerBroker(): Promise<RawBroker>;
  /** `coordinatorType` 1: of transactions, with the transactional id as `groupId`. */
  findGroupCoordinator(group: { groupId: string; coordinatorType?: 0 | 1 }): Promise<RawBroker>;
  fetchTopicsOffset(topics: object[]): Promise<RawTopicOffsets[]>;
}

/** A batch as the driver's own fetch decoder makes it: one stand-in message that carries the decoded records. */
export interface RawBatch {
  readonly topic: string;
  readonly partition: number;
  readonly fetchedOffset: string;
  readonly highWatermark: string;
  readonly messages: readonly object[];
}
export interface RawConsumer {
  subscribe(subscription: { topics: readonly string[]; fromBeginning: boolean }): Promise<void>;
  run(options: {
    autoCommit: boolean;
    eachBatchAutoResolve: boolean;
    partitionsConsumedConcurrently: number;
    eachBatch(payload: {
      batch: RawBatch;
      resolveOffset(offset: string): void;
      heartbeat(): Promise<void>;
      isRunning(): boolean;
    }): Promise<void>;
  }): Promise<void>;
  on(event: string, listener: (event: { payload: unknown }) => void): void;
  pause(partitions: { topic: string; partitions: number[] }[]): void;
  resume(partitions: { topic: string; partitions: number[] }[]): void;
  seek(position: { topic: string; partition: number; offset: string }): void;
  disconnect(): Promise<void>;
}

export type SocketFactory = (options: {
  host: string;
  port: number;
  ssl: object | undefined;
  onConnect: () => void;
}) => Socket;

const deep = (path: string): unknown => require(`kafkajs/src/${path}`);

export const Cluster = deep("cluster") as new (options: object) => RawCluster;
export const Encoder = deep("protocol/encoder") as new (initialSize?: number) => RawEncoder;
export const createConsumer = deep("consumer") as (options: object) => RawConsumer;
export const createLogger = (deep("loggers") as { createLogger(options: object): RawLogger }).createLogger;
/** The old message format, for topics written before Kafka 0.11. */
export const decodeMessageSet = async (bytes: Buffer): Promise<RawOldMessage[]> => {
  const Decoder = deep("protocol/decoder") as new (bytes: Buffer) => object;
  const decode = deep("protocol/messageSet/decoder") as (d: object, size: number) => Promise<RawOldMessage[]>;
  return decode(new Decoder(bytes), bytes.length);
};
export interface RawOldMessage {
  readonly offset: string;
  readonly timestamp?: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}
export const errorFromCode = (deep("protocol/error") as { createErrorFromCode(code: number): RawError })
  .createErrorFromCode;

/** What kafkajs throws. */
export interface RawError extends Error {
  readonly type?: string;
  readonly code?: string | number;
  readonly broker?: string;
  readonly retriable?: boolean;
}

/** As the leader of a partition. */
export const NOBODY = -1;

/** Those of the partitions of which somebody is known to be the leader, or that are not known. */
export const isLed = ({ brokerPool }: RawCluster, topic: string, partition: number): boolean =>
  brokerPool.metadata?.topicMetadata
    .find((found) => found.topic === topic)
    ?.partitionMetadata.find(({ partitionId }) => partitionId === partition)?.leader !== NOBODY;

/** Numbers of the requests that the driver knows by name. */
export const apiKeys = {
  produce: 0,
  fetch: 1,
  metadata: 3,
  offsetFetch: 9,
  joinGroup: 11,
  heartbeat: 12,
  syncGroup: 14,
} as const;

/** Errors that say that this member must join again. */
export const REJOIN = new Set([
  "REBALANCE_IN_PROGRESS",
  "NOT_COORDINATOR_FOR_GROUP",
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
]);
