/** The body of a Produce request, v3 to v7 (kafka.apache.org/protocol#The_Messages_Produce), and of its answer. */
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

const NO_TEXT = Buffer.from([0xff, 0xff]);

/** @param acks −1 all, 1 leader, 0 none */
export const encodeProduce = (
  batches: readonly PartitionBatch[],
  acks: number,
  timeout: number,
  transactionalId?: string,
): Buffer => {
  const topics = new Map<string, PartitionBatch[]>();
  for (const batch of batches) {
    const own = topics.get(batch.topic);
    if (own) own.push(batch);
    else topics.set(batch.topic, [batch]);
  }
  const head = Buffer.allocUnsafe(6);
  head.writeInt16BE(acks, 0);
  head.writeInt32BE(timeout, 2);
  const parts = [transactionalId === undefined ? NO_TEXT : text(transactionalId), head, int32(topics.size)];
  for (const [topic, own] of topics) {
    parts.push(text(topic), int32(own.length));
    for (const { partition, bytes } of own) parts.push(int32(partition), int32(bytes.length), bytes);
  }
  return Buffer.concat(parts);
};

/** @throws RangeError for damaged bytes */
export const decodeProduce = (bytes: Buffer, version: number): PartitionResult[] => {
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
