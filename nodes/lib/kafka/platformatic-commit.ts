/** Commits positions under the membership they belong to. */
import { explain } from "./errors";
import { REJOIN, type Member } from "./platformatic-group";
import type { Link } from "./platformatic-link";
import type { Position } from "./port";

/**
 * @returns false when the group takes no commits of this member any more
 * @throws Retriable when the coordinator is out of reach
 */
export const commitPositions = async (
  link: Link,
  groupId: string,
  member: Member,
  positions: readonly Position[],
): Promise<boolean> => {
  const topics = new Map<string, { partitionIndex: number; committedOffset: bigint }[]>();
  for (const { topic, partition, offset } of positions) {
    const list = topics.get(topic) ?? [];
    list.push({ partitionIndex: partition, committedOffset: BigInt(offset) });
    topics.set(topic, list);
  }
  try {
    const { offsetCommitV7 } = await link.lib();
    const line = await link.coordinator(groupId, "group");
    const answer = await link.ask(
      offsetCommitV7,
      line,
      groupId,
      member.generation,
      member.memberId,
      member.instanceId,
      [...topics].map(([name, list]) => ({
        name,
        partitions: list.map((each) => ({ ...each, committedLeaderEpoch: -1, committedMetadata: null })),
      })),
    );
    const codes = answer.topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
    const refused = codes.find((code) => code !== 0);
    if (refused === undefined) return true;
    link.forgetCoordinator();
    if (REJOIN.has(refused)) return false;
    throw link.protocolError(refused);
  } catch (error) {
    throw explain(error, link.context);
  }
};
