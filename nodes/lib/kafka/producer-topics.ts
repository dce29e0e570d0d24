/** Which partitions a producer's topics have and who leads them; makes missing topics when asked to. */
import { asError, Rejected, Retriable } from "../errors";
import { leaderless, TopicRefused } from "./answers";
import { explain } from "./errors";
import { partitionOfKey } from "./partition";
import { makeLane, type Entry, type Lane } from "./produce-queue";
import type { ProducerWire } from "./producer-wire";
import { Withdrawn, type ProducerOptions } from "./port";
import { checkTopicName } from "./topic-name";

/** How long a topic may be unknown before its records fail, in ms; new topics take a moment to be known everywhere. */
const UNKNOWN_LIMIT = 3000;
/** The same of a topic that was just made, or is there by the cluster's word: it may not be shown to this client. */
const MADE_LIMIT = 20_000;
/** Partitions that are not there are asked for again when what is known is older, in ms. */
const FRESH = 1000;

export interface Topics {
  /** Puts each entry on its lane, at once or when its topic is known. */
  place(entries: readonly Entry[]): void;
  lanes(): Iterable<Lane>;
  /** Asks anew who leads the topic's partitions, because of `reason`. */
  refresh(topic: string, reason: unknown): void;
  /** Its broker does not take the topic's records now, because of `reason`. */
  refused(topic: string, reason: Error): void;
  /** It has taken some. */
  taken(topic: string): void;
  /** Fails what waits of a topic and is not on its way. @returns how many records */
  withdraw(topic: string): number;
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
  /** When its partitions were learned, in ms since the epoch. */
  learned: number;
  /** Its records are not taken, as was told: for want of leaders, or by the broker's word. */
  isHeld: boolean;
  isRefused: boolean;
  /** Since when it has had fewer partitions than lanes: it was made anew. */
  shrunkSince: number | undefined;
  /** Where records without key go until the batch is full. */
  sticky: number;
}

const unseen = (topic: string, username = "this client"): Retriable =>
  new Retriable(
    `Topic "${topic}" does not exist, or ${username} may not see it: create it, or let kafka out create missing topics`,
  );

