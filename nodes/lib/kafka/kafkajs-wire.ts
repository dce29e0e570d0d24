/** What the producer needs, by kafkajs. */
import { createTopic } from "./kafkajs-admin";
import type { Link } from "./kafkajs-cluster";
import { errorFromCode } from "./kafkajs-internals";
import { produce } from "./kafkajs-produce";
import type { ProducerWire } from "./producer-wire";

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
      const found = topicMetadata.find((metadata) => metadata.topic === topic)?.partitionMetadata ?? [];
      return found.map(({ partitionId, leader }) => ({ partition: partitionId, leader }));
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
