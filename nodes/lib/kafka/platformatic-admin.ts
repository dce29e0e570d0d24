/** Questions to the cluster and topics made in it, by @platformatic/kafka. */
import { creationRefused, leaderless, releaseOf } from "./answers";
import { explain } from "./errors";
import type { Link } from "./platformatic-link";
import type { RawMetadata } from "./platformatic-package";
import type { ClusterDescription, TopicCreation, TopicPartition } from "./port";

const FETCH = 1;
const TOPIC_RESOURCE = 2;
const TIMEOUT = 10_000;
const EARLIEST = -2;
const LATEST = -1;
/** UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC, TOPIC_AUTHORIZATION_FAILED: there is nothing to be seen. */
const UNKNOWN = new Set([3, 17, 29]);
const TOPIC_ALREADY_EXISTS = 36;

/** By topic and partition; topics that are not there have no partitions. */
export const byTopic = (partitions: readonly TopicPartition[]): Map<string, number[]> => {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of partitions) {
    const found = topics.get(topic);
    if (found) found.push(partition);
    else topics.set(topic, [partition]);
  }
  return topics;
};

const controllerOf = async (link: Link) => {
  const { controllerId } = await link.metadata([]);
  return controllerId >= 0 ? link.node(controllerId, "ask") : link.any();
};

/** Makes a topic; does nothing when it exists. @throws ConfigError when the cluster refuses its settings */
export const createTopic = async (link: Link, topic: string, creation: TopicCreation): Promise<void> => {
  const { createTopicsV4 } = await link.lib();
  const wanted = {
    name: topic,
    numPartitions: creation.partitions,
    replicationFactor: creation.replication,
    assignments: [] as const,
    configs: Object.entries(creation.config).map(([name, value]) => ({ name, value })),
  };
  const { topics } = await link.ask(createTopicsV4, await controllerOf(link), [wanted], TIMEOUT, false);
  const code = topics[0]?.errorCode ?? 0;
  if (code === 0 || code === TOPIC_ALREADY_EXISTS) return;
  const error = link.protocolError(code);
  throw creationRefused(topic, creation, error.type ?? "", error) ?? explain(error, link.context);
};

export const deleteTopics = async (link: Link, topics: readonly string[]): Promise<void> => {
  const { deleteTopicsV3 } = await link.lib();
  const names = topics.map((name) => ({ name }));
  const { responses } = await link.ask(deleteTopicsV3, await controllerOf(link), names, TIMEOUT);
  for (const { errorCode } of responses) await link.check(errorCode);
};

export const topicConfig = async (link: Link, topic: string): Promise<ReadonlyMap<string, string> | undefined> => {
  const { describeConfigsV2 } = await link.lib();
  const resource = { resourceType: TOPIC_RESOURCE, resourceName: topic, configurationKeys: null };
  const { results } = await link.ask(describeConfigsV2, await link.any(), [resource]);
  const [found] = results;
  if (!found || found.errorCode !== 0) return undefined;
  return new Map(found.configs.map(({ name, value }) => [name, value ?? ""]));
};

export const describe = async (link: Link): Promise<ClusterDescription> => {
  const { apiVersionsV1 } = await link.lib();
  const { clusterId, controllerId, brokers, topics } = await link.metadata(null);
  const { apiKeys } = await link.ask(apiVersionsV1, await link.any(), "", "");
  return {
    clusterId,
    controller: controllerId >= 0 ? controllerId : null,
    brokers: brokers.map(({ nodeId, host, port }) => ({ id: nodeId, host, port })),
    version: releaseOf(apiKeys.find(({ apiKey }) => apiKey === FETCH)),
    topics: topics.map(({ name }) => name),
  };
};

/** Names of all topics that this user may see. */
export const topics = async (link: Link): Promise<string[]> =>
  (await link.metadata(null)).topics.map(({ name }) => name);

/** @throws unless the topic's partitions are known or it does not exist */
export const partitionsIn = async (
  link: Link,
  metadata: RawMetadata,
): Promise<readonly (TopicPartition & { readonly leader: number })[]> => {
  const found = [];
  for (const { name, errorCode, partitions } of metadata.topics) {
    if (!UNKNOWN.has(errorCode)) await link.check(errorCode);
    for (const { partitionIndex, leaderId } of partitions)
      found.push({ topic: name, partition: partitionIndex, leader: leaderId });
  }
  return found.sort((a, b) => a.partition - b.partition);
};

/** How many partitions each topic has; none when it does not exist, may not be seen, or can't be looked at just now. */
export const countsOf = async (link: Link, names: readonly string[]): Promise<Map<string, number>> => {
  const counts = new Map(names.map((name) => [name, 0]));
  if (names.length === 0) return counts;
  for (const { name, partitions } of (await link.metadata(names)).topics) counts.set(name, partitions.length);
  return counts;
};

