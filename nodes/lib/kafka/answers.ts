/** What brokers' answers mean to the user, whichever client asked. */
import { ConfigError, Retriable } from "../errors";
import type { TopicCreation, TopicPartition } from "./port";

/** The cluster answers, and refuses this topic: others are not concerned. */
export class TopicRefused extends ConfigError {}

const permissions = new Set(["TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"]);
const refusals = new Set([
  "INVALID_PARTITIONS",
  "INVALID_CONFIG",
  "INVALID_REQUEST",
  "INVALID_TOPIC_EXCEPTION",
  "POLICY_VIOLATION",
  "UNSUPPORTED_VERSION",
]);

/**
 * Why a topic could not be made.
 * @param type the protocol's name of the error; @returns undefined when it may be made later
 */
export const creationRefused = (
  topic: string,
  creation: TopicCreation,
  type: string,
  cause: Error,
): TopicRefused | undefined => {
  if (type === "INVALID_REPLICATION_FACTOR")
    return new TopicRefused(
      `Topic "${topic}" cannot be created with replication ${creation.replication}: the cluster has fewer brokers`,
      { cause },
    );
  if (permissions.has(type))
    return new TopicRefused(
      `Topic "${topic}" cannot be created: this client may not (${type}); create it, or ask for the permission (ACL)`,
      { cause },
    );
  if (refusals.has(type))
    return new TopicRefused(
      `Topic "${topic}" cannot be created with these partitions and settings (${type}: ${cause.message})`,
      { cause },
    );
  return undefined;
};

/** The range of versions of Fetch tells releases apart, coarsely: a client cannot ask a broker for its release. */
export const releaseOf = (fetch: { readonly minVersion: number; readonly maxVersion: number } | undefined): string => {
  const { minVersion: oldest, maxVersion: newest } = fetch ?? { minVersion: 0, maxVersion: 0 };
  if (oldest >= 4) return newest >= 18 ? "4.1 or newer" : "4.0 or newer";
  if (newest >= 17) return "3.9";
  if (newest >= 15) return "3.5 or newer";
  if (newest >= 13) return "3.1 or newer";
  if (newest >= 12) return "2.7 or newer";
  if (newest >= 11) return "2.3 or newer";
  return "before 2.3";
};

/** How many partitions an error names. */
const NAMED = 3;

/** Partitions of which no broker is there; others of their topics go on. */
export const leaderless = (partitions: readonly TopicPartition[]): Retriable => {
  const [first] = partitions;
  if (partitions.length === 1 && first)
    return new Retriable(`Topic "${first.topic}": partition ${first.partition} has no leader, its broker is away`, {
      unreachable: true,
    });
  const list = partitions.slice(0, NAMED).map(({ topic, partition }) => `${topic} [${partition}]`);
  if (partitions.length > NAMED) list.push("…");
  return new Retriable(`Partitions have no leader, their brokers are away: ${list.join(", ")}`, { unreachable: true });
};

/** Why a consumer that begins at committed offsets only does not begin. */
export const nothingCommitted = (groupId: string, missing: readonly string[]): ConfigError =>
  new ConfigError(
    `Group "${groupId}" has no committed offset for ${missing.join(", ")}, and Start is "committed only": choose earliest or latest, or set the group's offsets`,
  );

/** What the user should know when the offset that is next to read does not exist. */
export const outOfRange = ({ topic, partition }: TopicPartition, earliest?: number): string =>
  `The next record of ${topic} partition ${partition} is not there: Kafka deleted it before it was read (retention), or the topic was made anew. Going on at the earliest that is left${earliest === undefined ? "" : `, offset ${earliest}`}`;

/** What the user should know when two processes join a group under one name. */
export const fencedInstance = (groupId: string, instanceId: string): string =>
  `Another process has joined group "${groupId}" as "${instanceId}": this one goes on without a name of its own. Give each its own`;
