/**
 * The optional package @platformatic/kafka: where it is, whether it may be used here, and the parts of it that the
 * driver uses. Of its public interface only connections and the requests of the protocol are used, not its consumer and
 * producer (docs/decisions/kafka-client.md); test/lib/kafka/platformatic.test.ts holds what is relied on.
 */
import type { Socket } from "node:net";
import { pathToFileURL } from "node:url";
import { ConfigError } from "../errors";
import { findOptional, versionOf } from "../optional-package";

export const PACKAGE = "@platformatic/kafka";
/** 1.x loses records that it acknowledged; 2.12.1 is the first that was tested. */
const OLDEST = [2, 12, 1] as const;
/** From what Node.js the package runs. */
const OLDEST_NODE = [22, 22, 0] as const;

/** Bytes of a request in the making. */
export interface RawWriter {
  readonly context: { noResponse?: boolean };
  append(bytes: Buffer): RawWriter;
}
/** Bytes of an answer. */
export interface RawReader {
  readonly buffer: { slice(start: number): Buffer };
}

export interface RawConnection {
  readonly socket: Socket | undefined;
  on(event: "error" | "close", listener: (error?: Error) => void): unknown;
  connect(host: string, port: number): Promise<void>;
  close(): Promise<void>;
  send<T>(
    apiKey: number,
    apiVersion: number,
    request: () => RawWriter,
    parse: (correlationId: number, apiKey: number, apiVersion: number, reader: RawReader) => T,
    requestTags: boolean,
    responseTags: boolean,
    callback: (error: Error | null, answer?: T) => void,
  ): void;
}

export interface RawConnectionOptions {
  readonly connectTimeout: number;
  readonly requestTimeout: number;
  readonly maxInflights: number;
  readonly tls?: object;
  readonly sasl?: {
    readonly mechanism: string;
    readonly username?: string;
    readonly password?: string;
    readonly token?: () => Promise<string>;
  };
}

/** A request of the protocol, in one version. */
export interface RawApi<A extends readonly unknown[], R> {
  readonly api: { readonly key: number; async(connection: RawConnection, ...request: A): Promise<R> };
}

export interface RawMetadata {
  readonly clusterId: string | null;
  readonly controllerId: number;
  readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
  readonly topics: readonly {
    readonly errorCode: number;
    readonly name: string;
    readonly isInternal: boolean;
    readonly partitions: readonly { readonly partitionIndex: number; readonly leaderId: number }[];
  }[];
}
interface Partitions<P> {
  readonly name: string;
  readonly partitions: readonly P[];
}
export interface RawFetchPartition {
  readonly partition: number;
  readonly currentLeaderEpoch: number;
  readonly fetchOffset: bigint;
  readonly lastFetchedEpoch: number;
  readonly partitionMaxBytes: number;
}
export interface RawMember {
  readonly memberId: string;
  readonly metadata: Buffer;
}

