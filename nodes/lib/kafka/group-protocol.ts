/**
 * What members of a consumer group tell each other through the coordinator (ConsumerProtocolSubscription and
 * ConsumerProtocolAssignment of Apache Kafka), and who reads what. The protocol's name is kafkajs's, so that members
 * of both drivers can be in one group.
 */
import type { TopicPartition } from "./port";

export const PROTOCOL = "RoundRobinAssigner";

/**
 * How long the coordinator waits in a rebalance for members that do not join again, in ms: long enough to drain
 * (a third of the session time-out), and no minute, which is how long a member that hangs could hold all others up.
 */
export const rebalanceTimeout = (sessionTimeout: number): number => Math.max(15_000, sessionTimeout);

export interface Subscription {
  readonly topics: readonly string[];
  /** What the member read until now; empty when it says nothing of it. */
  readonly owned: readonly TopicPartition[];
}

const string = (text: string): Buffer => {
  const bytes = Buffer.from(text);
  const length = Buffer.allocUnsafe(2);
  length.writeInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
};
const int = (value: number, size: 2 | 4): Buffer => {
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeIntBE(value, 0, size);
  return bytes;
};
const partitionsOf = (all: readonly TopicPartition[]): Buffer => {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of all) topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  const parts = [int(topics.size, 4)];
  for (const [topic, list] of topics)
    parts.push(string(topic), int(list.length, 4), ...list.map((partition) => int(partition, 4)));
  return Buffer.concat(parts);
};

class Reader {
  private at = 0;
  constructor(private readonly bytes: Buffer) {}
  get left(): number {
    return this.bytes.length - this.at;
  }
  int(size: 2 | 4): number {
    return this.bytes.readIntBE((this.at += size) - size, size);
  }
  take(length: number): Buffer {
    return this.bytes.subarray(this.at, (this.at += Math.max(0, length)));
  }
  string(): string {
    return this.take(this.int(2)).toString();
  }
  list<T>(one: () => T): T[] {
    const found: T[] = [];
    for (let left = this.int(4); left > 0; left--) found.push(one());
    return found;
  }
  partitions(): TopicPartition[] {
    return this.list(() => {
      const topic = this.string();
      return this.list(() => ({ topic, partition: this.int(4) }));
    }).flat();
  }
}

/** Version 1: topics, user data (none), owned partitions. */
export const encodeSubscription = ({ topics, owned }: Subscription): Buffer =>
  Buffer.concat([int(1, 2), int(topics.length, 4), ...topics.map(string), int(0, 4), partitionsOf(owned)]);

/** Members of other clients may say less: kafkajs gives no owned partitions, whatever version it names. */
export const decodeSubscription = (bytes: Buffer): Subscription => {
  const reader = new Reader(bytes);
  const version = reader.int(2);
  const topics = reader.list(() => reader.string());
  if (reader.left >= 4) reader.take(reader.int(4));
  return { topics, owned: version >= 1 && reader.left >= 4 ? reader.partitions() : [] };
};

export const encodeAssignment = (partitions: readonly TopicPartition[]): Buffer =>
  Buffer.concat([int(0, 2), partitionsOf(partitions), int(0, 4)]);

export const decodeAssignment = (bytes: Buffer): TopicPartition[] => {
  if (bytes.length < 6) return [];
  const reader = new Reader(bytes);
  reader.int(2);
  return reader.partitions();
};

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/**
 * Shares partitions among members: numbers as even as subscriptions allow, and what a member read until now stays with
 * it where that keeps them even.
 * @param counts partitions of each topic; topics that are not in it have none
 */
export const assign = (
  members: ReadonlyMap<string, Subscription>,
  counts: ReadonlyMap<string, number>,
): Map<string, TopicPartition[]> => {
  const shares = new Map([...members.keys()].sort().map((member) => [member, [] as TopicPartition[]]));
  const topics = [...counts.keys()].filter((topic) =>
    [...members.values()].some((each) => each.topics.includes(topic)),
  );
  const all = topics
    .sort()
    .flatMap((topic) => Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })));
  const most = Math.ceil(all.length / Math.max(1, shares.size));
  /** How many members may have `most`; the others have one less. */
  let full = all.length - (most - 1) * shares.size;
  const left = new Map(all.map((each) => [keyOf(each), each]));
  for (const [member, share] of shares) {
    const { topics: wanted = [], owned = [] } = members.get(member) ?? {};
    for (const each of owned) {
      const found = left.get(keyOf(each));
      const room = share.length < most - 1 || (share.length === most - 1 && full > 0);
      if (!found || !room || !wanted.includes(each.topic)) continue;
      if (share.length === most - 1) full--;
      share.push(found);
      left.delete(keyOf(each));
    }
  }
  for (const each of left.values()) {
    let least: TopicPartition[] | undefined;
    for (const [member, share] of shares)
      if (members.get(member)?.topics.includes(each.topic) && (!least || share.length < least.length)) least = share;
    least?.push(each);
  }
  return shares;
};
