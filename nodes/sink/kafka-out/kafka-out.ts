import { batchOf, recordAt } from "../../lib/batch";
import type { FailedElement, Message } from "../../lib/delivery/contract";
import { asError, BatchFailure } from "../../lib/errors";
import type { Outcome, OutgoingRecord, TopicCreation } from "../../lib/kafka/port";
import { watchTrouble } from "../../lib/kafka/trouble";
import { defineNode } from "../../lib/node";
import { template } from "../../lib/template";
import { declaration } from "./declaration";
import { recordOf, type RecordSettings } from "./records";
import { watchRetention } from "./retention";

/** Time for what is in the buffer when the node closes, in ms. */
const DRAIN = 10_000;

type Find = (message: Message) => unknown;

/** A message property whose name the user has emptied is none; Node-RED would fail each message for it. */
const unlessEmpty = (find: Find): Find => {
  try {
    find({});
  } catch (error) {
    if ((error as { code?: unknown }).code === "INVALID_EXPR") return () => undefined;
  }
  return find;
};

export = defineNode(declaration, (node) => {
  const { cluster, topic, create, partitions, replication, retention, ...settings } = node.settings;
  const release = cluster.use();
  const config: Record<string, string> =
    retention === undefined ? {} : { "retention.ms": retention < 0 ? "-1" : String(Math.round(retention * 3_600_000)) };
  const creation: TopicCreation | undefined = create ? { partitions, replication, config } : undefined;
  const records: RecordSettings = {
    topic: topic === "" ? undefined : template(topic, "Topic"),
    key: unlessEmpty(settings.key),
    partition: unlessEmpty(settings.partition),
    format: settings.format,
  };
  const trouble = watchTrouble((text) => {
    if (text !== undefined) node.warn(text);
    show();
  });
  let stored = 0;
  const show = (): void => {
    if (trouble.shown !== undefined) node.status("away", "red", trouble.shown);
    else if (stored > 0) node.status("stored", "green", stored);
    else node.status("ready", "grey");
  };
  const producer = cluster.kafka.producer({
    acks: settings.acks,
    compression: settings.compression,
    linger: settings.linger,
    batchBytes: settings.batchSize * 1024,
    bufferBytes: settings.buffer * 1024 * 1024,
    create: creation,
    state: trouble.set,
  });
  const checkRetention = watchRetention(cluster.kafka, (text) => node.warn(text));
  show();

  const make = (message: Message, carrier: Message): OutgoingRecord => {
    const record = recordOf(message, carrier, records);
    checkRetention(record);
    return record;
  };

  const count = (outcomes: readonly Outcome[]): void => {
    for (const outcome of outcomes) if (!(outcome instanceof Error)) stored++;
    show();
  };

  const receiveOne = async (message: Message): Promise<void> => {
    const record = make(message, message);
    const outcomes = await producer.send([record]);
    count(outcomes);
    const [outcome] = outcomes;
    if (outcome instanceof Error) throw outcome;
    message["stored"] = { topic: record.topic, ...outcome };
    node.send(message);
  };

  const receiveBatch = async (message: Message, elements: readonly Message[]): Promise<void> => {
    const failed: FailedElement[] = [];
    const positions: number[] = [];
    const outgoing: OutgoingRecord[] = [];
    for (const [index, element] of elements.entries())
      try {
        outgoing.push(make(recordAt(index, element), message));
        positions.push(index);
      } catch (error) {
        failed.push({ index, error: asError(error) });
      }
    const outcomes = await producer.send(outgoing);
    count(outcomes);
    const done: Message[] = [];
    for (const [at, outcome] of outcomes.entries()) {
      const index = positions[at] ?? 0;
      const element = elements[index];
      if (outcome instanceof Error) failed.push({ index, error: outcome });
      else if (element) done.push(element);
    }
    if (done.length > 0) node.send(failed.length === 0 ? message : { ...message, payload: done });
    if (failed.length === 0) return;
    failed.sort((a, b) => a.index - b.index);
    throw new BatchFailure(
      `${failed.length} of ${elements.length} records were not stored; the first: ${failed[0]?.error.message}`,
      failed,
    );
  };

  return {
    receive(message) {
      const elements = batchOf(message);
      return elements ? receiveBatch(message, elements) : receiveOne(message);
    },
    async close() {
      await producer.close(DRAIN);
      trouble.close();
      await release();
    },
  };
});
