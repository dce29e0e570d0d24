/** The driver: kafkajs 2.2.4 as `Kafka`. */
import { setTimeout as wait } from "node:timers/promises";
import { Retriable } from "../errors";
import { explain } from "./errors";
import * as admin from "./kafkajs-admin";
import { checkBrokers, contextOf, makeLink, type Link } from "./kafkajs-cluster";
import { makeConsumer } from "./kafkajs-consumer";
import { makeProducer } from "./kafkajs-producer";
import type { ClusterOptions, Kafka } from "./port";

/**
 * A Kafka cluster by kafkajs. Nothing is connected before it is used.
 * @throws ConfigError when a broker is not `host:port`
 */
export const openKafka = (options: ClusterOptions): Kafka => {
  checkBrokers(options.brokers);
  const context = contextOf(options);
  let shared: Promise<Link> | undefined;
  let own: Link | undefined;

  /** One connection for all questions, made anew when it failed. */
  const link = (): Promise<Link> =>
    (shared ??= (async () => {
      const made = makeLink(options);
      await made.cluster.connect();
      await made.cluster.refreshMetadata();
      own = made;
      return made;
    })());

  /** A coordinator that moves or loads, or a connection that was idle too long, is worth another try. */
  const ask = async <T>(question: (link: Link) => Promise<T>): Promise<T> => {
    for (let failures = 0; ; failures++)
      try {
        return await question(await link());
      } catch (error) {
        shared = undefined;
        await own?.close();
        own = undefined;
        const explained = explain(error, context);
        if (failures >= 3 || !(explained instanceof Retriable)) throw explained;
        await wait(100 * 2 ** failures);
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
    topicConfig: (topic) => ask((open) => admin.topicConfig(open, topic)),
    createTopic: (topic, creation) => ask((open) => admin.createTopic(open, topic, creation)),
    deleteTopics: (topics) => ask((open) => admin.deleteTopics(open, topics)),
    offsets: (topic) => ask((open) => admin.offsets(open, topic)),
    committed: (groupId, topic) => ask((open) => admin.committed(open, groupId, topic)),
    consumer: (settings, events) => makeConsumer(options, settings, events),
    producer: (settings) => makeProducer(makeLink(options), settings),
    async close() {
      shared = undefined;
      await own?.close();
      own = undefined;
    },
  };
};
