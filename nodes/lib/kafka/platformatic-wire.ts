/** What producers need, by @platformatic/kafka. */
import { createTopic, partitionsIn } from "./platformatic-admin";
import { named } from "./platformatic-errors";
import type { Line, Link } from "./platformatic-link";
import { decodeProduce, encodeProduce } from "./produce-request";
import type { PartitionBatch, PartitionResult, ProducerWire, TransactionWire } from "./producer-wire";
import { topicIdRequest } from "./topic-id";
import { bodyOf, type Request } from "./transaction-requests";
import { FieldReader } from "./wire-fields";

const PRODUCE = 0;
const VERSION = 7;
/** A transaction's longest time; the identity is for idempotence only. */
const TIMEOUT = 60_000;

const send = async (
  link: Link,
  line: Line,
  batches: readonly PartitionBatch[],
  acks: -1 | 0 | 1,
  timeout: number,
  transactionalId?: string,
): Promise<readonly PartitionResult[]> => {
  const { Writer } = await link.lib();
  return new Promise((resolve, reject) => {
    line.connection.send<PartitionResult[]>(
      PRODUCE,
      VERSION,
      () => {
        const writer = Writer.create().append(encodeProduce(batches, acks, timeout, transactionalId));
        if (acks === 0) writer.context.noResponse = true;
        return writer;
      },
      (_id, _key, _version, reader) => decodeProduce(reader.buffer.slice(0), VERSION),
      false,
      false,
      (error, results) => (error ? reject(named(error, line)) : resolve(Array.isArray(results) ? results : [])),
    );
  });
};

const ask = async <T>(link: Link, line: Line, request: Request<T>): Promise<T> => {
  const { Writer } = await link.lib();
  const { apiKey, apiName, version, flexible } = request;
  const answer = new Promise<T>((resolve, reject) => {
    line.connection.send<{ readonly read: T }>(
      apiKey,
      version,
      () => Writer.create().append(bodyOf(request)),
      (_id, _key, _version, reader) => {
        const body = new FieldReader(reader.buffer.slice(0));
        // The throttle time.
        body.int32();
        return { read: request.read(body) };
      },
      flexible,
      flexible,
      (error, found) => (found ? resolve(found.read) : reject(named(error ?? new Error("Connection closed"), line))),
    );
  });
  return link.track(apiName, answer);
};

const wireOf = (link: Link, transactionalId?: string): ProducerWire => {
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
      return send(link, line, batches, acks, timeout, transactionalId);
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

export const platformaticWire = (link: Link): ProducerWire => wireOf(link);

/** @param link shared with other producers */
export const platformaticTransactionWire = (link: Link, transactionalId: string): TransactionWire => ({
  ...wireOf(link, transactionalId),
  transactional: true,
  async ask(request, groupId) {
    const line = await (groupId === undefined
      ? link.coordinator(transactionalId, "group", "transaction")
      : link.coordinator(groupId, "group"));
    try {
      return await ask(link, line, request);
    } catch (error) {
      link.drop(line);
      throw error;
    }
  },
  forgetCoordinator: () => link.forgetCoordinator(),
  close: async () => undefined,
});

/** A topic's id; undefined when it is not there, may not be seen, or the broker is older than ids. */
export const topicId = async (link: Link, topic: string): Promise<string | undefined> => {
  const { apiVersionsV1 } = await link.lib();
  const line = await link.any();
  const request = topicIdRequest(topic);
  const { apiKeys } = await link.ask(apiVersionsV1, line, "", "");
  const { maxVersion = 0 } = apiKeys.find(({ apiKey }) => apiKey === request.apiKey) ?? {};
  return maxVersion < request.version ? undefined : ask(link, line, request);
};
