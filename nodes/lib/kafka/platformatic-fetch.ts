/**
 * Fetches the partitions of one assignment: one request a broker at a time, the next batch of a partition fetched while
 * its last is being taken, unless that takes long.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { asError, ConfigError, Retriable } from "../errors";
import { leaderless } from "./answers";
import { explain } from "./errors";
import type { FetchedPartition } from "./fetch-response";
import { partitionsIn } from "./platformatic-admin";
import { sendFetch, type FetchLimits } from "./platformatic-fetch-request";
import type { Link } from "./platformatic-link";
import { partAt, rewind, type Part } from "./platformatic-part";
import type { FetchedBatch, TopicPartition } from "./port";
import { isOldFormat, openRecordSet, unpacking, type RecordSet, type Unpacking } from "./record-batch";
import { sleep } from "./sleep";

export interface FetchOptions extends FetchLimits {
  readonly epoch: number;
}

export interface FetchEvents {
  records(batch: FetchedBatch): Promise<number | void>;
  /** The offset that is next to read does not exist; resolves with the one to go on at. */
  outOfRange(partition: TopicPartition): Promise<number>;
  /** What is wrong with partitions while others go on; undefined when nothing is. */
  blocked(trouble: Error | undefined): void;
  /** A request was answered. */
  answered(): void;
  /** Taking records failed. */
  failed(error: Error): void;
}

export interface Fetching {
  /** Reads these partitions from these offsets, those that were sought already from there. */
  begin(positions: readonly (TopicPartition & { readonly offset: number })[]): void;
  /** The next batch begins at `offset`; what was fetched and not taken is dropped. */
  seek(partition: TopicPartition, offset: number): void;
  pause(partition: TopicPartition): void;
  resume(partition: TopicPartition): void;
  /** Nothing is given out any more. Resolves when what was given out is taken. */
  end(): Promise<void>;
}

/** Longest wait of a request for records, in ms. */
const POLL = 500;
/** The same while a partition that is not in the request will soon be ready again; doubles while nothing comes. */
const SHORT_POLL = 10;
/** How long decoding may keep the event loop before it lets others run, in ms. */
const TURN = 8;
/** What is longer in being taken needs no next batch at hand, in ms. */
const SLOW = 250;
/** How long a partition waits after its broker failed, in ms. */
const RETRY = 250;
/** How long a partition that can't be read rests, in ms. */
const REST = 2000;
const OFFSET_OUT_OF_RANGE = 1;
/** UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE, NOT_LEADER …: ask anew who leads. */
const MOVED = new Set([3, 5, 6, 9, 56, 74, 75, 76, 100, 103]);

const brokerOf = (leader: number | ""): string => `broker ${leader}`;
const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

