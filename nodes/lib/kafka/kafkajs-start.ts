/** Where partitions start that have no committed offset. */
import { nothingCommitted, outOfRange } from "./answers";
import type { Link, LinkHooks } from "./kafkajs-cluster";
import type { RawTopicOffsets } from "./kafkajs-internals";
import type { ConsumerOptions, TopicPartition } from "./port";

interface Wanted {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number }[];
  readonly fromBeginning?: boolean;
}

export interface StartEvents {
  failed(error: Error): void;
  warn(text: string): void;
  commit(positions: readonly (TopicPartition & { offset: number })[]): Promise<void>;
}

/**
 * kafkajs asks `fetchTopicsOffset` only for partitions without a committed offset. Here that is where timestamps are
 * looked up, `committed` is refused, and a start at the end is committed at once: else records that arrive before the
 * first commit would be skipped when the group rebalances or the process ends.
 */
export const openStart = (
  link: Link,
  { start, groupId }: Pick<ConsumerOptions, "start" | "groupId">,
  events: StartEvents,
): Pick<Required<LinkHooks>, "outOfRange"> => {
  const { cluster } = link;
  const ask = cluster.fetchTopicsOffset.bind(cluster);
  const lost = new Set<string>();
  const begin = async (topics: readonly object[]): Promise<RawTopicOffsets[]> => {
    if (start === "earliest") return ask([...topics]);
    const wanted = (topics as readonly Wanted[]).filter(({ partitions }) => partitions.length > 0);
    if (start === "committed") {
      const missing = wanted.map(
        ({ topic, partitions }) => `${topic} [${partitions.map(({ partition }) => partition).join(", ")}]`,
      );
      if (missing.length === 0) return ask([...topics]);
      const error = nothingCommitted(groupId, missing);
      events.failed(error);
      throw error;
    }
    const latest = await ask(wanted.map((topic) => ({ ...topic, fromBeginning: false })));
    const found =
      typeof start === "object"
        ? await ask(wanted.map((topic) => ({ ...topic, fromTimestamp: String(start.timestamp) })))
        : latest;
    const ends = new Map(
      latest.flatMap(({ topic, partitions }) => partitions.map((p) => [`${topic}/${p.partition}`, p.offset])),
    );
    for (const { topic, partitions } of found)
      // No record is that young: begin at the end.
      for (const p of partitions) if (Number(p.offset) < 0) p.offset = ends.get(`${topic}/${p.partition}`) ?? "0";
    const positions = found.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset }) => ({ topic, partition, offset: Number(offset) })),
    );
    events
      .commit(positions)
      .catch((error: Error) => events.warn(`The start position is not committed yet: ${error.message}`));
    return found;
  };
  cluster.fetchTopicsOffset = async (topics) => {
    const all = topics as readonly Wanted[];
    const split = (isLost: boolean): Wanted[] =>
      all
        .map((each) => ({
          ...each,
          partitions: each.partitions.filter(({ partition }) => lost.has(`${each.topic}/${partition}`) === isLost),
        }))
        .filter(({ partitions }) => partitions.length > 0);
    const resumed = split(true);
    if (resumed.length === 0) return begin(topics);
    const found = [
      ...(await ask(resumed.map((each) => ({ ...each, fromBeginning: true })))),
      ...(await begin(split(false))),
    ];
    lost.clear();
    return [...new Set(found.map(({ topic }) => topic))].map((topic) => ({
      topic,
      partitions: found.filter((each) => each.topic === topic).flatMap(({ partitions }) => partitions),
    }));
  };
  return {
    outOfRange({ topic, partition }) {
      lost.add(`${topic}/${partition}`);
      events.warn(outOfRange({ topic, partition }));
    },
  };
};
