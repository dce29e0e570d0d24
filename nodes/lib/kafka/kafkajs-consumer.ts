/**
 * The consumer: kafkajs's group membership and fetching, our decoding, commits under the generation that fetched, and
 * a new start with endless back-off whenever kafkajs gives up.
 */
import { Retriable } from "../errors";
import { fencedInstance, leaderless } from "./answers";
import { explain } from "./errors";
import { contextOf } from "./cluster-options";
import { makeLink, type Link } from "./kafkajs-cluster";
import { REJOIN, type RawError } from "./kafkajs-internals";
import { commitTopics } from "./kafkajs-commit";
import { bounded, newSession, open, revoke, seeksDone, seekTo, type Session, type Shared } from "./kafkajs-session";
import { openStart } from "./kafkajs-start";
import { isFenced } from "./kafkajs-static";
import { sleep, within } from "./sleep";
import type { ClusterOptions, Consumer, ConsumerEvents, ConsumerOptions, Position, TopicPartition } from "./port";

const FIRST_BACK_OFF = 200;
const LONGEST_BACK_OFF = 5000;
/** How often patterns are matched against the cluster's topics, in ms. */
const PATTERN_INTERVAL = 15_000;
/** Longest wait for a clean end, in ms. */
const CLOSE_LIMIT = 5000;
/** How often missing topics and leaders are looked for, in ms. */
const MISSING_INTERVAL = 2000;

const isPattern = (topic: string | RegExp): topic is RegExp => topic instanceof RegExp;

const topicsNow = async (link: Link, topics: ConsumerOptions["topics"]): Promise<string[]> => {
  const named = topics.filter((topic) => !isPattern(topic)) as string[];
  const patterns = topics.filter(isPattern);
  if (patterns.length === 0) return named;
  const broker = await link.cluster.brokerPool.findConnectedBroker();
  const { topicMetadata } = await broker.metadata([]);
  const matched = topicMetadata
    .map(({ topic }) => topic)
    .filter((topic) => !topic.startsWith("__") && patterns.some((pattern) => pattern.test(topic)));
  return [...new Set([...named, ...matched])].sort();
};

/** What there is of these topics now. */
const partitionsNow = async (link: Link, topics: readonly string[]): Promise<Set<string>> => {
  if (topics.length === 0) return new Set();
  const broker = await link.cluster.brokerPool.findConnectedBroker();
  const { topicMetadata } = await broker.metadata(topics);
  return new Set(
    topicMetadata.flatMap(({ topic, partitionMetadata }) =>
      partitionMetadata.map(({ partitionId }) => `${topic}/${partitionId}`),
    ),
  );
};

