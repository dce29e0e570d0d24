/** One Fetch request on a connection of @platformatic/kafka; its answer is left undecoded, with every partition's error. */
import { readFetchResponse, type FetchResponse } from "./fetch-response";
import { named } from "./platformatic-errors";
import type { Link } from "./platformatic-link";
import type { ConsumerEvents, TopicPartition } from "./port";

export interface FetchLimits {
  /** Bytes of one partition in one answer. */
  readonly partitionBytes: number;
  /** Bytes of one answer. */
  readonly fetchBytes: number;
  readonly readUncommitted: boolean;
  readonly wanted: ConsumerEvents["wanted"];
}
export interface FetchFrom extends TopicPartition {
  readonly from: number;
}

const FETCH = 1;
const VERSION = 11;

/**
 * @param wait longest wait for records, in ms
 * @throws when the connection fails; it is not used again then
 */
export const sendFetch = async (
  link: Link,
  options: FetchLimits,
  leader: number,
  due: readonly FetchFrom[],
  wait: number,
): Promise<FetchResponse> => {
  const { fetchV11 } = await link.lib();
  const line = await link.node(leader, "fetch");
  const topics = new Map<string, FetchFrom[]>();
  for (const part of due) topics.set(part.topic, [...(topics.get(part.topic) ?? []), part]);
  const request = [...topics].map(([topicId, own]) => ({
    topicId,
    partitions: own.map(({ partition, from }) => ({
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: BigInt(from),
      lastFetchedEpoch: -1,
      partitionMaxBytes: Math.min(options.partitionBytes, options.wanted?.({ topic: topicId, partition }) ?? Infinity),
    })),
  }));
  const isolation = options.readUncommitted ? 0 : 1;
  const answer = new Promise<FetchResponse>((resolve, reject) => {
    line.connection.send<FetchResponse>(
      FETCH,
      VERSION,
      () => fetchV11.createRequest(wait, 1, options.fetchBytes, isolation, 0, -1, request, [], ""),
      (_id, _key, _version, reader) => readFetchResponse(reader.buffer.slice(0)),
      false,
      false,
      (error, found) => {
        if (!error && found) return resolve(found);
        link.drop(line);
        reject(named(error ?? new Error("Connection closed"), line));
      },
    );
  });
  return link.track("Fetch", answer);
};
