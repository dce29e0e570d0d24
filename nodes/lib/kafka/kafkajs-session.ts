/**
 * One run of kafkajs's consumer, from its connection to its crash: batches in hand and their heartbeats, assignments and
 * revocations. What outlives a run is in kafkajs-consumer.ts.
 */
import { Retriable } from "../errors";
import { rebalanceTimeout } from "./group-protocol";
import type { Link } from "./kafkajs-cluster";
import { fetchedOf } from "./kafkajs-fetch";
import {
  createConsumer,
  REJOIN,
  type FetchedTopic,
  type RawBatch,
  type RawConsumer,
  type RawError,
} from "./kafkajs-internals";
import { isFenced } from "./kafkajs-static";
import { Term } from "./kafkajs-term";
import type { ConsumerEvents, ConsumerOptions, TopicPartition } from "./port";
import type { Membership } from "./transaction-port";
import { within } from "./sleep";
import { watchProgress } from "./watchdog";

/** Longest wait of a fetch for records, and for the check of a paused partition, in ms. */
const POLL = 500;
/** kafkajs's longest wait for an answer, in ms, see cluster-options. */
const REQUEST_TIMEOUT = 30_000;

/** Partitions whose records are handed over at once: each costs time at every fetch, whether it has records or not. */
const LEAST_WORKERS = 8;
const MOST_WORKERS = 64;

export type Member = Omit<Membership, "groupId">;

export interface Session {
  readonly link: Link;
  raw: RawConsumer | undefined;
  member: Member | undefined;
  epoch: number;
  /** Of the epoch. */
  term: Term;
  /** Seeks that kafkajs has not been seen to take up: it keeps such over assignments, and has no way to take one back. */
  readonly seeks: Map<string, { readonly offset: number; epoch: number }>;
  /** Partitions that may be handed over at once. */
  workers: number;
  readonly crash: Promise<Error | undefined>;
  crashed(error: Error | undefined): void;
}

/** What sessions of one consumer share. */
export interface Shared {
  epochs: number;
  /** Who this member was when it last got partitions, within this session. */
  last: Member | undefined;
  /** Topics that are subscribed to and not there. */
  missing: Error | undefined;
}

/** kafkajs gives each request up after its time-out; what stands still for longer than that is kafkajs itself. */
export const stallLimit = ({ sessionTimeout, stallLimit: given }: ConsumerOptions): number =>
  given ?? Math.max(REQUEST_TIMEOUT, rebalanceTimeout(sessionTimeout) + 5000) + 15_000;

/** Other failures of a heartbeat are for the next fetch to find. */
const newTerm = (): Term => new Term((error) => REJOIN.has((error as RawError).type ?? "") || isFenced(error));

export const newSession = (link: Link): Session => {
  let crashed: Session["crashed"] = () => undefined;
  const crash = new Promise<Error | undefined>((resolve) => (crashed = resolve));
  return {
    link,
    raw: undefined,
    member: undefined,
    epoch: 0,
    term: newTerm(),
    seeks: new Map(),
    workers: 0,
    crash,
    crashed,
  };
};

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/** The next fetch of a partition of the present assignment begins at `offset`. */
export const seekTo = (own: Session, { topic, partition }: TopicPartition, offset: number): void => {
  if (own.epoch === 0) return;
  own.raw?.seek({ topic, partition, offset: String(offset) });
  own.seeks.set(keyOf({ topic, partition }), { offset, epoch: own.epoch });
};

/** Kafka is asked for records from these offsets on: seeks to them are done. */
export const seeksDone = (own: Session, topics: readonly FetchedTopic[]): void => {
  if (own.seeks.size === 0) return;
  for (const { topic, partitions } of topics)
    for (const { partition, fetchOffset } of partitions) {
      const key = keyOf({ topic, partition });
      if (own.seeks.get(key)?.offset === Number(fetchOffset)) own.seeks.delete(key);
    }
};

/** What kafkajs asks for, with fewer bytes where there is room for fewer. */
export const bounded = (
  topics: readonly FetchedTopic[],
  { wanted }: Pick<ConsumerEvents, "wanted">,
): readonly FetchedTopic[] =>
  topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map((one) => ({
      ...one,
      maxBytes: Math.min(one.maxBytes, wanted?.({ topic, partition: one.partition }) ?? one.maxBytes),
    })),
  }));

/** Ends the epoch: open batches return, and the node may still commit what is finished. */
export const revoke = async (own: Session, options: ConsumerOptions, events: ConsumerEvents): Promise<void> => {
  if (own.epoch > 0) {
    own.term.end();
    // Whoever takes longer than the coordinator waits is out of the group.
    await within(events.revoking(own.epoch), rebalanceTimeout(options.sessionTimeout) * 0.7);
  }
  own.epoch = 0;
};

