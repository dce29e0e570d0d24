/** The driver: kafkajs 2.2.4 as `Kafka`. */
import { setTimeout as wait } from "node:timers/promises";
import { Retriable } from "../errors";
import { explain } from "./errors";
import * as admin from "./kafkajs-admin";
import { checkBrokers, contextOf } from "./cluster-options";
import { makeLink, type Link } from "./kafkajs-cluster";
import { makeConsumer } from "./kafkajs-consumer";
import { kafkajsTransactionWire, kafkajsWire, topicId } from "./kafkajs-wire";
import { makeProducer } from "./producer";
import { makeTransactional } from "./transaction";
import type { ClusterOptions, Kafka } from "./port";

/**
 * A Kafka cluster by kafkajs. Nothing is connected before it is used.
 * @throws ConfigError when a broker is not `host:port`
 */
export const openKafka = (options: ClusterOptions): Kafka => {
  checkBrokers(options.brokers);
  const context = contextOf(options);
  let shared: Promise<Link> | undefined;

  /** One connection for all questions. */
  const link = (): Promise<Link> =>
    (shared ??= (async () => {
      const made = makeLink(options);
      try {
        await made.cluster.connect();
        await made.cluster.refreshMetadata();
        return made;
      } catch (error) {
        await made.close();
        throw error;
      }
    })());

  const drop = async (used: Promise<Link>): Promise<void> => {
    if (shared === used) shared = undefined;
    await used.then(
      (open) => open.close(),
      () => undefined,
    );
  };

  /** A coordinator that moves or loads, or a connection that was idle too long, is worth another try. */
  const ask = async <T>(question: (link: Link) => Promise<T>): Promise<T> => {
    for (let failures = 0; ; failures++) {
      const used = link();
      try {
        return await question(await used);
      } catch (error) {
        await drop(used);
        const explained = explain(error, context);
        if (failures >= 3 || !(explained instanceof Retriable)) throw explained;
        await wait(100 * 2 ** failures);
      }
    }
  };

  return {
    async describe() {
      const probe = makeLink({ ...options, connectionTimeout: 5000, requestTimeout: 10_000 });
      try {
        await probe.cluster.connect();
        return await admin.describe(probe);
      } catch (error) {
        throw explain(error, context);
      } finally {
        await probe.close();
      }
    },
    topics: () => ask(async (open) => (await admin.describe(open)).topics),
    topicId: (topic) => ask((open) => topicId(open, topic)),
    topicConfig: (topic) => ask((open) => admin.topicConfig(open, topic)),
    createTopic: (topic, creation) => ask((open) => admin.createTopic(open, topic, creation)),
    deleteTopics: (topics) => ask((open) => admin.deleteTopics(open, topics)),
    offsets: (topic) => ask((open) => admin.offsets(open, topic)),
    offsetsAt: (topic, timestamp) => ask((open) => admin.offsetsAt(open, topic, timestamp)),
    committed: (groupId, topic) => ask((open) => admin.committed(open, groupId, topic)),
    consumer: (settings, events) => makeConsumer(options, settings, events),
    producer: (settings) => makeProducer(kafkajsWire(makeLink(options)), settings),
    transactions() {
      const own = makeLink(options);
      return {
        producer: (settings) => makeTransactional(kafkajsTransactionWire(own, settings.transactionalId), settings),
        close: () => own.close(),
      };
    },
    async close() {
      if (shared) await drop(shared);
    },
  };
};
