/**
 * What an observer knows of Kafka, by kafkajs as it comes: none of nodes/lib/kafka, which is under test. That kafkajs
 * itself skips nothing is checked by offsets: a topic is read from its first to its last without a gap.
 */
import { Kafka, logLevel, Partitioners, type Admin, type Producer } from "kafkajs";
import { readCommitsByJava } from "../../lib/kafka/java";
import { decodeCommit, partitionOfGroup, type Commit } from "./commits";

export interface Found {
  readonly partition: number;
  readonly offset: number;
  /** ms since 1970: the broker's, in topics that this observer created with `appendTime`. */
  readonly time: number;
  readonly value: string | null;
  /** Headers as text. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Offsets by partition. */
export type Ends = ReadonlyMap<number, number>;

export interface ReadOptions {
  /** Where to begin; the beginning when absent. */
  readonly from?: Ends;
  /** Offsets may be missing: compacted topics, markers of transactions. */
  readonly gaps?: boolean;
  /** ms until the end must be reached; 120 s when absent. */
  readonly limit?: number;
}

const COMMITS = "__consumer_offsets";
let names = 0;
/** A name that nothing else on the broker has. */
export const unique = (what: string): string => `${what}-${process.pid}-${Date.now().toString(36)}-${++names}`;

/** Asks again, for a minute, while Kafka says that it is not ready or can't be reached. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + 60_000;
  for (;;)
    try {
      return await ask();
    } catch (error) {
      if (!(error as { retriable?: boolean }).retriable || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
}

export class Observer {
  readonly #kafka: Kafka;
  readonly #admin: Admin;
  readonly #producer: Producer;
  #connected: Promise<unknown> | undefined;

  constructor(readonly brokers: string) {
    this.#kafka = new Kafka({
      brokers: brokers.split(","),
      clientId: "observer",
      logLevel: logLevel.NOTHING,
      retry: { retries: 20, initialRetryTime: 100, maxRetryTime: 2000 },
    });
    this.#admin = this.#kafka.admin();
    this.#producer = this.#kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: Partitioners.DefaultPartitioner,
      allowAutoTopicCreation: false,
      retry: { retries: 20 },
    });
  }

  async #ready(): Promise<void> {
    await (this.#connected ??= Promise.all([this.#admin.connect(), this.#producer.connect()]));
  }

  async close(): Promise<void> {
    await this.#admin.disconnect();
    await this.#producer.disconnect();
  }

  /** Creates a topic; with `appendTime` its records bear the time at which the broker stored them. */
  async createTopic(topic: string, partitions: number, appendTime = false): Promise<void> {
    await this.#ready();
    const configEntries = [
      { name: "retention.ms", value: "-1" },
      ...(appendTime ? [{ name: "message.timestamp.type", value: "LogAppendTime" }] : []),
    ];
    await patiently(() =>
      this.#admin.createTopics({
        topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }],
        waitForLeaders: false,
      }),
    );
    await this.ends(topic);
  }

  /** Removes what a trial left, as far as the broker lets it. */
  async remove(topics: string[], groups: string[]): Promise<void> {
    await this.#admin.deleteTopics({ topics }).catch(() => undefined);
    await this.#admin.deleteGroups(groups).catch(() => undefined);
  }

  /** Stores values in one partition; gives the offset of the first. */
  async write(topic: string, partition: number, values: readonly (string | Buffer)[]): Promise<number> {
    await this.#ready();
    const messages = values.map((value) => ({ value, partition }));
    const [stored] = await this.#producer.send({ topic, acks: -1, messages });
    return Number(stored?.baseOffset);
  }

  async ends(topic: string): Promise<Ends> {
    await this.#ready();
    const offsets = await patiently(() => this.#admin.fetchTopicOffsets(topic));
    return new Map(offsets.map(({ partition, high }) => [partition, Number(high)]));
  }

  /** What a group has committed: 0 where it has committed nothing. */
  async committed(group: string, topic: string): Promise<Ends> {
    await this.#ready();
    const [found] = await patiently(() => this.#admin.fetchOffsets({ groupId: group, topics: [topic] }));
    return new Map((found?.partitions ?? []).map(({ partition, offset }) => [partition, Math.max(0, Number(offset))]));
  }

  async committedSum(group: string, topic: string): Promise<number> {
    return [...(await this.committed(group, topic)).values()].reduce((sum, offset) => sum + offset, 0);
  }

  /** Reads a topic up to where it ended when asked. Committed transactions only. */
  async read(topic: string, see: (found: Found) => void, options: ReadOptions = {}): Promise<void> {
    await this.#each(topic, options, ({ partition, offset, timestamp, value, headers }) =>
      see({
        partition,
        offset: Number(offset),
        time: Number(timestamp),
        value: value?.toString() ?? null,
        headers: Object.fromEntries(Object.entries(headers ?? {}).map(([name, one]) => [name, String(one)])),
      }),
    );
  }

  /** Where the history of commits ends now; empty before the first commit. */
  async commitsEnd(): Promise<Ends> {
    await this.#ready();
    return (await this.#admin.listTopics()).includes(COMMITS) ? this.ends(COMMITS) : new Map();
  }

  /** Every commit of a group for a topic since `from`, in the order in which Kafka took them. */
  async commits(group: string, topic: string, from: Ends): Promise<Commit[]> {
    const found: Commit[] = [];
    await this.#each(COMMITS, { from, gaps: true }, ({ key, value, timestamp }) => {
      const commit = decodeCommit(key, value, Number(timestamp));
      if (commit?.group === group && commit.topic === topic) found.push(commit);
    });
    return found;
  }

  /**
   * Every commit that transactions have made of a group without members, by Java's client: kafkajs shows some of those
   * that were aborted (`readCommitted` says why).
   */
  async transactionCommits(group: string, topic: string): Promise<Commit[]> {
    await this.#ready();
    // Behind all others, in the partition that Kafka keeps the group in.
    const last = Number.MAX_SAFE_INTEGER;
    await this.#admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset: String(last) }] });
    const partitions = (await this.ends(COMMITS)).size;
    const commits = await readCommitsByJava(this.brokers, partitionOfGroup(group, partitions), group, last);
    return commits.filter((one) => one.group === group && one.topic === topic);
  }

  async #each(topic: string, options: ReadOptions, see: (message: Raw) => void): Promise<void> {
    const ends = await this.ends(topic);
    const next = new Map<number, number>();
    for (const [partition, end] of ends) {
      const from = options.from?.get(partition) ?? 0;
      if (from < end) next.set(partition, from);
    }
    if (next.size === 0) return;
    const groupId = unique("observer");
    const consumer = this.#kafka.consumer({ groupId, maxWaitTimeInMs: 100, allowAutoTopicCreation: false });
    const state: { failed?: Error; fetchesSince: number } = { fetchesSince: 0 };
    consumer.on(consumer.events.FETCH, () => void state.fetchesSince++);
    await consumer.connect();
    try {
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        async eachBatch({ batch }) {
          const { partition } = batch;
          const end = ends.get(partition) ?? 0;
          for (const message of batch.messages) {
            const offset = Number(message.offset);
            const expected = next.get(partition);
            // Read again after the consumer has joined its group anew.
            if (expected === undefined || offset < expected || offset >= end) continue;
            state.fetchesSince = 0;
            if (offset > expected && !options.gaps)
              state.failed ??= new Error(`${topic} ${partition}: offset ${offset} follows ${expected - 1}`);
            see({ ...message, partition });
            next.set(partition, offset + 1);
          }
          if (Number(batch.lastOffset()) + 1 >= end) next.delete(partition);
          return Promise.resolve();
        },
      });
      for (const [partition, offset] of next) consumer.seek({ topic, partition, offset: String(offset) });
      const deadline = Date.now() + (options.limit ?? 120_000);
      while (next.size > 0 && !state.failed) {
        // Markers of transactions at the end never reach eachBatch; what a transaction holds back does, once it has ended.
        if (options.gaps && state.fetchesSince > 50) break;
        if (Date.now() > deadline)
          throw new Error(
            `the observer did not reach the end of ${topic}: ${JSON.stringify([...next])} of ${JSON.stringify([...ends])}`,
          );
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    } finally {
      await consumer.disconnect();
      await this.#admin.deleteGroups([groupId]).catch(() => undefined);
    }
    if (state.failed) throw state.failed;
  }
}

interface Raw {
  readonly partition: number;
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: Record<string, unknown>;
}

/** An observer for one trial: topics that others remove would stop its producer. */
export async function observing<T>(brokers: string, work: (observer: Observer) => Promise<T>): Promise<T> {
  const observer = new Observer(brokers);
  try {
    return await work(observer);
  } finally {
    await observer.close();
  }
}