const handle = async (
  own: Session,
  options: ConsumerOptions,
  events: ConsumerEvents,
  batch: RawBatch,
  resolve: (offset: string) => void,
  heartbeat: () => Promise<void>,
) => {
  const fetched = fetchedOf(batch);
  if (!fetched || own.term.over) return;
  const { topic, partition } = batch;
  const { nextOffset } = fetched;
  const offset = Number(batch.fetchedOffset);
  const work = events.records({
    topic,
    partition,
    epoch: own.epoch,
    offset,
    ...fetched.reading(offset),
    nextOffset,
    highWatermark: Number(batch.highWatermark),
  });
  const next = await own.term.during(
    work.then((taken) => taken ?? nextOffset),
    heartbeat,
    options.sessionTimeout / 6,
  );
  if (next !== undefined && !own.term.over) resolve(String(next - 1));
};

const assigned = (own: Session, events: ConsumerEvents, shared: Shared, payload: unknown): void => {
  const { memberAssignment } = payload as { memberAssignment: Record<string, number[]> };
  const partitions: TopicPartition[] = Object.entries(memberAssignment).flatMap(([topic, list]) =>
    list.map((partition) => ({ topic, partition })),
  );
  const kept =
    shared.last !== undefined &&
    own.member?.memberId === shared.last.memberId &&
    own.member.generationId === shared.last.generationId + 1;
  // There are more than when it began: each is to have its records without waiting for another's.
  if (partitions.length > own.workers && own.workers < MOST_WORKERS) return own.crashed(undefined);
  const pending = partitions.flatMap((one) => own.seeks.get(keyOf(one)) ?? []);
  // Meant for a partition that was, or may have been, in other hands meanwhile: only a new session is without it.
  if (pending.some(({ epoch }) => !kept || epoch !== shared.epochs)) return own.crashed(undefined);
  own.epoch = ++shared.epochs;
  own.term = newTerm();
  for (const seek of pending) seek.epoch = own.epoch;
  shared.last = own.member;
  // kafkajs remembers what was paused under the assignment before.
  own.raw?.resume(partitions.map(({ topic, partition }) => ({ topic, partitions: [partition] })));
  const from = events.assigned(partitions, own.epoch, kept);
  for (const { offset, ...one } of from) seekTo(own, one, offset);
  events.state(shared.missing);
};

/** So many as its topics have partitions, whichever of them it will get. */
const workersFor = ({ cluster }: Link, topics: readonly string[]): number => {
  const all = (cluster.brokerPool.metadata?.topicMetadata ?? [])
    .filter(({ topic }) => topics.includes(topic))
    .reduce((sum, { partitionMetadata }) => sum + partitionMetadata.length, 0);
  return Math.min(MOST_WORKERS, Math.max(LEAST_WORKERS, all));
};

/** Joins and fetches; `own.crash` tells when that ends. Nothing moving for too long is a crash too. */
export const open = async (
  own: Session,
  topics: readonly string[],
  options: ConsumerOptions,
  events: ConsumerEvents,
  shared: Shared,
): Promise<void> => {
  const { link } = own;
  const { sessionTimeout } = options;
  const raw = createConsumer({
    cluster: link.cluster,
    logger: link.logger,
    retry: { ...link.retry, restartOnFailure: async () => false },
    groupId: options.groupId,
    sessionTimeout,
    heartbeatInterval: Math.min(3000, sessionTimeout / 3),
    rebalanceTimeout: rebalanceTimeout(sessionTimeout),
    maxBytesPerPartition: options.partitionBytes ?? 1024 * 1024,
    maxBytes: options.fetchBytes ?? 2 * 1024 * 1024,
    minBytes: 1,
    maxWaitTimeInMs: POLL,
    isolationLevel: options.readUncommitted ? 0 : 1,
    metadataMaxAge: 10_000,
  });
  own.raw = raw;
  const watchdog = watchProgress(stallLimit(options), (idle) => {
    const text = `Nothing has moved for ${Math.round(idle / 1000)} s (${link.outstanding() || "no request is open"}): the consumer starts again`;
    events.warn(text);
    own.crashed(new Retriable(text));
  });
  void own.crash.then(() => watchdog.stop());
  raw.on("consumer.group_join", ({ payload }) => {
    watchdog.progress();
    assigned(own, events, shared, payload);
  });
  // A member whose join has failed may go on asking with its old assignment: nothing of that is used.
  const isMember = (): boolean => own.epoch > 0 && !own.term.over;
  raw.on("consumer.heartbeat", () => {
    if (!isMember()) return;
    watchdog.progress();
    events.state(shared.missing);
  });
  raw.on("consumer.fetch", () => {
    if (isMember()) watchdog.progress();
  });
  raw.on("consumer.crash", ({ payload }) => own.crashed((payload as { error: Error }).error));
  await raw.subscribe({ topics, fromBeginning: options.start === "earliest" });
  own.workers = workersFor(link, topics);
  await raw.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: own.workers,
    eachBatch: ({ batch, resolveOffset, heartbeat }) => handle(own, options, events, batch, resolveOffset, heartbeat),
  });
};