export const makeTopics = (
  wire: ProducerWire,
  options: Pick<ProducerOptions, "create" | "note" | "state" | "held" | "batchBytes">,
  events: {
    placed(lane: Lane, entries: readonly Entry[]): void;
    failed(entries: readonly Entry[], error: Error): void;
    /** Leaders of partitions are known. */
    learned(): void;
    /** Lanes were given up, and with them which sequences were used. */
    forgotten(): void;
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

  /** Takes out what waits on lanes of which nothing is under way, and forgets these lanes' sequences. */
  const empty = (lanes: readonly Lane[]): readonly Entry[] => {
    const idle = lanes.filter(({ inFlight }) => !inFlight);
    if (idle.some(({ sequenceOf }) => sequenceOf >= 0n)) events.forgotten();
    return idle.flatMap(({ batches }) => batches.splice(0).flatMap(({ entries }) => entries));
  };

  const fail = (topic: Topic, error: Error): void => {
    const entries = [...topic.waiting.splice(0), ...empty(topic.lanes)];
    if (!topic.lanes.some(({ inFlight }) => inFlight)) topics.delete(topic.name);
    events.failed(entries, error);
  };

  /** A topic that was made anew with fewer partitions: what waits for the others goes to those that are left. */
  const shrink = (topic: Topic, count: number): void => {
    const gone = topic.lanes.slice(count);
    topic.shrunkSince ??= Date.now();
    if (Date.now() - topic.shrunkSince < UNKNOWN_LIMIT || gone.some(({ inFlight }) => inFlight)) return;
    topic.lanes.length = count;
    topic.shrunkSince = undefined;
    distribute(topic, empty(gone));
  };

  const hold = (topic: Topic, why: Error): void => {
    topic.isHeld = true;
    options.held?.(topic.name, why);
    options.state(why);
  };
  const release = (topic: Topic): void => {
    if (topic.isHeld) options.held?.(topic.name, undefined);
    topic.isHeld = false;
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
      const missing = partitions.find(({ leader }) => leader < 0);
      if (missing) hold(topic, leaderless([{ topic: topic.name, partition: missing.partition }]));
      else release(topic);
      for (const { partition, leader } of partitions) {
        const lane = (topic.lanes[partition] ??= makeLane(topic.name, partition, leader));
        lane.leader = leader;
      }
      topic.learned = Date.now();
      if (partitions.length < topic.lanes.length) shrink(topic, partitions.length);
      else topic.shrunkSince = undefined;
      return !missing && topic.shrunkSince === undefined;
    }
    topic.unknownSince ??= Date.now();
    if (!topic.isHeld) {
      topic.isHeld = true;
      options.held?.(topic.name, unseen(topic.name, wire.context.username));
    }
    const unknown = Date.now() - topic.unknownSince;
    if (options.create && unknown <= MADE_LIMIT) {
      await wire.createTopic(topic.name, options.create);
      topic.made = true;
    } else if (unknown > UNKNOWN_LIMIT) fail(topic, unseen(topic.name, wire.context.username));
    return false;
  };

  const learn = async (topic: Topic): Promise<void> => {
    if (topic.asking) return;
    topic.asking = true;
    for (let failures = 0; topics.get(topic.name) === topic; failures++) {
      try {
        const known = await ask(topic, failures > 0);
        if (topic.lanes.length > 0) {
          distribute(topic, topic.waiting.splice(0));
          events.learned();
        }
        if (known) break;
      } catch (error) {
        if (error instanceof TopicRefused) fail(topic, error);
        else options.state(explain(error, wire.context));
      }
      await new Promise((resolve) =>
        setTimeout(resolve, Math.min(2000, 50 * 2 ** failures) * (0.5 + Math.random() / 2)),
      );
    }
    topic.asking = false;
  };

  /** A partition that was added since is asked for, before its records are refused. */
  const isNew = (topic: Topic, { record: { partition = 0 } }: Entry): boolean =>
    partition >= topic.lanes.length && Date.now() - topic.learned > FRESH;

  const topicOf = (name: string): Topic => {
    let topic = topics.get(name);
    if (!topic) {
      topic = {
        name,
        lanes: [],
        waiting: [],
        asking: false,
        unknownSince: undefined,
        made: false,
        learned: 0,
        isHeld: false,
        isRefused: false,
        shrunkSince: undefined,
        sticky: 0,
      };
      topics.set(name, topic);
    }
    return topic;
  };

  const place = (entry: Entry): void => {
    checkTopicName(entry.record.topic);
    const topic = topicOf(entry.record.topic);
    if (topic.lanes.length > 0 && topic.waiting.length === 0 && !isNew(topic, entry)) distribute(topic, [entry]);
    else {
      topic.waiting.push(entry);
      void learn(topic);
    }
  };

  return {
    place(entries) {
      for (const entry of entries)
        try {
          place(entry);
        } catch (error) {
          events.failed([entry], asError(error));
        }
    },
    *lanes() {
      for (const topic of topics.values()) yield* topic.lanes;
    },
    refresh(name) {
      const topic = topics.get(name);
      if (topic) void learn(topic);
    },
    refused(name, reason) {
      const topic = topics.get(name);
      if (topic) topic.isRefused = true;
      options.held?.(name, new Retriable(`Topic "${name}": ${explain(reason, wire.context).message}`));
    },
    taken(name) {
      const topic = topics.get(name);
      if (!topic?.isRefused) return;
      topic.isRefused = false;
      options.held?.(name, undefined);
    },
    withdraw(name) {
      const topic = topics.get(name);
      if (!topic) return 0;
      const entries = topic.waiting.splice(0);
      for (const lane of topic.lanes) {
        const all = lane.batches.splice(0);
        for (const [at, batch] of all.entries())
          // What may have reached the broker keeps its place and its sequence.
          if (batch.doubtful || (at === 0 && lane.inFlight)) lane.batches.push(batch);
          else entries.push(...batch.entries);
      }
      events.failed(entries, new Withdrawn(`Topic "${name}" does not take records now`, { unreachable: true }));
      return entries.length;
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
