/** Which partitions a producer's topics have and who leads them; makes missing topics when asked to. */
import { ConfigError, messageOf, Rejected, Retriable } from "../errors";
import { explain } from "./errors";
import { partitionOfKey } from "./partition";
import { makeLane, type Entry, type Lane } from "./produce-queue";
import type { ProducerWire } from "./producer-wire";
import type { ProducerOptions } from "./port";

/** How long a topic may be unknown before its records fail, in ms; new topics take a moment to be known everywhere. */
const UNKNOWN_LIMIT = 3000;

export interface Topics {
  /** Puts each entry on its lane, at once or when its topic is known. */
  place(entries: readonly Entry[]): void;
  lanes(): Iterable<Lane>;
  /** Asks anew who leads the topic's partitions, because of `reason`. */
  refresh(topic: string, reason: unknown): void;
  /** Takes out everything that waits. */
  clear(): readonly (readonly Entry[])[];
}

interface Topic {
  readonly name: string;
  lanes: Lane[];
  /** Entries that wait for the topic to be known. */
  waiting: Entry[];
  asking: boolean;
  unknownSince: number | undefined;
  /** This producer has asked for it to be made. */
  made: boolean;
  /** Where records without key go until the batch is full. */
  sticky: number;
}

export const makeTopics = (
  wire: ProducerWire,
  options: Pick<ProducerOptions, "create" | "note" | "state" | "batchBytes">,
  events: {
    placed(lane: Lane, entries: readonly Entry[]): void;
    failed(entries: readonly Entry[], error: Error): void;
  },
): Topics => {
  const topics = new Map<string, Topic>();

  const laneOf = (topic: Topic, { record, size }: Entry): Lane | Error => {
    const count = topic.lanes.length;
    if (record.partition !== undefined)
      return (
        topic.lanes[record.partition] ??
        new Rejected(`Topic "${topic.name}" has no partition ${record.partition}; it has ${count} (0 to ${count - 1})`)
      );
    if (record.key !== null) return topic.lanes[partitionOfKey(record.key, count)] ?? new Retriable("no partition");
    const open = topic.lanes[topic.sticky]?.batches.at(-1);
    if (!open || open.sealed || open.bytes + size > options.batchBytes)
      topic.sticky = Math.floor(Math.random() * count);
    return topic.lanes[topic.sticky] ?? new Retriable("no partition");
  };

  const distribute = (topic: Topic, entries: readonly Entry[]): void => {
    for (const entry of entries) {
      const lane = laneOf(topic, entry);
      if (lane instanceof Error) events.failed([entry], lane);
      else events.placed(lane, [entry]);
    }
  };

  const fail = (topic: Topic, error: Error): void => {
    const waiting = topic.waiting.splice(0);
    const entries = topic.lanes
      .filter(({ inFlight }) => !inFlight)
      .flatMap(({ batches }) => batches.splice(0).flatMap((b) => b.entries));
    topics.delete(topic.name);
    for (const lane of topic.lanes) if (lane.inFlight) topics.set(topic.name, topic);
    events.failed([...waiting, ...entries], error);
  };

  /** One question to the cluster; true when the topic's leaders are known. */
  const ask = async (topic: Topic, anew: boolean): Promise<boolean> => {
    const partitions = await wire.leaders(topic.name, anew);
    if (partitions.length > 0) {
      topic.unknownSince = undefined;
      const asked = options.create?.partitions ?? partitions.length;
      if (topic.lanes.length === 0 && !topic.made && asked !== partitions.length)
        options.note?.(
          `Topic "${topic.name}" was there before, with ${partitions.length} partitions instead of ${asked}: it is used as it is`,
        );
      const missing = partitions.some(({ leader }) => leader < 0);
      for (const { partition, leader } of partitions) {
        const lane = (topic.lanes[partition] ??= makeLane(topic.name, partition, leader));
        lane.leader = leader;
      }
      return !missing;
    }
    topic.unknownSince ??= Date.now();
    if (options.create) {
      await wire.createTopic(topic.name, options.create);
      topic.made = true;
    } else if (Date.now() - topic.unknownSince > UNKNOWN_LIMIT)
      fail(
        topic,
        new Retriable(
          `Topic "${topic.name}" does not exist, or ${wire.context.username ?? "this client"} may not see it: create it, or let kafka out create missing topics`,
        ),
      );
    return false;
  };

  const learn = async (topic: Topic): Promise<void> => {
    if (topic.asking) return;
    topic.asking = true;
    for (let failures = 0; topics.get(topic.name) === topic; failures++) {
      try {
        if (await ask(topic, failures > 0)) break;
      } catch (error) {
        const shown = explain(error, wire.context);
        if (shown instanceof ConfigError && /may not|replication|partitions/i.test(messageOf(shown)))
          fail(topic, shown);
        options.state(shown);
      }
      await new Promise((resolve) =>
        setTimeout(resolve, Math.min(2000, 50 * 2 ** failures) * (0.5 + Math.random() / 2)),
      );
    }
    topic.asking = false;
    if (topic.lanes.length > 0) distribute(topic, topic.waiting.splice(0));
  };

  return {
    place(entries) {
      for (const entry of entries) {
        const { topic: name } = entry.record;
        let topic = topics.get(name);
        if (!topic) {
          topic = { name, lanes: [], waiting: [], asking: false, unknownSince: undefined, made: false, sticky: 0 };
          topics.set(name, topic);
        }
        if (topic.lanes.length > 0 && topic.waiting.length === 0) distribute(topic, [entry]);
        else {
          topic.waiting.push(entry);
          void learn(topic);
        }
      }
    },
    *lanes() {
      for (const topic of topics.values()) yield* topic.lanes;
    },
    refresh(name) {
      const topic = topics.get(name);
      if (topic) void learn(topic);
    },
    clear() {
      const all = [...topics.values()].flatMap((topic) => [
        topic.waiting.splice(0),
        ...topic.lanes.flatMap((lane) => lane.batches.splice(0).map(({ entries }) => entries)),
      ]);
      topics.clear();
      return all;
    },
  };
};
