/** One Produce request, with the result of each partition instead of kafkajs's first error for all. */
import { apiKeys, Encoder, type RawBroker } from "./kafkajs-internals";

import type { PartitionBatch, PartitionResult } from "./producer-wire";

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  const length = Buffer.allocUnsafe(2);
  length.writeInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
};
const int32 = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
};

/** Produce request v3–v7: transactional_id acks timeout [topic [partition record_set]]. */
const encode = (batches: readonly PartitionBatch[], acks: number, timeout: number): Buffer => {
  const topics = new Map<string, PartitionBatch[]>();
  for (const batch of batches) {
    const own = topics.get(batch.topic);
    if (own) own.push(batch);
    else topics.set(batch.topic, [batch]);
  }
  const head = Buffer.allocUnsafe(8);
  head.writeInt16BE(-1, 0);
  head.writeInt16BE(acks, 2);
  head.writeInt32BE(timeout, 4);
  const parts = [head, int32(topics.size)];
  for (const [topic, own] of topics) {
    parts.push(text(topic), int32(own.length));
    for (const { partition, bytes } of own) parts.push(int32(partition), int32(bytes.length), bytes);
  }
  return Buffer.concat(parts);
};

const decode = (bytes: Buffer, version: number): PartitionResult[] => {
  const results: PartitionResult[] = [];
  let at = 4;
  for (let topics = bytes.readInt32BE(0); topics > 0; topics--) {
    const length = bytes.readInt16BE(at);
    const topic = bytes.toString("utf8", at + 2, at + 2 + length);
    at += 2 + length;
    let partitions = bytes.readInt32BE(at);
    at += 4;
    for (; partitions > 0; partitions--) {
      const partition = bytes.readInt32BE(at);
      const errorCode = bytes.readInt16BE(at + 4);
      results.push({ topic, partition, errorCode, baseOffset: Number(bytes.readBigInt64BE(at + 6)) });
      at += 4 + 2 + 8 + 8 + (version >= 5 ? 8 : 0);
    }
  }
  return results;
};

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
          const body = encode(batches, acks, timeout);
          const encoder = new Encoder(body.length + 1);
          encoder.writeBufferInternal(body);
          return encoder;
        },
      },
      response: { decode: async (bytes) => ({ results: decode(bytes, version) }), parse: async (decoded) => decoded },
    });
    return (results as { results: PartitionResult[] } | undefined)?.results ?? [];
  } catch (error) {
    if ((error as Error).name === "KafkaJSConnectionClosedError") await broker.disconnect();
    throw error;
  }
};
