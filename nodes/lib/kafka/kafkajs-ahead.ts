/**
 * Asks a broker for the records after an answer before kafkajs does: kafkajs fetches again only when all of an answer
 * has been handed over, and the flow would stand idle meanwhile.
 */
import type { FetchedTopic, RawBroker } from "./kafkajs-internals";

type Fetch = RawBroker["fetch"];
type Request = Parameters<Fetch>[0];

/** Of a fetch answer as kafkajs-fetch.ts decodes it. */
interface Answer {
  readonly responses: readonly {
    readonly topicName: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly highWatermark: string;
      readonly lastStableOffset: string;
      readonly preferredReadReplica: number;
      readonly messages: readonly { readonly offset: string }[];
    }[];
  }[];
  /** Bytes that its compressed batches take. */
  readonly unpacked?: number;
}

/** How kafkajs will go on when all of an answer is handed over. */
interface Ahead {
  /** Offsets that come next, by partition; those of them where records wait. */
  readonly asked: ReadonlyMap<string, string>;
  readonly due: ReadonlySet<string>;
  /** What the broker was asked ahead. */
  readonly answer: Promise<Answer | undefined> | undefined;
}

/** Two answers are in memory at once; where one is larger than this unpacked, the next waits until it is gone. */
const MOST_UNPACKED = 8 * 1024 * 1024;
/** READ_COMMITTED */
const COMMITTED = 1;
/** As the preferred read replica: there is none but the leader. */
const NO_REPLICA = -1;

const keyOf = (topic: string, partition: number): string => `${topic}/${partition}`;

/** Where an answer's partitions go on, and which of them have more by then. */
const after = (
  { topics, isolationLevel }: Request,
  { responses }: Answer,
): { topics: readonly FetchedTopic[]; asked: Map<string, string>; due: Set<string> } => {
  const asked = new Map<string, string>();
  for (const { topic, partitions } of topics)
    for (const { partition, fetchOffset } of partitions) asked.set(keyOf(topic, partition), fetchOffset);
  const due = new Set<string>();
  for (const { topicName, partitions } of responses)
    for (const { partition, messages, highWatermark, lastStableOffset } of partitions) {
      const key = keyOf(topicName, partition);
      const last = messages.at(-1);
      if (last) asked.set(key, String(Number(last.offset) + 1));
      // What did not fit into this answer waits too.
      if (Number(asked.get(key)) < Number(isolationLevel === COMMITTED ? lastStableOffset : highWatermark))
        due.add(key);
    }
  const next = topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map((one) => ({ ...one, fetchOffset: asked.get(keyOf(topic, one.partition)) as string })),
  }));
  return { topics: next, asked, due };
};

/** The partitions of a request that go on as foreseen; undefined when none does in which records wait. */
const fitting = ({ topics }: Request, { asked, due }: Ahead): Set<string> | undefined => {
  const fits = new Set<string>();
  let expects = false;
  for (const { topic, partitions } of topics)
    for (const { partition, fetchOffset } of partitions) {
      const key = keyOf(topic, partition);
      if (asked.get(key) !== fetchOffset) continue;
      fits.add(key);
      expects ||= due.has(key);
    }
  return expects ? fits : undefined;
};

const only = (answer: Answer, fits: ReadonlySet<string>): Answer => ({
  ...answer,
  responses: answer.responses.map(({ topicName, partitions }) => ({
    topicName,
    partitions: partitions.filter(({ partition }) => fits.has(keyOf(topicName, partition))),
  })),
});

/** Without the partitions that have nothing for kafkajs: it takes each of them through all its queues, at every fetch. */
const telling = (answer: Answer): Answer => ({
  ...answer,
  responses: answer.responses.map(({ topicName, partitions }) => ({
    topicName,
    partitions: partitions.filter(
      ({ messages, preferredReadReplica }) => messages.length > 0 || preferredReadReplica !== NO_REPLICA,
    ),
  })),
});

/**
 * A broker's `fetch` that reads one answer ahead, once a flow has been seen to take all of one while more records wait.
 * What came ahead is used for the partitions that kafkajs then asks for at the very offsets; after a seek, a pause or a
 * change of the assignment, and for errors, the broker is asked anew.
 */
export const readAhead = (fetch: Fetch): Fetch => {
  let ahead: Ahead | undefined;
  const early = (request: Request, answer: Answer): Promise<Answer | undefined> | undefined =>
    (answer.unpacked ?? 0) > MOST_UNPACKED
      ? undefined
      : // Whatever is wrong is found by the request that kafkajs makes itself.
        (fetch(request) as Promise<Answer>).catch(() => undefined);
  return async (request) => {
    const before = ahead;
    ahead = undefined;
    const fits = before && fitting(request, before);
    const came = fits && (await before.answer);
    const answer = came ? only(came, fits) : ((await fetch(request)) as Answer);
    const { topics, asked, due } = after(request, answer);
    const goesOn = fits !== undefined && due.size > 0;
    ahead = { asked, due, answer: goesOn ? early({ ...request, topics }, answer) : undefined };
    return telling(answer);
  };
};
