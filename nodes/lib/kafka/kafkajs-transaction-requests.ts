/**
 * The requests of a transaction, in versions that kafkajs does not have: InitProducerId v3 lets only the present holder
 * of a transactional id go on with it, TxnOffsetCommit v3 carries the group's generation (both KIP-360 and KIP-447,
 * Kafka 2.5), and OffsetFetch v7 waits for offsets of open transactions. Each resolves with the broker's answer, error
 * codes included, and throws only when there is none.
 */
import { ConfigError } from "../errors";
import { apiKeys, Encoder, type RawBroker } from "./kafkajs-internals";
import type { Membership, TopicPartition } from "./port";
import { FieldReader, FieldWriter } from "./wire-fields";

export interface Identity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}
/** Who asks: a transactional id and the producer that holds it. */
export interface Holder extends Identity {
  readonly transactionalId: string;
}

interface Request<T> {
  readonly apiKey: number;
  readonly apiName: string;
  readonly version: number;
  readonly flexible: boolean;
  write(body: FieldWriter): void;
  read(body: FieldReader): T;
}

const ask = async <T>(broker: RawBroker, request: Request<T>): Promise<T> => {
  const { apiKey, apiName, version, flexible } = request;
  const highest = broker.versions?.[apiKey]?.maxVersion ?? version;
  if (highest < version)
    throw new ConfigError(
      `Exactly once needs Kafka 2.5 or newer: this broker knows ${apiName} only up to version ${highest}`,
    );
  try {
    const answer = await broker.connectionPool.send({
      request: {
        apiKey,
        apiVersion: version,
        apiName,
        async encode() {
          const body = new FieldWriter();
          // The tags of request header v2.
          if (flexible) body.noTags();
          request.write(body);
          const bytes = body.bytes();
          const encoder = new Encoder(bytes.length + 1);
          encoder.writeBufferInternal(bytes);
          return encoder;
        },
      },
      response: {
        async decode(bytes) {
          const body = new FieldReader(bytes);
          if (flexible) body.tags();
          return { clientSideThrottleTime: body.int32(), answer: request.read(body) };
        },
        parse: async (decoded) => decoded,
      },
      logResponseError: false,
    });
    return (answer as { answer: T }).answer;
  } catch (error) {
    if ((error as Error).name === "KafkaJSConnectionClosedError") await broker.disconnect();
    throw error;
  }
};

/**
 * Takes a transactional id. With `holder`, only if it is still that producer's; without, from whoever has it. Its open
 * transaction is aborted, one that is being committed is completed; meanwhile the answer is CONCURRENT_TRANSACTIONS.
 */
export const initProducerId = (
  broker: RawBroker,
  transactionalId: string,
  timeout: number,
  holder: Identity | undefined,
): Promise<Identity & { errorCode: number }> =>
  ask(broker, {
    apiKey: apiKeys.initProducerId,
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

/** The first error of several partitions; 0 for none. */
const firstError = (codes: readonly (readonly number[])[]): number => codes.flat().find((code) => code !== 0) ?? 0;

export const addPartitions = (
  broker: RawBroker,
  { transactionalId, producerId, producerEpoch }: Holder,
  partitions: readonly TopicPartition[],
): Promise<number> =>
  ask(broker, {
    apiKey: apiKeys.addPartitionsToTxn,
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
  broker: RawBroker,
  { transactionalId, producerId, producerEpoch }: Holder,
  groupId: string,
): Promise<number> =>
  ask(broker, {
    apiKey: apiKeys.addOffsetsToTxn,
    apiName: "AddOffsetsToTxn",
    version: 1,
    flexible: false,
    write: (body) => body.text(transactionalId).int64(producerId).int16(producerEpoch).text(groupId),
    read: (body) => body.int16(),
  });

export const commitOffset = (
  broker: RawBroker,
  { transactionalId, producerId, producerEpoch }: Holder,
  { groupId, generationId, memberId }: Membership,
  { topic, partition, offset }: TopicPartition & { readonly offset: number },
): Promise<number> =>
  ask(broker, {
    apiKey: apiKeys.txnOffsetCommit,
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
  broker: RawBroker,
  { transactionalId, producerId, producerEpoch }: Holder,
  commit: boolean,
): Promise<number> =>
  ask(broker, {
    apiKey: apiKeys.endTxn,
    apiName: "EndTxn",
    version: 1,
    flexible: false,
    write: (body) => body.text(transactionalId).int64(producerId).int16(producerEpoch).boolean(commit),
    read: (body) => body.int16(),
  });

/** Asks for a committed offset; UNSTABLE_OFFSET_COMMIT while a transaction that has one to commit is open. */
export const stableOffset = (
  broker: RawBroker,
  groupId: string,
  { topic, partition }: TopicPartition,
): Promise<{ readonly offset: number; readonly errorCode: number }> =>
  ask(broker, {
    apiKey: apiKeys.offsetFetch,
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
