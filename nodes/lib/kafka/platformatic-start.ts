/** Where the partitions of an assignment begin. */
import { nothingCommitted } from "./answers";
import { committedOf, offsetsAt, unledOf } from "./platformatic-admin";
import type { Link } from "./platformatic-link";
import type { ConsumerOptions, TopicPartition } from "./port";

export type At = TopicPartition & { readonly offset: number };

export interface Beginning {
  readonly positions: readonly At[];
  /**
   * To be committed at once: else records that arrive before the first commit would be skipped when the group
   * rebalances or the process ends.
   */
  readonly commit: readonly At[];
  /** Those of which only a leader knows where they begin, and that have none now. */
  readonly unled: readonly TopicPartition[];
}

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/**
 * The committed offsets, and what the rule says for partitions without one.
 * @throws ConfigError when nothing is committed and the rule is to begin there only
 */
export const beginAt = async (
  link: Link,
  { groupId, start }: Pick<ConsumerOptions, "groupId" | "start">,
  partitions: readonly TopicPartition[],
  /** It was not there when the consumer began: it takes seconds until a consumer sees it, so it begins at its first record. */
  isNew: (partition: TopicPartition) => boolean,
): Promise<Beginning> => {
  const committed = await committedOf(link, groupId, partitions);
  const known = committed.filter(({ offset }) => offset >= 0);
  const without = committed.filter(({ offset }) => offset < 0);
  if (without.length === 0) return { positions: known, commit: [], unled: [] };
  const unled = await unledOf(link, without);
  const away = new Set(unled.map(keyOf));
  const unknown = without.filter((each) => !away.has(keyOf(each)));
  if (unknown.length === 0) return { positions: known, commit: [], unled };
  if (start === "committed")
    throw nothingCommitted(
      groupId,
      [...new Set(unknown.map(({ topic }) => topic))].map(
        (topic) =>
          `${topic} [${unknown
            .filter((each) => each.topic === topic)
            .map(({ partition }) => partition)
            .join(", ")}]`,
      ),
    );
  if (start === "earliest")
    return { positions: [...known, ...(await offsetsAt(link, unknown, start))], commit: [], unled };
  const latest = await offsetsAt(link, unknown, "latest");
  if (start === "latest") {
    const come = unknown.filter(isNew);
    const earliest = come.length > 0 ? await offsetsAt(link, come, "earliest") : [];
    const all = [...latest.filter((each) => !isNew(each)), ...earliest];
    return { positions: [...known, ...all], commit: all, unled };
  }
  const found = await offsetsAt(link, unknown, start.timestamp);
  const ends = new Map(latest.map((each) => [keyOf(each), each.offset]));
  // No record is that young: begin at the end.
  const timed = found.map((each) => (each.offset >= 0 ? each : { ...each, offset: ends.get(keyOf(each)) ?? 0 }));
  return { positions: [...known, ...timed], commit: timed, unled };
};
