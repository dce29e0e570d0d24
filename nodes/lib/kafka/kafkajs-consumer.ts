/**
 * The consumer: kafkajs's group membership and fetching, our decoding, commits under the generation that fetched, and
 * a new start with endless back-off whenever kafkajs gives up.
 */
import { Retriable } from "../errors";
import { explain } from "./errors";
import { contextOf } from "./cluster-options";
import { makeLink, type Link } from "./kafkajs-cluster";
import { fetchedOf } from "./kafkajs-fetch";
import { createConsumer, REJOIN, type RawBatch, type RawConsumer, type RawError } from "./kafkajs-internals";
import { commitTopics } from "./kafkajs-commit";
import { sleep } from "./sleep";
import { openStart } from "./kafkajs-start";
import type {
  ClusterOptions,
  Consumer,
  ConsumerEvents,
  ConsumerOptions,
  Membership,
  Position,
  TopicPartition,
} from "./port";

/** Longest wait of a fetch for records, and for the check of a paused partition, in ms. */
const POLL = 500;
const FIRST_BACK_OFF = 200;
const LONGEST_BACK_OFF = 5000;
/** How often patterns are matched against the cluster's topics, in ms. */
const PATTERN_INTERVAL = 15_000;
/** Longest wait for a clean end, in ms. */
const CLOSE_LIMIT = 5000;
/** How often missing topics are looked for, in ms. */
const MISSING_INTERVAL = 2000;

type Member = Omit<Membership, "groupId">;

/** One run of kafkajs's consumer, from its connection to its crash. */
interface Session {
  readonly link: Link;
  raw: RawConsumer | undefined;
  member: Member | undefined;
  epoch: number;
  /** Ends when the epoch does: open batches return. */
  ended: AbortController;
  crashed(error: Error | undefined): void;
}

const isPattern = (topic: string | RegExp): topic is RegExp => topic instanceof RegExp;

