/** The second driver: `Kafka` on the connections of @platformatic/kafka. */
import { setTimeout as wait } from "node:timers/promises";
import { Retriable } from "../errors";
import { checkBrokers, contextOf } from "./cluster-options";
import { explain } from "./errors";
import * as admin from "./platformatic-admin";
import { makeConsumer } from "./platformatic-consumer";
import { makeLink, type Link } from "./platformatic-link";
import { findPackage } from "./platformatic-package";
import { platformaticTransactionWire, platformaticWire, topicId } from "./platformatic-wire";
import { makeProducer } from "./producer";
import { makeTransactional } from "./transaction";
import type { ClusterOptions, Kafka } from "./port";

/**
 * A Kafka cluster by @platformatic/kafka, which is looked for beside this pack and from `folder`. Nothing is loaded or
 * connected before it is used.
 * @throws ConfigError when a broker is not `host:port`, the package is missing or too old, or Node.js is
 */
export const openPlatformatic = (options: ClusterOptions, folder?: string): Kafka => {
  checkBrokers(options.brokers);
  const entry = findPackage(folder);
  const context = contextOf(options);
  let shared: Link | undefined;

  const drop = async (used: Link): Promise<void> => {
    if (shared === used) shared = undefined;
    await used.close();
  };

  /** A coordinator that moves or loads, or a connection that was idle too long, is worth another try. */
  const ask = async <T>(question: (link: Link) => Promise<T>): Promise<T> => {
    for (let failures = 0; ; failures++) {
      const used = (shared ??= makeLink(options, entry));
      try {
        return await question(used);
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
      const probe = makeLink({ ...options, connectionTimeout: 5000, requestTimeout: 10_000 }, entry);
      try {
        return await admin.describe(probe);
      } catch (error) {
        throw explain(error, context);
      } finally {
        await probe.close();
      }
    },
    topics: () => ask(admin.topics),
    topicId: (topic) => ask((link) => topicId(link, topic)),
    topicConfig: (topic) => ask((link) => admin.topicConfig(link, topic)),
    createTopic: (topic, creation) => ask((link) => admin.createTopic(link, topic, creation)),
    deleteTopics: (topics) => ask((link) => admin.deleteTopics(link, topics)),
    offsets: (topic) => ask((link) => admin.offsets(link, topic)),
    offsetsAt: (topic, timestamp) => ask((link) => admin.offsetsOf(link, topic, timestamp)),
    committed: (groupId, topic) => ask((link) => admin.committed(link, groupId, topic)),
    consumer: (settings, events) => makeConsumer(options, entry, settings, events),
    producer: (settings) => makeProducer(platformaticWire(makeLink(options, entry)), settings),
    transactions() {
      const own = makeLink(options, entry);
      return {
        producer: (settings) => makeTransactional(platformaticTransactionWire(own, settings.transactionalId), settings),
        close: () => own.close(),
      };
    },
    async close() {
      if (shared) await drop(shared);
    },
  };
};
