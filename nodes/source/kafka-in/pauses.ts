/** Which partitions the user has paused by messages. It holds for partitions that come later, too. */
import type { TopicPartition } from "../../lib/kafka/port";

/** Everything, a topic, or one partition of it. */
export interface Scope {
  readonly topic?: string | undefined;
  readonly partition?: number | undefined;
}

export const covers = ({ topic, partition }: Scope, one: TopicPartition): boolean =>
  (topic === undefined || topic === one.topic) && (partition === undefined || partition === one.partition);

const nameOf = ({ topic, partition }: Scope): string => JSON.stringify([topic, partition]);

export interface Pauses {
  set(scope: Scope, paused: boolean): void;
  has(partition: TopicPartition): boolean;
}

/** The newest message that concerns a partition decides. */
export const makePauses = (): Pauses => {
  let rules: { readonly scope: Scope; readonly paused: boolean }[] = [];
  return {
    set(scope, paused) {
      const isAll = scope.topic === undefined && scope.partition === undefined;
      rules = isAll ? [] : rules.filter((rule) => nameOf(rule.scope) !== nameOf(scope));
      if (paused || !isAll) rules.push({ scope, paused });
    },
    has: (partition) => rules.findLast(({ scope }) => covers(scope, partition))?.paused ?? false,
  };
};
