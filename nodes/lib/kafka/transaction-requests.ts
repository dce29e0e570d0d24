/**
 * The requests of a transaction, in versions that not every client has: InitProducerId v3 lets only the present holder
 * of a transactional id go on with it, TxnOffsetCommit v3 carries the group's generation (both KIP-360 and KIP-447,
 * Kafka 2.5), and OffsetFetch v7 waits for offsets of open transactions. Drivers send them (TransactionWire); the answers
 * hold the broker's error codes.
 */
import type { TopicPartition } from "./port";
import type { Membership } from "./transaction-port";
import { type FieldReader, FieldWriter } from "./wire-fields";

export interface Identity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}
/** Who asks: a transactional id and the producer that holds it. */
export interface Holder extends Identity {
  readonly transactionalId: string;
}

/** A request in one version, and how its answer is read behind the throttle time. */
export interface Request<T> {
  readonly apiKey: number;
  readonly apiName: string;
  readonly version: number;
  /** With tagged fields, also in the headers (KIP-482). */
  readonly flexible: boolean;
  write(body: FieldWriter): void;
  read(body: FieldReader): T;
}

export const bodyOf = (request: Request<unknown>): Buffer => {
  const body = new FieldWriter();
  request.write(body);
  return body.bytes();
};

/**
 * Takes a transactional id. With `holder`, only if it is still that producer's; without, from whoever has it. Its open
 * transaction is aborted, one that is being committed is completed; meanwhile the answer is CONCURRENT_TRANSACTIONS.
 */
export const initProducerId = (
  transactionalId: string,
  timeout: number,
  holder: Identity | undefined,
): Request<Identity & { errorCode: number }> => ({
  apiKey: 22,
  apiName: "InitProducerId",
  version: 3,
  flexible: true,
  write: (body) =>
    body
      .compactText(transactionalId)
      .int32(timeout)
      .int64(holder?.producerId ?? -1n)
      .int16(holder?.producerEpoch ?? -1)
      .noTags(),
  read: (body) => ({ errorCode: body.int16(), producerId: body.int64(), producerEpoch: body.int16() }),
});

const byTopic = (partitions: readonly TopicPartition[]): [string, number[]][] => {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of partitions) {
    const own = topics.get(topic);
    if (own) own.push(partition);
    else topics.set(topic, [partition]);
  }
  return [...topics];
};

interface Answered {
  /** 0 for none. */
  readonly errorCode: number;
}

/** The first error of several partitions. */
const firstError = (codes: readonly (readonly number[])[]): Answered => ({
  errorCode: codes.flat().find((code) => code !== 0) ?? 0,
});

export const addPartitions = (
  { transactionalId, producerId, producerEpoch }: Holder,
  partitions: readonly TopicPartition[],
): Request<Answered> => ({
  apiKey: 24,
  apiName: "AddPartitionsToTxn",
  version: 1,
  flexible: false,
  write: (body) =>
    body
      .text(transactionalId)
      .int64(producerId)
      .int16(producerEpoch)
      .array(byTopic(partitions), ([topic, list]) =>
        body.text(topic).array(list, (partition) => body.int32(partition)),
      ),
  read: (body) =>
    firstError(
      body.array(() => {
        body.text();
        return body.array(() => {
          body.int32();
          return body.int16();
        });
      }),
    ),
});

export const addOffsets = (
  { transactionalId, producerId, producerEpoch }: Holder,
  groupId: string,
): Request<Answered> => ({
  apiKey: 25,
  apiName: "AddOffsetsToTxn",
  version: 1,
  flexible: false,
  write: (body) => body.text(transactionalId).int64(producerId).int16(producerEpoch).text(groupId),
  read: (body) => ({ errorCode: body.int16() }),
});

export const commitOffset = (
  { transactionalId, producerId, producerEpoch }: Holder,
  { groupId, generationId, memberId }: Membership,
  { topic, partition, offset }: TopicPartition & { readonly offset: number },
): Request<Answered> => ({
  apiKey: 28,
  apiName: "TxnOffsetCommit",
  version: 3,
  flexible: true,
  write: (body) =>
    body
      .compactText(transactionalId)
      .compactText(groupId)
      .int64(producerId)
      .int16(producerEpoch)
      .int32(generationId)
      .compactText(memberId)
      .compactText(null)
      .compactArray([topic], (name) =>
        body
          .compactText(name)
          .compactArray([partition], (index) =>
            body.int32(index).int64(BigInt(offset)).int32(-1).compactText("").noTags(),
          )
          .noTags(),
      )
      .noTags(),
  read: (body) =>
    firstError(
      body.compactArray(() => {
        body.compactText();
        const codes = body.compactArray(() => {
          body.int32();
          const code = body.int16();
          body.tags();
          return code;
        });
        body.tags();
        return codes;
      }),
    ),
});

export const endTransaction = (
  { transactionalId, producerId, producerEpoch }: Holder,
  commit: boolean,
): Request<Answered> => ({
  apiKey: 26,
  apiName: "EndTxn",
  version: 1,
  flexible: false,
  write: (body) => body.text(transactionalId).int64(producerId).int16(producerEpoch).boolean(commit),
  read: (body) => ({ errorCode: body.int16() }),
});

/** Asks for a committed offset; UNSTABLE_OFFSET_COMMIT while a transaction that has one to commit is open. */
export const stableOffset = (
  groupId: string,
  { topic, partition }: TopicPartition,
): Request<Answered & { readonly offset: number }> => ({
  apiKey: 9,
  apiName: "OffsetFetch",
  version: 7,
  flexible: true,
  write: (body) =>
    body
      .compactText(groupId)
      .compactArray([topic], (name) =>
        body
          .compactText(name)
          .compactArray([partition], (index) => body.int32(index))
          .noTags(),
      )
      .boolean(true)
      .noTags(),
  read(body) {
    const [found] = body
      .compactArray(() => {
        body.compactText();
        const partitions = body.compactArray(() => {
          body.int32();
          const offset = Number(body.int64());
          body.int32();
          body.compactText();
          const errorCode = body.int16();
          body.tags();
          return { offset, errorCode };
        });
        body.tags();
        return partitions;
      })
      .flat();
    const errorCode = body.int16();
    return { offset: found?.offset ?? -1, errorCode: errorCode || (found?.errorCode ?? 0) };
  },
});
