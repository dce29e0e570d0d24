/** What producers need, by kafkajs. */
import { createTopic } from "./kafkajs-admin";
import type { Link } from "./kafkajs-cluster";
import { ConfigError } from "../errors";
import { Encoder, errorFromCode, type RawBroker } from "./kafkajs-internals";
import { produce } from "./kafkajs-produce";
import type { ProducerWire, TransactionWire } from "./producer-wire";
import { topicIdRequest } from "./topic-id";
import { bodyOf, type Request } from "./transaction-requests";
import { FieldReader } from "./wire-fields";

export const kafkajsWire = (link: Link): ProducerWire => {
  const { cluster, context } = link;
  return {
    context,
    connect: () => cluster.connect(),
    async identity() {
      const broker = await cluster.brokerPool.findConnectedBroker();
      const { producerId, producerEpoch } = await broker.initProducerId({ transactionTimeout: 60_000 });
      return { producerId: BigInt(producerId), producerEpoch };
    },
    async leaders(topic, anew) {
      await cluster.connect();
      if (cluster.brokerPool.metadata === null || anew) await cluster.refreshMetadata();
      const broker = await cluster.brokerPool.findConnectedBroker();
      const { topicMetadata } = await broker.metadata([topic]);
      const found = topicMetadata.find((metadata) => metadata.topic === topic);
      if (found?.failure !== undefined) throw errorFromCode(found.failure);
      return (found?.partitionMetadata ?? []).map(({ partitionId, leader }) => ({ partition: partitionId, leader }));
    },
    createTopic: (topic, creation) => createTopic(link, topic, creation),
    async produce(leader, batches, acks, timeout) {
      return produce(await cluster.findBroker({ nodeId: leader }), batches, acks, timeout);
    },
    failed(failure) {
      const { host, port } = failure as { host?: string; port?: number };
      if (host !== undefined && port !== undefined) cluster.removeBroker({ host, port });
    },
    protocolError: errorFromCode,
    close: () => link.close(),
  };
};

/** One request that kafkajs does not have. @throws ConfigError when the broker is too old for it */
export const ask = async <T>(broker: RawBroker, request: Request<T>): Promise<T> => {
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
          // The tags of request header v2.
          const head = Buffer.alloc(flexible ? 1 : 0);
          const bytes = Buffer.concat([head, bodyOf(request)]);
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

const TRANSACTION = 1;

/** @param link shared with other producers */
export const kafkajsTransactionWire = (link: Link, transactionalId: string): TransactionWire => {
  const { cluster } = link;
  let coordinator: RawBroker | undefined;
  return {
    ...kafkajsWire(link),
    transactional: true,
    async ask(request, groupId) {
      if (groupId !== undefined) return ask(await cluster.findGroupCoordinator({ groupId }), request);
      coordinator ??= await cluster.findGroupCoordinator({ groupId: transactionalId, coordinatorType: TRANSACTION });
      return ask(coordinator, request);
    },
    forgetCoordinator() {
      coordinator = undefined;
    },
    async produce(leader, batches, acks, timeout) {
      return produce(await cluster.findBroker({ nodeId: leader }), batches, acks, timeout, transactionalId);
    },
    close: async () => undefined,
  };
};

/** A topic's id; undefined when it is not there, may not be seen, or the broker is older than ids. */
export const topicId = async ({ cluster }: Link, topic: string): Promise<string | undefined> => {
  const broker = await cluster.brokerPool.findConnectedBroker();
  const request = topicIdRequest(topic);
  const { maxVersion = 0 } = broker.versions?.[request.apiKey] ?? {};
  return maxVersion < request.version ? undefined : ask(broker, request);
};
