/** Positions as an OffsetCommit request wants them: by topic. */
import type { Position } from "./port";

export interface CommitTopic {
  readonly topic: string;
  readonly partitions: { partition: number; offset: string }[];
}

export const commitTopics = (positions: readonly Position[]): readonly CommitTopic[] => {
  const topics = new Map<string, CommitTopic>();
  for (const { topic, partition, offset } of positions) {
    const found = topics.get(topic) ?? { topic, partitions: [] };
    found.partitions.push({ partition, offset: String(offset) });
    topics.set(topic, found);
  }
  return [...topics.values()];
};
