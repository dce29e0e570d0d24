/**
 * What citystream asks of a Kafka client. Nodes and tests know only this file, `transaction-port.ts` and `drivers.ts`; `kafkajs-*.ts` are one
 * driver behind it, `platformatic-*.ts` another.
 */
import { Retriable } from "../errors";
import type { CodecName } from "./codecs";
import type { TlsOptions } from "../fields";
import type { PackedRecords } from "./packed-records";
import type { Membership, Transactions } from "./transaction-port";

export type SaslMechanism = "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512" | "OAUTHBEARER";

export interface ClusterOptions {
  /** `host:port` */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly tls?: TlsOptions | undefined;
  readonly sasl?:
    | {
        readonly mechanism: Exclude<SaslMechanism, "OAUTHBEARER">;
        readonly username: string;
        readonly password: string;
      }
    | { readonly mechanism: "OAUTHBEARER"; token(): Promise<string> }
    | undefined;
  /** Longest wait for a TCP and TLS handshake, in ms. */
  readonly connectionTimeout?: number;
  /** Longest wait for an answer, in ms. */
  readonly requestTimeout?: number;
}

/** Bytes, or several values of a header that a record carries more than once. */
export type Headers = Record<string, Buffer | Buffer[] | null>;

/** A record as it was fetched. Buffers are windows into the response: nothing is copied. */
export interface FetchedRecord {
  readonly offset: number;
  /** ms since the epoch */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Headers | undefined;
  /** Bytes of key, value and headers on the wire. */
  readonly size: number;
}

/** One partition's part of one fetch. */
export interface FetchedBatch {
  readonly topic: string;
  readonly partition: number;
  /** The assignment under which it was fetched; `commit` drops what belongs to an earlier one. */
  readonly epoch: number;
  /** The offset that was asked for. */
  readonly offset: number;
  /**
   * The next records in order, at most `max`; none when all were read.
   * @throws DamagedBatch (record-batch.ts) for stored bytes that can't be read; the next call goes on behind them
   */
  read(max: number): readonly FetchedRecord[];
  /** The same, without an object for each. */
  readPacked(max: number): PackedRecords;
  /** First offset after this batch, whatever it held: control records and aborted ones are not read. */
  readonly nextOffset: number;
  /** Offset after the partition's last record when this was fetched. */
  readonly highWatermark: number;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}
export interface Position extends TopicPartition {
  readonly epoch: number;
  /** The next record to read. */
  readonly offset: number;
}

/** Where a partition starts that has no committed offset. `committed`: nowhere; it is an error. */
export type Start = "earliest" | "latest" | "committed" | { readonly timestamp: number };

export interface ConsumerOptions {
  readonly groupId: string;
  /** Exact names, or patterns that whole names must match. */
  readonly topics: readonly (string | RegExp)[];
  readonly start: Start;
  /** A member that is silent for so long has its partitions moved, in ms. */
  readonly sessionTimeout: number;
  /**
   * Static membership: a name of which the group knows one member. Who joins under the name of a killed process gets its
   * partitions at once; of two alive under one name the older goes on without, and warns. Where the driver can.
   */
  readonly instanceId?: string | undefined;
  /** Bytes of one partition in one fetch. */
  readonly partitionBytes?: number;
  /** Bytes of one fetch from one broker. */
  readonly fetchBytes?: number;
  readonly readUncommitted?: boolean;
  /** Without any progress for so long the consumer starts again and says so, in ms; absent: the driver's choice. */
  readonly stallLimit?: number;
}

/** What a consumer tells its node. Every callback may be called at any time until `close` resolves. */
export interface ConsumerEvents {
  /**
   * Records of one partition, in order. The next batch of this partition comes after the promise resolves; heartbeats
   * go on meanwhile. Resolve with the offset from which to go on when not all was taken: `pause` the partition first.
   */
  records(batch: FetchedBatch): Promise<number | void>;
  /**
   * This member now owns exactly these partitions; epochs of before are void. `kept`: those it owned before were never
   * out of its hands, so it may go on where it was instead of where the group has committed: returns such positions.
   */
  assigned(
    partitions: readonly TopicPartition[],
    epoch: number,
    kept: boolean,
  ): readonly (TopicPartition & { readonly offset: number })[];
  /** Before the committed offsets of what was assigned are read: they are read when it resolves. */
  beforeOffsets?(epoch: number): Promise<void>;
  /** Bytes that there is room for in a partition's next fetch, where that is less than it would bring otherwise. */
  wanted?(partition: TopicPartition): number | undefined;
  /** The group rebalances or the consumer starts again: what is still to be committed, commit before it resolves. */
  revoking(epoch: number): Promise<void>;
  /** It works (undefined) or why not; it goes on trying either way. */
  state(trouble: Error | undefined): void;
  /** Something the user should read once, such as records that were deleted before they were read. */
  warn(text: string): void;
}