export const makeFetching = (link: Link, options: FetchOptions, events: FetchEvents): Fetching => {
  const parts = new Map<string, Part>();
  const asked = new Set<number>();
  /** What is being taken. */
  const taking = new Set<Promise<unknown>>();
  const polls = new Map<number, number>();
  const blocked = new Map<string, Error>();
  const ending = new AbortController();
  const isEnded = (): boolean => ending.signal.aborted;
  let requests = 0;
  let finding = false;
  let timer: NodeJS.Timeout | undefined;

  const trouble = (key: string, thrown: unknown): void => {
    if (isEnded()) return;
    const error = explain(thrown, link.context);
    blocked.set(key, error);
    events.blocked(error);
  };
  const block = (part: Part, error: unknown): void => {
    part.notBefore = Date.now() + REST;
    trouble(keyOf(part), error);
  };
  const unblock = (key: string): void => {
    if (blocked.delete(key)) events.blocked(blocked.values().next().value);
  };
  /** A broker that leads nothing any more troubles nobody. */
  const forgetBrokers = (): void => {
    const leaders = new Set([...parts.values()].map(({ leader }) => brokerOf(leader)));
    for (const key of blocked.keys()) if (key.startsWith(brokerOf("")) && !leaders.has(key)) unblock(key);
  };

  const deliver = async (part: Part): Promise<void> => {
    while (part.waiting && !part.busy && !part.paused && !isEnded()) {
      const { batch } = part.waiting;
      const { turn } = part;
      part.waiting = undefined;
      part.busy = true;
      const begun = Date.now();
      kick();
      try {
        const work = events.records(batch);
        taking.add(work);
        const next = await work.finally(() => taking.delete(work));
        part.busy = false;
        part.slow = Date.now() - begun > SLOW;
        if (isEnded() || part.turn !== turn) continue;
        part.position = next ?? batch.nextOffset;
        // What was fetched meanwhile is given back too: a paused partition keeps nothing.
        if (part.position !== batch.nextOffset || part.paused) rewind(part, part.position);
      } catch (error) {
        part.busy = false;
        if (!isEnded()) events.failed(asError(error));
        return;
      }
    }
    kick();
  };

  const open = async (
    part: Part,
    { set, aborted, highWatermark }: FetchedPartition,
    budget: Unpacking,
  ): Promise<void> => {
    if (isOldFormat(set))
      throw new ConfigError(
        `Topic "${part.topic}" holds records in the format of before Kafka 0.11, which this client does not read; choose kafkajs as Client`,
      );
    const records: RecordSet = await openRecordSet(set, aborted, budget);
    const { nextOffset } = records;
    if (nextOffset === 0)
      throw new Retriable(`Kafka sent less than one whole batch of ${part.topic} partition ${part.partition}`);
    const { topic, partition, from: offset } = part;
    part.from = nextOffset;
    part.waiting = {
      batch: {
        topic,
        partition,
        epoch: options.epoch,
        offset,
        ...records.reading(offset),
        nextOffset,
        highWatermark,
      },
    };
  };

  /** Takes one partition's part of an answer. */
  const take = async (part: Part, found: FetchedPartition, budget: Unpacking): Promise<void> => {
    const { errorCode: code } = found;
    const { turn } = part;
    if (code === OFFSET_OUT_OF_RANGE) {
      part.notBefore = Infinity;
      const offset = await events.outOfRange(part).finally(() => (part.notBefore = Date.now() + 50));
      if (part.turn === turn) rewind(part, offset);
    } else if (MOVED.has(code)) {
      part.notBefore = Date.now() + RETRY;
      part.leader = -1;
    } else if (code !== 0) {
      block(part, link.protocolError(code));
    } else {
      unblock(keyOf(part));
      // What is left out of an answer is asked for again.
      if (found.set.length === 0 || budget.left <= 0) return;
      part.served = requests;
      await open(part, found, budget);
      void deliver(part);
    }
  };

  const request = async (leader: number, due: readonly Part[], wait: number): Promise<void> => {
    const turns = new Map(due.map((part) => [part, part.turn]));
    requests++;
    try {
      const answer = await sendFetch(link, options, leader, due, wait);
      events.answered();
      await link.check(answer.errorCode);
      let turn = performance.now();
      let brought = false;
      const budget = unpacking();
      for (const { topic, partitions } of answer.topics)
        for (const found of partitions) {
          const part = parts.get(keyOf({ topic, partition: found.partition }));
          if (isEnded() || !part || part.turn !== turns.get(part)) continue;
          brought ||= found.set.length > 0;
          if (performance.now() - turn > TURN) {
            await nextTurn();
            turn = performance.now();
          }
          await take(part, found, budget).catch((error: unknown) => block(part, error));
        }
      unblock(brokerOf(leader));
      polls.set(leader, brought ? SHORT_POLL : Math.min(POLL, (polls.get(leader) ?? SHORT_POLL) * 2));
    } catch (error) {
      trouble(brokerOf(leader), error);
      for (const part of due) {
        part.leader = -1;
        part.notBefore = Date.now() + RETRY;
      }
    } finally {
      asked.delete(leader);
      kick();
    }
  };

  /** Asks who leads the partitions whose leader is not known, until all are. */
  const findLeaders = async (): Promise<void> => {
    if (finding) return;
    finding = true;
    for (let failures = 0; !isEnded(); failures++) {
      const lost = [...parts.values()].filter(({ leader }) => leader < 0);
      if (lost.length === 0) break;
      try {
        const metadata = await link.metadata([...new Set(lost.map(({ topic }) => topic))]);
        for (const { topic, partition, leader } of await partitionsIn(link, metadata)) {
          const key = keyOf({ topic, partition });
          const part = parts.get(key);
          if (leader < 0 && part) trouble(key, leaderless([part]));
          else if (part && part.leader < 0) unblock(key);
          if (part) part.leader = leader;
        }
        unblock("leaders");
        forgetBrokers();
      } catch (error) {
        trouble("leaders", error);
      }
      kick();
      if (lost.some(({ leader }) => leader < 0))
        await sleep(Math.min(2000, 50 * 2 ** failures) * (0.5 + Math.random() / 2), ending.signal);
    }
    finding = false;
  };

  /** Sends what can be sent now. */
  const kick = (): void => {
    if (isEnded()) return;
    const now = Date.now();
    let next = Infinity;
    const byLeader = new Map<number, { due: Part[]; more: boolean }>();
    for (const part of parts.values()) {
      if (part.paused) continue;
      if (part.leader < 0) {
        void findLeaders();
        continue;
      }
      const group = byLeader.get(part.leader) ?? { due: [], more: false };
      byLeader.set(part.leader, group);
      if (part.waiting || (part.busy && part.slow)) group.more = true;
      else if (part.notBefore > now) next = Math.min(next, part.notBefore);
      else group.due.push(part);
    }
    for (const [leader, { due, more }] of byLeader) {
      if (asked.has(leader) || due.length === 0) continue;
      asked.add(leader);
      // A broker fills its answer in the order of the request: who was served last comes last.
      due.sort((a, b) => a.served - b.served);
      void request(leader, due, more ? (polls.get(leader) ?? SHORT_POLL) : POLL);
    }
    if (next < Infinity) {
      clearTimeout(timer);
      timer = setTimeout(kick, Math.max(1, next - now));
    }
  };

  return {
    begin(positions) {
      for (const { topic, partition, offset } of positions)
        if (!parts.has(keyOf({ topic, partition })))
          parts.set(keyOf({ topic, partition }), partAt({ topic, partition }, offset));
      kick();
    },
    seek(partition, offset) {
      const part = parts.get(keyOf(partition));
      if (part) rewind(part, offset);
      else this.begin([{ ...partition, offset }]);
      kick();
    },
    pause(partition) {
      const part = parts.get(keyOf(partition));
      if (!part) return;
      part.paused = true;
      if (!part.busy) rewind(part, part.position);
    },
    resume(partition) {
      const part = parts.get(keyOf(partition));
      if (!part?.paused) return;
      part.paused = false;
      void deliver(part);
    },
    async end() {
      ending.abort();
      clearTimeout(timer);
      parts.clear();
      await Promise.allSettled(taking);
    },
  };
};
