/** What brokers' answers mean to the user, whichever client asked. */
import { ConfigError } from "../errors";
import type { TopicCreation, TopicPartition } from "./port";

/**
 * Why a topic could not be made.
 * @param type the protocol's name of the error; @returns undefined when the topic's settings are not the reason
 */
export const creationRefused = (
  topic: string,
  creation: TopicCreation,
  type: string,
  cause?: unknown,
): ConfigError | undefined => {
  if (type === "INVALID_REPLICATION_FACTOR")
    return new ConfigError(
      `Topic "${topic}" cannot be created with replication ${creation.replication}: the cluster has fewer brokers`,
      { cause },
    );
  if (type === "INVALID_PARTITIONS" || type === "INVALID_CONFIG")
    return new ConfigError(`Topic "${topic}" cannot be created with these partitions and settings (${type})`, {
      cause,
    });
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