export const makeConsumer = (cluster: ClusterOptions, options: ConsumerOptions, events: ConsumerEvents): Consumer => {
  const { groupId } = options;
  const closing = new AbortController();
  const shared: Shared = { epochs: 0, last: undefined, missing: undefined };
  let session: Session | undefined;
  let { instanceId } = options;
  /** What there was when it began: what comes later, "latest" must not skip the first records of. */
  let first: ReadonlySet<string> | undefined;

  const watchPatterns = (own: Session, topics: readonly string[]): (() => void) => {
    if (!options.topics.some(isPattern)) return () => undefined;
    const timer = setInterval(() => {
      topicsNow(own.link, options.topics).then(
        (now) => now.join() !== topics.join() && own.crashed(undefined),
        () => undefined,
      );
    }, PATTERN_INTERVAL);
    return () => clearInterval(timer);
  };

  const ailing = (link: Link, unknown: readonly string[], unled: readonly TopicPartition[]): void => {
    if (unknown.length === 0 && unled.length === 0) {
      if (shared.missing) events.state(undefined);
      shared.missing = undefined;
      return;
    }
    const list = unknown.map((topic) => `"${topic}"`).join(", ");
    // Asks again sooner than the age at which metadata is renewed.
    setTimeout(() => (link.cluster.brokerPool.metadataExpireAt = null), MISSING_INTERVAL).unref();
    shared.missing =
      unknown.length > 0
        ? new Retriable(`Topic ${list} does not exist or may not be read; waiting until it does`)
        : leaderless(unled);
    events.state(shared.missing);
  };

  /** Runs until kafkajs crashes, patterns match other topics, or the consumer closes. Returns why it crashed. */
  const once = async (): Promise<Error | undefined> => {
    const link = makeLink(cluster, {
      joining: () => revoke(own, options, events),
      joined: (member) => (own.member = member),
      readingOffsets: async () => (own.epoch > 0 ? events.beforeOffsets?.(own.epoch) : undefined),
      fetching: (topics) => {
        seeksDone(own, topics);
        return bounded(topics, events);
      },
      instance: () => instanceId,
      trouble: (error) => events.state(error),
      ailing: (unknown, unled) =>
        ailing(
          link,
          unknown,
          // Others' partitions are none of its business, and kafkajs asks for all topics when it connects.
          unled.filter(({ topic }) => subscribed.has(topic)),
        ),
    });
    const subscribed = new Set<string>();
    const own = newSession(link);
    session = own;
    let unwatch = (): void => undefined;
    const onClose = (): void => own.crashed(undefined);
    try {
      await link.cluster.connect();
      await link.cluster.refreshMetadata();
      openStart(link, options, {
        failed: (error) => own.crashed(error),
        warn: events.warn,
        commit: async (positions) => {
          await commit(positions.map((position) => ({ ...position, epoch: own.epoch })));
        },
        isNew: ({ topic, partition }) => first?.has(`${topic}/${partition}`) === false,
      });
      const topics = await topicsNow(link, options.topics);
      if (options.start === "latest") first ??= await partitionsNow(link, topics);
      if (topics.length === 0)
        return new Retriable(`No topic matches ${options.topics.join(", ")} yet; waiting until one does`);
      for (const topic of topics) subscribed.add(topic);
      unwatch = watchPatterns(own, topics);
      closing.signal.addEventListener("abort", onClose);
      // A member that waits for the group to let it in must still see that it is to close.
      if (!closing.signal.aborted) await Promise.race([open(own, topics, options, events, shared), own.crash]);
      return await own.crash;
    } finally {
      own.crashed(undefined);
      closing.signal.removeEventListener("abort", onClose);
      unwatch();
      await revoke(own, options, events);
      await within(
        own.raw?.disconnect().catch(() => undefined),
        3000,
      );
      await link.close();
      shared.last = undefined;
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
      if (isFenced(error) && instanceId !== undefined) {
        events.warn(fencedInstance(groupId, instanceId));
        instanceId = undefined;
        continue;
      }
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
  /** kafkajs throws before it has joined and after it has stopped; the next assignment begins with nothing paused. */
  const whileJoined = (action: () => void): void => {
    try {
      action();
    } catch (error) {
      if (!/consumer group was not initialized/iu.test((error as Error).message)) throw error;
    }
  };
  const partitionsOf = ({ topic, partition }: TopicPartition) => [{ topic, partitions: [partition] }];
  return {
    commit,
    membership(epoch) {
      const member = session?.epoch === epoch && epoch > 0 ? session.member : undefined;
      return member && { groupId, generationId: member.generationId, memberId: member.memberId };
    },
    async isMember(epoch) {
      const own = session;
      if (!own?.member || own.epoch !== epoch || epoch === 0) return false;
      const { generationId: groupGenerationId, memberId } = own.member;
      try {
        const coordinator = await own.link.cluster.findGroupCoordinator({ groupId });
        await coordinator.heartbeat({ groupId, groupGenerationId, memberId });
        return true;
      } catch (error) {
        if (REJOIN.has((error as RawError).type ?? "") || isFenced(error)) return false;
        throw explain(error, own.link.context);
      }
    },
    rejoin(error) {
      session?.crashed(error);
    },
    pause: (partition) => whileJoined(() => session?.raw?.pause(partitionsOf(partition))),
    resume: (partition) => whileJoined(() => session?.raw?.resume(partitionsOf(partition))),
    seek(partition, offset) {
      if (session) seekTo(session, partition, offset);
    },
    async close() {
      closing.abort();
      // A connection attempt to a host that swallows packets ends later, by itself.
      await within(running, CLOSE_LIMIT);
    },
  };
};
