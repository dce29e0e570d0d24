/** What a producer needs of a Kafka client: its connections and its requests. Batches, order and retries are not its part. */
import type { ErrorContext } from "./errors";
import type { TopicCreation } from "./port";
import type { Request } from "./transaction-requests";

export interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  /** A stamped record batch. */
  readonly bytes: Buffer;
}
export interface PartitionResult {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly baseOffset: number;
}

/** An error that a broker answered with, by its number in the protocol. */
export interface ProtocolError extends Error {
  /** Its name in the protocol, such as TOPIC_AUTHORIZATION_FAILED. */
  readonly type?: string;
  /** The same request may succeed later. */
  readonly retriable?: boolean;
}

/** Everything but `protocolError`, `failed` and `close` throws what the client throws; `explain` of errors.ts names it. */
export interface ProducerWire {
  readonly context: ErrorContext;
  /** Batches are written in a transaction. */
  readonly transactional?: boolean;
  /** A producer's identity, for idempotence. */
  identity(): Promise<{ readonly producerId: bigint; readonly producerEpoch: number }>;
  /** Connects when there is no connection yet. */
  connect(): Promise<void>;
  /** The broker that leads each partition, below 0 for none now; nothing for a topic that does not exist or may not be seen. */
  leaders(
    topic: string,
    /** What was learned before may be out of date. */
    anew: boolean,
  ): Promise<readonly { readonly partition: number; readonly leader: number }[]>;
  /** Makes a topic; does nothing when it exists. @throws ConfigError when the cluster refuses its settings */
  createTopic(topic: string, creation: TopicCreation): Promise<void>;
  /**
   * Sends stamped batches, at most one a partition, to the broker that leads them. When it throws, whether the broker
   * has them is unknown.
   * @param acks −1 all, 1 leader, 0 none (then there are no results)
   */
  produce(
    leader: number,
    batches: readonly PartitionBatch[],
    acks: -1 | 0 | 1,
    timeout: number,
  ): Promise<readonly PartitionResult[]>;
  /** A request failed by this: the connection it names is not to be used again. */
  failed(failure: unknown): void;
  protocolError(code: number): ProtocolError;
  close(): Promise<void>;
}

/** What one transactional producer needs beyond that. Its connections are others' too: `close` leaves them open. */
export interface TransactionWire extends ProducerWire {
  /**
   * Asks the coordinator of the transactional id, or of a group.
   * @throws what the client throws when there is no answer; `failed` is to be told of it
   */
  ask<T>(request: Request<T>, groupId?: string): Promise<T>;
  /** The coordinator has moved, or may have. */
  forgetCoordinator(): void;
}
