/** Questions to the cluster and topics made in it. */
import { creationRefused, leaderless, releaseOf } from "./answers";
import { asError } from "../errors";
import { explain } from "./errors";
import type { Link } from "./kafkajs-cluster";
import { apiKeys, errorFromCode, isLed, type RawError } from "./kafkajs-internals";
import type { ClusterDescription, TopicCreation } from "./port";

/** The error of the one topic that was asked for. */
const ownOf = (error: unknown): RawError => (error as { errors?: RawError[] }).errors?.[0] ?? asError(error);

/** Makes a topic; does nothing when it exists. @throws ConfigError when the cluster refuses its settings */
export const createTopic = async (link: Link, topic: string, creation: TopicCreation): Promise<void> => {
  try {
    const controller = await link.cluster.findControllerBroker();
    await controller.createTopics({
      timeout: 10_000,
      topics: [
        {
          topic,
          numPartitions: creation.partitions,
          replicationFactor: creation.replication,
          configEntries: Object.entries(creation.config).map(([name, value]) => ({ name, value })),
        },
      ],
    });
  } catch (error) {
    const own = ownOf(error);
    if (own.type === "TOPIC_ALREADY_EXISTS") return;
    throw creationRefused(topic, creation, own.type ?? "", own) ?? explain(own, link.context);
  }
};

export const deleteTopics = async (link: Link, topics: readonly string[]): Promise<void> => {
  const controller = await link.cluster.findControllerBroker();
  await controller.deleteTopics({ topics, timeout: 10_000 });
};

const TOPIC_RESOURCE = 2;

export const topicConfig = async (link: Link, topic: string): Promise<ReadonlyMap<string, string> | undefined> => {
  const broker = await link.cluster.brokerPool.findConnectedBroker();
  try {
    const { resources } = await broker.describeConfigs({ resources: [{ type: TOPIC_RESOURCE, name: topic }] });
    return new Map(
      resources.flatMap(({ configEntries }) =>
        configEntries.map((entry) => [entry.configName, entry.configValue ?? ""] as const),
      ),
    );
  } catch {
    return undefined;
  }
};

export const describe = async (link: Link): Promise<ClusterDescription> => {
  const broker = await link.cluster.brokerPool.findConnectedBroker();
  const metadata = await broker.metadata([]);
  return {
    clusterId: metadata.clusterId,
    controller: metadata.controllerId >= 0 ? metadata.controllerId : null,
    brokers: metadata.brokers.map(({ nodeId, host, port }) => ({ id: nodeId, host, port })),
    version: releaseOf(link.cluster.brokerPool.versions?.[apiKeys.fetch]),
    topics: metadata.topicMetadata.map(({ topic }) => topic),
  };
};

const partitionsOf = async (link: Link, topic: string): Promise<number[]> => {
  await link.cluster.addMultipleTargetTopics([topic]);
  await link.cluster.refreshMetadata();
  const found = link.cluster.brokerPool.metadata?.topicMetadata.find((metadata) => metadata.topic === topic);
  if (found?.failure !== undefined) throw errorFromCode(found.failure);
  return (found?.partitionMetadata ?? []).map(({ partitionId }) => partitionId).sort((a, b) => a - b);
};

/** @throws Retriable when one of them has no leader, who alone knows its offsets */
const ledPartitionsOf = async (link: Link, topic: string): Promise<{ partition: number }[]> => {
  const partitions = await partitionsOf(link, topic);
  const unled = partitions.filter((partition) => !isLed(link.cluster, topic, partition));
  if (unled.length > 0) throw leaderless(unled.map((partition) => ({ topic, partition })));
  return partitions.map((partition) => ({ partition }));
};

export const offsets = async (
  link: Link,
  topic: string,
): Promise<readonly { partition: number; low: number; high: number }[]> => {
  const partitions = await ledPartitionsOf(link, topic);
  if (partitions.length === 0) return [];
  const ask = async (fromBeginning: boolean): Promise<Map<number, number>> => {
    const [answer] = await link.cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning }]);
    return new Map(answer?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
  };
  const [low, high] = [await ask(true), await ask(false)];
  return partitions.map(({ partition }) => ({
    partition,
    low: low.get(partition) ?? 0,
    high: high.get(partition) ?? 0,
  }));
};

export const offsetsAt = async (
  link: Link,
  topic: string,
  timestamp: number,
): Promise<readonly { partition: number; offset: number }[]> => {
  const partitions = await ledPartitionsOf(link, topic);
  if (partitions.length === 0) return [];
  const [ends] = await link.cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning: false }]);
  const [found] = await link.cluster.fetchTopicsOffset([{ topic, partitions, fromTimestamp: String(timestamp) }]);
  const endOf = new Map(ends?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
  return (found?.partitions ?? []).map(({ partition, offset }) => ({
    partition,
    offset: Number(offset) < 0 ? (endOf.get(partition) ?? 0) : Number(offset),
  }));
};

export const committed = async (
  link: Link,
  groupId: string,
  topic: string,
): Promise<readonly { partition: number; offset: number }[]> => {
  const partitions = (await partitionsOf(link, topic)).map((partition) => ({ partition }));
  const coordinator = await link.cluster.findGroupCoordinator({ groupId });
  const { responses } = await coordinator.offsetFetch({ groupId, topics: [{ topic, partitions }] });
  return (responses[0]?.partitions ?? []).map(({ partition, offset }) => ({ partition, offset: Number(offset) }));
};