/** Those of the partitions that nobody leads now. */
export const unledOf = async (link: Link, partitions: readonly TopicPartition[]): Promise<TopicPartition[]> => {
  if (partitions.length === 0) return [];
  const found = await link.metadata([...byTopic(partitions).keys()]);
  const unled = new Set(
    found.topics.flatMap(({ name, partitions: list }) =>
      list.filter(({ leaderId }) => leaderId < 0).map(({ partitionIndex }) => `${name}/${partitionIndex}`),
    ),
  );
  return partitions.filter(({ topic, partition }) => unled.has(`${topic}/${partition}`));
};

/**
 * Offsets by time: of each partition the first record at or after it, −1 where there is none.
 * @param time ms since the epoch, or "earliest", or "latest" (the offset after the last record)
 * @throws Retriable when one of them has no leader, who alone knows its offsets
 */
export const offsetsAt = async (
  link: Link,
  partitions: readonly TopicPartition[],
  time: number | "earliest" | "latest",
): Promise<(TopicPartition & { offset: number })[]> => {
  const { listOffsetsV5 } = await link.lib();
  const names = [...byTopic(partitions).keys()];
  const leaders = await partitionsIn(link, await link.metadata(names));
  const timestamp = BigInt(time === "earliest" ? EARLIEST : time === "latest" ? LATEST : time);
  const wanted = new Set(partitions.map(({ topic, partition }) => `${topic}/${partition}`));
  const here = leaders.filter(({ topic, partition }) => wanted.has(`${topic}/${partition}`));
  const unled = here.filter(({ leader }) => leader < 0);
  if (unled.length > 0) throw leaderless(unled);
  const found: (TopicPartition & { offset: number })[] = [];
  for (const leader of new Set(here.map((each) => each.leader))) {
    const own = byTopic(here.filter((each) => each.leader === leader));
    const request = [...own].map(([name, list]) => ({
      name,
      partitions: list.map((partition) => ({ partitionIndex: partition, currentLeaderEpoch: -1, timestamp })),
    }));
    const answer = await link.ask(listOffsetsV5, await link.node(leader, "ask"), -1, 0, request);
    for (const { name, partitions: list } of answer.topics)
      for (const { partitionIndex, errorCode, offset } of list) {
        await link.check(errorCode);
        found.push({ topic: name, partition: partitionIndex, offset: Number(offset) });
      }
  }
  return found;
};

/** The first offset of each partition of a topic at or after a time, its next offset when no record is that young. */
export const offsetsOf = async (
  link: Link,
  topic: string,
  time: number,
): Promise<readonly { partition: number; offset: number }[]> => {
  const partitions = await partitionsIn(link, await link.metadata([topic]));
  if (partitions.length === 0) return [];
  const ends = new Map((await offsetsAt(link, partitions, "latest")).map((one) => [one.partition, one.offset]));
  return (await offsetsAt(link, partitions, time)).map(({ partition, offset }) => ({
    partition,
    offset: offset < 0 ? (ends.get(partition) ?? 0) : offset,
  }));
};

export const offsets = async (
  link: Link,
  topic: string,
): Promise<readonly { partition: number; low: number; high: number }[]> => {
  const partitions = await partitionsIn(link, await link.metadata([topic]));
  if (partitions.length === 0) return [];
  const low = new Map((await offsetsAt(link, partitions, "earliest")).map((one) => [one.partition, one.offset]));
  const high = new Map((await offsetsAt(link, partitions, "latest")).map((one) => [one.partition, one.offset]));
  return partitions.map(({ partition }) => ({
    partition,
    low: low.get(partition) ?? 0,
    high: high.get(partition) ?? 0,
  }));
};

/** What a group has committed, -1 where nothing; waits for no transaction: those under way make it throw. */
export const committedOf = async (
  link: Link,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<(TopicPartition & { offset: number })[]> => {
  if (partitions.length === 0) return [];
  const { offsetFetchV7 } = await link.lib();
  const wanted = [...byTopic(partitions)].map(([name, partitionIndexes]) => ({ name, partitionIndexes }));
  const line = await link.coordinator(groupId, "group");
  const answer = await link.ask(offsetFetchV7, line, [{ groupId, topics: wanted }], true);
  if (answer.errorCode !== 0) link.forgetCoordinator();
  await link.check(answer.errorCode);
  const found = [];
  for (const { name, partitions: list } of answer.topics)
    for (const { partitionIndex, committedOffset, errorCode } of list) {
      await link.check(errorCode);
      found.push({ topic: name, partition: partitionIndex, offset: Number(committedOffset) });
    }
  return found;
};

export const committed = async (
  link: Link,
  groupId: string,
  topic: string,
): Promise<readonly { partition: number; offset: number }[]> => {
  const partitions = await partitionsIn(link, await link.metadata([topic]));
  return (await committedOf(link, groupId, partitions)).map(({ partition, offset }) => ({ partition, offset }));
};