export const makeConsumer = (cluster: ClusterOptions, options: ConsumerOptions, events: ConsumerEvents): Consumer => {
  const { groupId, sessionTimeout } = options;
  const closing = new AbortController();
  let session: Session | undefined;
  let epochs = 0;
  let lastMember: Member | undefined;
  /** Topics that are subscribed to and not there. */
  let missing: Error | undefined;

  /** Keeps the membership alive while the node takes its time; ends early with the epoch. */
  const whileAlive = async <T>(
    work: Promise<T>,
    heartbeat: () => Promise<void>,
    own: Session,
  ): Promise<T | undefined> => {
    const { signal } = own.ended;
    if (signal.aborted) return undefined;
    let timer: NodeJS.Timeout | undefined;
    let end: (() => void) | undefined;
    const interrupted = new Promise<undefined>((resolve, reject) => {
      end = () => resolve(undefined);
      signal.addEventListener("abort", end);
      timer = setInterval(() => {
        heartbeat().catch((error: RawError) => {
          // Other failures are for the next fetch to find: leaving now would fetch again what is being worked on.
          if (!REJOIN.has(error.type ?? "")) return;
          own.ended.abort();
          reject(error);
        });
      }, sessionTimeout / 6);
    });
    try {
      return await Promise.race([work, interrupted]);
    } finally {
      clearInterval(timer);
      if (end) signal.removeEventListener("abort", end);
    }
  };

  const handle = async (
    own: Session,
    batch: RawBatch,
    resolve: (offset: string) => void,
    heartbeat: () => Promise<void>,
  ) => {
    const fetched = fetchedOf(batch);
    if (!fetched || own.ended.signal.aborted) return;
    const { topic, partition } = batch;
    const { nextOffset } = fetched;
    const offset = Number(batch.fetchedOffset);
    const work = events.records({
      topic,
      partition,
      epoch: own.epoch,
      offset,
      read: (max) => fetched.read(max, offset),
      nextOffset,
      highWatermark: Number(batch.highWatermark),
    });
    const next = await whileAlive(
      work.then((taken) => taken ?? nextOffset),
      heartbeat,
      own,
    );
    if (next !== undefined && !own.ended.signal.aborted) resolve(String(next - 1));
  };

  const topicsNow = async (link: Link): Promise<string[]> => {
    const named = options.topics.filter((topic) => !isPattern(topic)) as string[];
    const patterns = options.topics.filter(isPattern);
    if (patterns.length === 0) return named;
    const broker = await link.cluster.brokerPool.findConnectedBroker();
    const { topicMetadata } = await broker.metadata([]);
    const matched = topicMetadata
      .map(({ topic }) => topic)
      .filter((topic) => !topic.startsWith("__") && patterns.some((pattern) => pattern.test(topic)));
    return [...new Set([...named, ...matched])].sort();
  };

  const assigned = (own: Session, payload: unknown): void => {
    const { memberAssignment } = payload as { memberAssignment: Record<string, number[]> };
    const partitions: TopicPartition[] = Object.entries(memberAssignment).flatMap(([topic, list]) =>
      list.map((partition) => ({ topic, partition })),
    );
    own.epoch = ++epochs;
    own.ended = new AbortController();
    const kept =
      lastMember !== undefined &&
      own.member?.memberId === lastMember.memberId &&
      own.member.generationId === lastMember.generationId + 1;
    lastMember = own.member;
    // kafkajs remembers what was paused under the assignment before.
    own.raw?.resume(partitions.map(({ topic, partition }) => ({ topic, partitions: [partition] })));
    const from = events.assigned(partitions, own.epoch, kept);
    for (const { topic, partition, offset } of from) own.raw?.seek({ topic, partition, offset: String(offset) });
    events.state(missing);
  };

  const open = async (topics: readonly string[], link: Link, own: Session): Promise<void> => {
    const raw = createConsumer({
      cluster: link.cluster,
      logger: link.logger,
      retry: { ...link.retry, restartOnFailure: async () => false },
      groupId,
      sessionTimeout,
      heartbeatInterval: Math.min(3000, sessionTimeout / 3),
      rebalanceTimeout: Math.max(60_000, sessionTimeout),
      maxBytesPerPartition: options.partitionBytes ?? 1024 * 1024,
      maxBytes: options.fetchBytes ?? 2 * 1024 * 1024,
      minBytes: 1,
      maxWaitTimeInMs: POLL,
      isolationLevel: options.readUncommitted ? 0 : 1,
      metadataMaxAge: 10_000,
    });
    own.raw = raw;
    raw.on("consumer.group_join", ({ payload }) => assigned(own, payload));
    raw.on("consumer.heartbeat", () => events.state(missing));
    raw.on("consumer.crash", ({ payload }) => own.crashed((payload as { error: Error }).error));
    await raw.subscribe({ topics, fromBeginning: options.start === "earliest" });
    await raw.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 64,
      eachBatch: ({ batch, resolveOffset, heartbeat }) => handle(own, batch, resolveOffset, heartbeat),
    });
  };

  const watchPatterns = (own: Session, topics: readonly string[]): (() => void) => {
    if (!options.topics.some(isPattern)) return () => undefined;
    const timer = setInterval(() => {
      topicsNow(own.link).then(
        (now) => now.join() !== topics.join() && own.crashed(undefined),
        () => undefined,
      );
    }, PATTERN_INTERVAL);
    return () => clearInterval(timer);
  };

  const revoke = async (own: Session): Promise<void> => {
    if (own.epoch > 0 && !own.ended.signal.aborted) own.ended.abort();
    if (own.epoch > 0) await events.revoking(own.epoch);
    own.epoch = 0;
  };

  /** Runs until kafkajs crashes, patterns match other topics, or the consumer closes. Returns why it crashed. */
  const once = async (): Promise<Error | undefined> => {
    let crashed: (error: Error | undefined) => void = () => undefined;
    const crash = new Promise<Error | undefined>((resolve) => (crashed = resolve));
    const link = makeLink(cluster, {
      joining: () => revoke(own),
      joined: (member) => (own.member = member),
      readingOffsets: async () => events.beforeOffsets?.(own.epoch),
      trouble: (error) => events.state(error),
      outOfRange: (partition) => beginning?.outOfRange(partition),
      unknownTopics(topics) {
        if (topics.length === 0) {
          if (missing) events.state(undefined);
          missing = undefined;
          return;
        }
        const list = topics.map((topic) => `"${topic}"`).join(", ");
        // Asks again sooner than the age at which metadata is renewed.
        setTimeout(() => (link.cluster.brokerPool.metadataExpireAt = null), MISSING_INTERVAL).unref();
        missing = new Retriable(`Topic ${list} does not exist or may not be read; waiting until it does`);
        events.state(missing);
      },
    });
    const own: Session = { link, raw: undefined, member: undefined, epoch: 0, ended: new AbortController(), crashed };
    session = own;
    let beginning: ReturnType<typeof openStart> | undefined;
    let unwatch = (): void => undefined;
    try {
      await link.cluster.connect();
      await link.cluster.refreshMetadata();
      beginning = openStart(link, options, {
        failed: (error) => own.crashed(error),
        warn: events.warn,
        commit: async (positions) => {
          await commit(positions.map((position) => ({ ...position, epoch: own.epoch })));
        },
      });
      const topics = await topicsNow(link);
      if (topics.length === 0)
        return new Retriable(`No topic matches ${options.topics.join(", ")} yet; waiting until one does`);
      unwatch = watchPatterns(own, topics);
      closing.signal.addEventListener("abort", () => crashed(undefined));
      if (!closing.signal.aborted) await open(topics, link, own);
      return await crash;
    } finally {
      unwatch();
      await revoke(own);
      await Promise.race([own.raw?.disconnect().catch(() => undefined), sleep(3000, new AbortController().signal)]);
      await link.close();
      lastMember = undefined;
      session = undefined;
    }
  };

  const supervise = async (): Promise<void> => {
    for (let failures = 0; !closing.signal.aborted;) {
      const started = Date.now();
      let error: Error | undefined;
      try {
        error = await once();
      } catch (thrown) {
        error = thrown as Error;
      }
      if (closing.signal.aborted) return;
      if (error) events.state(explain(error, contextOf(cluster)));
      if (Date.now() - started > 30_000) failures = 0;
      const longest = Math.min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2 ** failures++);
      if (error) await sleep(longest * (0.5 + Math.random() / 2), closing.signal);
    }
  };

  const commit = async (positions: readonly Position[]): Promise<readonly Position[]> => {
    const own = session;
    if (!own?.member || positions.length === 0) return [];
    const { member } = own;
    const current = positions.filter(({ epoch }) => epoch === own.epoch && epoch > 0);
    if (current.length === 0) return [];
    try {
      const coordinator = await own.link.cluster.findGroupCoordinator({ groupId });
      await coordinator.offsetCommit({
        groupId,
        memberId: member.memberId,
        groupGenerationId: member.generationId,
        topics: commitTopics(current),
      });
      return current;
    } catch (error) {
      if (REJOIN.has((error as RawError).type ?? "")) return [];
      throw explain(error, own.link.context);
    }
  };

  const running = supervise();
  const partitionsOf = ({ topic, partition }: TopicPartition) => [{ topic, partitions: [partition] }];
  return {
    commit,
    membership(epoch) {
      const member = session?.epoch === epoch && epoch > 0 ? session.member : undefined;
      return member && { groupId, generationId: member.generationId, memberId: member.memberId };
    },
    rejoin(error) {
      session?.crashed(error);
    },
    pause(partition) {
      session?.raw?.pause(partitionsOf(partition));
    },
    resume(partition) {
      session?.raw?.resume(partitionsOf(partition));
    },
    async close() {
      closing.abort();
      // A connection attempt to a host that swallows packets ends later, by itself.
      await Promise.race([running, sleep(CLOSE_LIMIT, new AbortController().signal)]);
    },
  };
};
