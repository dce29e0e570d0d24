/** One Produce request, with the result of each partition instead of kafkajs's first error for all. */
import { apiKeys, Encoder, type RawBroker } from "./kafkajs-internals";
import { decodeProduce, encodeProduce } from "./produce-request";
import type { PartitionBatch, PartitionResult } from "./producer-wire";

/**
 * Sends stamped batches, at most one a partition, to the broker that leads them.
 * @param acks −1 all, 1 leader, 0 none (then there are no results)
 * @throws what kafkajs throws when the connection fails: whether the broker has the batches is then unknown
 */
export const produce = async (
  broker: RawBroker,
  batches: readonly PartitionBatch[],
  acks: -1 | 0 | 1,
  timeout: number,
  transactionalId?: string,
): Promise<readonly PartitionResult[]> => {
  const version = Math.min(7, broker.versions?.[apiKeys.produce]?.maxVersion ?? 7);
  try {
    const results = await broker.connectionPool.send({
      request: {
        apiKey: apiKeys.produce,
        apiVersion: version,
        apiName: "Produce",
        expectResponse: () => acks !== 0,
        async encode() {
          const body = encodeProduce(batches, acks, timeout, transactionalId);
          const encoder = new Encoder(body.length + 1);
          encoder.writeBufferInternal(body);
          return encoder;
        },
      },
      response: {
        decode: async (bytes) => ({ results: decodeProduce(bytes, version) }),
        parse: async (decoded) => decoded,
      },
    });
    return (results as { results: PartitionResult[] } | undefined)?.results ?? [];
  } catch (error) {
    if ((error as Error).name === "KafkaJSConnectionClosedError") await broker.disconnect();
    throw error;
  }
};
