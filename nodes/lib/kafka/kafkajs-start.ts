/** Where partitions start that have no committed offset, and where they go on when the next record is gone. */
import { leaderless, nothingCommitted, outOfRange } from "./answers";
import type { Link } from "./kafkajs-cluster";
import { isLed, type RawBroker, type RawTopicOffsets } from "./kafkajs-internals";
import type { ConsumerOptions, TopicPartition } from "./port";

interface Wanted {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number }[];
  readonly fromBeginning?: boolean;
}
interface OffsetFetch {
  readonly groupId: string;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number }[];
  }[];
}
interface CommitRequest {
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly offset: string | number }[];
  }[];
}

export interface StartEvents {
  failed(error: Error): void;
  warn(text: string): void;
  commit(positions: readonly (TopicPartition & { offset: number })[]): Promise<void>;
  /** It was not there when the consumer began. */
  isNew(partition: TopicPartition): boolean;
}

/**
 * kafkajs asks `fetchTopicsOffset` only for partitions without a committed offset. Here that is where timestamps are
 * looked up, `committed` is refused, and a start at the end is committed at once: else records that arrive before the
 * first commit would be skipped when the group rebalances or the process ends. Topics and partitions that have come since
 * then begin at their first record: it takes seconds until a consumer sees them.
 *
 * A partition without a leader begins when it has one: kafkajs would fetch no partition before it knows where all begin. It
 * leaves out of its requests what has no offset, and asks for that once more before the next.
 *
 * When the next record is gone, kafkajs commits −1 or −2 for "latest" or "earliest", which a restart would take for
 * "nothing committed". Here the earliest offset that is left is committed in its place.
 */
export const openStart = (
  link: Link,
  { start, groupId }: Pick<ConsumerOptions, "start" | "groupId">,
  events: StartEvents,
): void => {
  const { cluster } = link;
  const askAll = cluster.fetchTopicsOffset.bind(cluster);
  const led = <T extends { readonly topic: string; readonly partitions: readonly { readonly partition: number }[] }>(
    topics: readonly T[],
  ): T[] =>
    topics.map((one) => ({
      ...one,
      partitions: one.partitions.filter(({ partition }) => isLed(cluster, one.topic, partition)),
    }));
  /** Every topic is in the answer, since kafkajs looks for it there. */
  const ask = async (topics: readonly Wanted[]): Promise<RawTopicOffsets[]> => {
    const found = await askAll(led(topics).filter(({ partitions }) => partitions.length > 0));
    return topics.map(({ topic }) => found.find((one) => one.topic === topic) ?? { topic, partitions: [] });
  };
  const fromTheFirst = async (found: readonly RawTopicOffsets[]): Promise<void> => {
    for (const { topic, partitions } of found) {
      const come = partitions.filter(({ partition }) => events.isNew({ topic, partition }));
      if (come.length === 0) continue;
      const asked = come.map(({ partition }) => ({ partition }));
      const [earliest] = await ask([{ topic, partitions: asked, fromBeginning: true }]);
      for (const p of come)
        p.offset = earliest?.partitions.find(({ partition }) => partition === p.partition)?.offset ?? p.offset;
    }
  };
  const begin = async (topics: readonly object[]): Promise<RawTopicOffsets[]> => {
    const all = topics as readonly Wanted[];
    if (start === "earliest") return ask(all);
    const wanted = led(all).filter(({ partitions }) => partitions.length > 0);
    if (start === "committed") {
      const missing = wanted.map(
        ({ topic, partitions }) => `${topic} [${partitions.map(({ partition }) => partition).join(", ")}]`,
      );
      if (missing.length === 0) return ask(all);
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
    if (start === "latest") await fromTheFirst(found);
    const positions = found.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset }) => ({ topic, partition, offset: Number(offset) })),
    );
    events
      .commit(positions)
      .catch((error: Error) => events.warn(`The start position is not committed yet: ${error.message}`));
    return all.map(({ topic }) => found.find((one) => one.topic === topic) ?? { topic, partitions: [] });
  };
  cluster.fetchTopicsOffset = begin;

  const earliestOf = async (topic: string, partition: number): Promise<string> => {
    const [found] = await ask([{ topic, partitions: [{ partition }], fromBeginning: true }]);
    const offset = found?.partitions[0]?.offset;
    if (offset === undefined) throw leaderless([{ topic, partition }]);
    events.warn(outOfRange({ topic, partition }, Number(offset)));
    return offset;
  };
  const real = async (request: CommitRequest): Promise<CommitRequest> => ({
    ...request,
    topics: await Promise.all(
      request.topics.map(async ({ topic, partitions }) => ({
        topic,
        partitions: await Promise.all(
          partitions.map(async (each) =>
            Number(each.offset) < 0 ? { ...each, offset: await earliestOf(topic, each.partition) } : each,
          ),
        ),
      })),
    ),
  });
  const met = new WeakSet<RawBroker>();
  const find = cluster.findBroker.bind(cluster);
  cluster.findBroker = async (node) => {
    const broker = await find(node);
    if (met.has(broker)) return broker;
    met.add(broker);
    const commit = broker.offsetCommit.bind(broker);
    broker.offsetCommit = async (request) => commit(await real(request as CommitRequest));
    const fetch = broker.offsetFetch.bind(broker);
    broker.offsetFetch = async (request) => {
      const { topics, ...rest } = request as OffsetFetch;
      const asked = led(topics).filter(({ partitions }) => partitions.length > 0);
      return asked.length > 0 ? fetch({ ...rest, topics: asked }) : { responses: [] };
    };
    return broker;
  };
};