/** What is used of the package. Every version of a request is in Kafka 2.5 to 4.x. */
export interface Platformatic {
  readonly Connection: new (clientId: string, options: RawConnectionOptions) => RawConnection;
  readonly Writer: { create(): RawWriter };
  readonly protocolAPIsById: Readonly<Record<number, string>>;
  readonly protocolErrorsCodesById: Readonly<Record<number, string>>;
  readonly protocolErrors: Readonly<Record<string, { readonly canRetry: boolean; readonly message: string }>>;
  readonly apiVersionsV1: RawApi<
    [software: string, version: string],
    { readonly apiKeys: readonly { apiKey: number; minVersion: number; maxVersion: number }[] }
  >;
  readonly metadataV8: RawApi<[topics: readonly string[] | null, create: boolean], RawMetadata>;
  readonly findCoordinatorV2: RawApi<
    [type: number, keys: readonly string[]],
    { readonly coordinators: readonly { errorCode: number; nodeId: number; host: string; port: number }[] }
  >;
  readonly joinGroupV5: RawApi<
    [
      group: string,
      sessionTimeout: number,
      rebalanceTimeout: number,
      member: string,
      instance: string | null,
      type: string,
      protocols: readonly { readonly name: string; readonly metadata: Buffer }[],
    ],
    {
      readonly errorCode: number;
      readonly generationId: number;
      readonly leader: string;
      readonly memberId: string;
      readonly members: readonly RawMember[];
    }
  >;
  readonly syncGroupV3: RawApi<
    [
      group: string,
      generation: number,
      member: string,
      instance: string | null,
      type: string,
      protocol: string,
      assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[],
    ],
    { readonly errorCode: number; readonly assignment: Buffer }
  >;
  readonly heartbeatV3: RawApi<
    [group: string, generation: number, member: string, instance: string | null],
    { readonly errorCode: number }
  >;
  readonly leaveGroupV3: RawApi<
    [group: string, members: readonly { memberId: string; groupInstanceId: string | null }[]],
    { readonly errorCode: number }
  >;
  readonly offsetCommitV7: RawApi<
    [
      group: string,
      generation: number,
      member: string,
      instance: string | null,
      topics: readonly Partitions<{
        partitionIndex: number;
        committedOffset: bigint;
        committedLeaderEpoch: number;
        committedMetadata: string | null;
      }>[],
    ],
    { readonly topics: readonly Partitions<{ partitionIndex: number; errorCode: number }>[] }
  >;
  readonly offsetFetchV7: RawApi<
    [
      groups: readonly { groupId: string; topics: readonly { name: string; partitionIndexes: readonly number[] }[] }[],
      stable: boolean,
    ],
    {
      readonly errorCode: number;
      readonly topics: readonly Partitions<{ partitionIndex: number; committedOffset: bigint; errorCode: number }>[];
    }
  >;
  readonly listOffsetsV5: RawApi<
    [
      replica: number,
      isolation: number,
      topics: readonly Partitions<{ partitionIndex: number; currentLeaderEpoch: number; timestamp: bigint }>[],
    ],
    { readonly topics: readonly Partitions<{ partitionIndex: number; errorCode: number; offset: bigint }>[] }
  >;
  readonly fetchV11: {
    createRequest(
      maxWait: number,
      minBytes: number,
      maxBytes: number,
      isolation: number,
      session: number,
      sessionEpoch: number,
      topics: readonly { readonly topicId: string; readonly partitions: readonly RawFetchPartition[] }[],
      forgotten: readonly [],
      rack: string,
    ): RawWriter;
  };
  readonly initProducerIdV1: RawApi<
    [transactionalId: string | null, timeout: number],
    { readonly errorCode: number; readonly producerId: bigint; readonly producerEpoch: number }
  >;
  readonly createTopicsV4: RawApi<
    [
      topics: readonly {
        name: string;
        numPartitions: number;
        replicationFactor: number;
        assignments: readonly [];
        configs: readonly { name: string; value: string }[];
      }[],
      timeout: number,
      validateOnly: boolean,
    ],
    { readonly topics: readonly { errorCode: number }[] }
  >;
  readonly deleteTopicsV3: RawApi<
    [topics: readonly { name: string }[], timeout: number],
    { readonly responses: readonly { errorCode: number }[] }
  >;
  readonly describeConfigsV2: RawApi<
    [resources: readonly { resourceType: number; resourceName: string; configurationKeys: null }[]],
    {
      readonly results: readonly {
        errorCode: number;
        configs: readonly { name: string; value: string | null }[];
      }[];
    }
  >;
}

const numbers = (version: string): number[] => version.replace(/^v/, "").split(/[.-]/).map(Number);
const atLeast = (version: string, oldest: readonly number[]): boolean => {
  const found = numbers(version);
  for (const [at, least] of oldest.entries()) if ((found[at] ?? 0) !== least) return (found[at] ?? 0) > least;
  return true;
};

const INSTALL = `npm install ${PACKAGE}@2`;
const NEEDED = `${OLDEST.join(".")} or a newer 2.x`;

/**
 * Path of the package's entry, looked for beside this pack and from `folder`, Node-RED's user directory.
 * @throws ConfigError that says what to install, and where
 */
export const findPackage = (folder?: string, node = process.version): string => {
  if (!atLeast(node, OLDEST_NODE))
    throw new ConfigError(
      `Client: ${PACKAGE} needs Node.js ${OLDEST_NODE.slice(0, 2).join(".")} or newer (this is ${node}); choose kafkajs`,
    );
  const place = folder ?? "Node-RED's user directory";
  const entry = findOptional(PACKAGE, folder);
  if (entry === undefined)
    throw new ConfigError(
      `Client: ${PACKAGE} is not installed; run "${INSTALL}" in ${place} and restart Node-RED, or choose kafkajs`,
    );
  const version = versionOf(PACKAGE, entry);
  const [major = 0] = numbers(version);
  if (major < OLDEST[0])
    throw new ConfigError(
      `Client: ${PACKAGE} ${version} is installed, of a line that loses records it has acknowledged; run "${INSTALL}" in ${place} for ${NEEDED} and restart Node-RED, or choose kafkajs`,
    );
  if (major > OLDEST[0] || !atLeast(version, OLDEST))
    throw new ConfigError(
      `Client: ${PACKAGE} ${version} is installed and not known to lose nothing; run "${INSTALL}" in ${place} for ${NEEDED} and restart Node-RED, or choose kafkajs`,
    );
  return entry;
};

/** Loads the package, an ES module, from what `findPackage` found. */
export const loadPackage = async (entry: string): Promise<Platformatic> =>
  (await import(pathToFileURL(entry).href)) as Platformatic;