export interface Consumer {
  /**
   * Commits the positions of the present assignment and drops those of an earlier one.
   * @returns the positions that were committed
   * @throws Retriable when the coordinator is out of reach
   */
  commit(positions: readonly Position[]): Promise<readonly Position[]>;
  pause(partition: TopicPartition): void;
  resume(partition: TopicPartition): void;
  /** This member under an assignment; undefined once that is over. */
  membership(epoch: number): Membership | undefined;
  /**
   * Asks the coordinator, by a heartbeat, whether this member has what it was assigned under this epoch. False: that is
   * over, or about to be, since the group rebalances.
   * @throws Retriable when the coordinator is out of reach
   */
  isMember(epoch: number): Promise<boolean>;
  /** Leaves and joins again, because of `error`: an assignment of which others seem to have a newer one. */
  rejoin(error: Error): void;
  /** The next fetch of a partition that is owned begins at `offset`; what was fetched and not taken is dropped. */
  seek(partition: TopicPartition, offset: number): void;
  /** Stops fetching, leaves the group. Does not commit. */
  close(): Promise<void>;
}

/** A record to be written. */
export interface OutgoingRecord {
  readonly topic: string;
  /** Absent: by the key's hash, or spread when there is no key. */
  readonly partition?: number | undefined;
  readonly key: Buffer | null;
  /** null is a tombstone. */
  readonly value: Buffer | null;
  readonly headers?: readonly (readonly [name: string, value: Buffer | null])[] | undefined;
  /** ms since the epoch; absent: now. */
  readonly timestamp?: number | undefined;
}

/** Where a record was written (`offset` is undefined when the broker did not say), or why it was not. */
export type Outcome = { readonly partition: number; readonly offset: number | undefined } | Error;

export interface ProducerOptions {
  /** `all`: every in-sync replica has it, and no retry writes it twice. */
  readonly acks: "all" | "leader" | "none";
  readonly compression: CodecName;
  /** How long a batch waits for more records, in ms. */
  readonly linger: number;
  /** Bytes of a batch at which it is sent at once. */
  readonly batchBytes: number;
  /** Bytes not yet acknowledged above which `send` takes no more until there is room. */
  readonly bufferBytes: number;
  /** How to make topics that are missing; absent: they are an error. */
  readonly create?: TopicCreation | undefined;
  /** Something the user may like to know once, such as that a topic has other partitions than `create` asks for. */
  note?(text: string): void;
  /** It works (undefined) or why not; it goes on trying either way. */
  state(trouble: Error | undefined): void;
  /**
   * Kafka answers, and does not take the records of this topic now (the reason, as `state` is told it), or takes them again.
   */
  held?(topic: string, why: Error | undefined): void;
}

/** Records that were given back unsent, see `Producer.withdraw`. */
export class Withdrawn extends Retriable {}

export interface TopicCreation {
  readonly partitions: number;
  /** -1: the broker's default. */
  readonly replication: number;
  readonly config: Readonly<Record<string, string>>;
}

export interface Producer {
  /**
   * Writes records; resolves when each is acknowledged or has failed for good, with one outcome a record. A broker out
   * of reach is waited for without end. An outcome that is `Rejected` will never succeed; `Retriable` may.
   */
  send(records: readonly OutgoingRecord[]): Promise<readonly Outcome[]>;
  /** Bytes taken and not acknowledged yet. */
  readonly buffered: number;
  /** Gives back what waits of a topic and is not on its way to the broker: its outcome is `Withdrawn`. */
  withdraw(topic: string): void;
  /** Waits up to `drain` ms for what is in the buffer; the rest fails. */
  close(drain: number): Promise<void>;
}

export interface ClusterDescription {
  readonly clusterId: string | null;
  readonly controller: number | null;
  readonly brokers: readonly { readonly id: number; readonly host: string; readonly port: number }[];
  /** Newest Kafka release whose protocol the brokers speak, as far as it can be told: "2.1 or newer". */
  readonly version: string;
  readonly topics: readonly string[];
}

export interface Kafka {
  /**
   * Connects, asks who is there and disconnects.
   * @throws ConfigError or Retriable that says what is wrong: unreachable host:port, refused login, TLS
   */
  describe(): Promise<ClusterDescription>;
  /** Names of all topics that this user may see. */
  topics(): Promise<readonly string[]>;
  /**
   * Tells a topic from one that was made anew under its name. Undefined when it is not there or may not be seen, and of
   * brokers before Kafka 2.8, which give topics no ids.
   */
  topicId(topic: string): Promise<string | undefined>;
  /** A topic's settings; undefined when it does not exist or may not be seen. */
  topicConfig(topic: string): Promise<ReadonlyMap<string, string> | undefined>;
  /** Makes a topic; does nothing when it exists. */
  createTopic(topic: string, creation: TopicCreation): Promise<void>;
  deleteTopics(topics: readonly string[]): Promise<void>;
  /** First and next offset of each partition. */
  offsets(topic: string): Promise<readonly { partition: number; low: number; high: number }[]>;
  /** Offset of each partition's first record of that time (ms since the epoch) or later; its next offset when none is. */
  offsetsAt(topic: string, timestamp: number): Promise<readonly { partition: number; offset: number }[]>;
  /** What a group has committed; -1 where nothing. */
  committed(groupId: string, topic: string): Promise<readonly { partition: number; offset: number }[]>;
  /** Never throws: it goes on trying, and tells `events.state` why it must. */
  consumer(options: ConsumerOptions, events: ConsumerEvents): Consumer;
  producer(options: ProducerOptions): Producer;
  transactions(): Transactions;
  close(): Promise<void>;
}
