/** What the producer needs, by @platformatic/kafka. */
import { createTopic, partitionsIn } from "./platformatic-admin";
import { named } from "./platformatic-errors";
import type { Line, Link } from "./platformatic-link";
import { decodeProduce, encodeProduce } from "./produce-request";
import type { PartitionBatch, PartitionResult, ProducerWire } from "./producer-wire";

const PRODUCE = 0;
const VERSION = 7;
/** A transaction's longest time; the identity is for idempotence only. */
const TIMEOUT = 60_000;

const send = async (
  link: Link,
  { connection, broker }: Line,
  batches: readonly PartitionBatch[],
  acks: -1 | 0 | 1,
  timeout: number,
): Promise<readonly PartitionResult[]> => {
  const { Writer } = await link.lib();
  return new Promise((resolve, reject) => {
    connection.send<PartitionResult[]>(
      PRODUCE,
      VERSION,
      () => {
        const writer = Writer.create().append(encodeProduce(batches, acks, timeout));
        if (acks === 0) writer.context.noResponse = true;
        return writer;
      },
      (_id, _key, _version, reader) => decodeProduce(reader.buffer.slice(0), VERSION),
      false,
      false,
      (error, results) => (error ? reject(named(error, broker)) : resolve(Array.isArray(results) ? results : [])),
    );
  });
};

export const platformaticWire = (link: Link): ProducerWire => {
  const used = new Map<number, Line>();
  return {
    context: link.context,
    async connect() {
      await link.any();
    },
    async identity() {
      const { initProducerIdV1 } = await link.lib();
      const answer = await link.ask(initProducerIdV1, await link.any(), null, TIMEOUT);
      await link.check(answer.errorCode);
      return answer;
    },
    async leaders(topic) {
      return partitionsIn(link, await link.metadata([topic]));
    },
    createTopic: (topic, creation) => createTopic(link, topic, creation),
    async produce(leader, batches, acks, timeout) {
      const line = await link.node(leader, "produce");
      used.set(leader, line);
      return send(link, line, batches, acks, timeout);
    },
    failed(failure) {
      const { broker } = failure as { broker?: string };
      for (const [leader, line] of used)
        if (line.broker === broker) {
          link.drop(line);
          used.delete(leader);
        }
    },
    protocolError: (code) => link.protocolError(code),
    close: () => link.close(),
  };
};
