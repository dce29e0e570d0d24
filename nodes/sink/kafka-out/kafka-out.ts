import { batchOf, isRecord, recordAt } from "../../lib/batch";
import type { FailedElement, Message } from "../../lib/delivery/contract";
import { asError, BatchFailure } from "../../lib/errors";
import type { OutgoingRecord, TopicCreation } from "../../lib/kafka/port";
import type { SpooledOutcome } from "../../lib/kafka/spooled-producer";
import { watchTrouble } from "../../lib/kafka/trouble";
import { defineNode } from "../../lib/node";
import { shortLived } from "../../lib/short-lived";
import { template } from "../../lib/template";
import { declaration } from "./declaration";
import { recordOf, topicOf, type RecordSettings } from "./records";
import { watchRetention } from "./retention";
import { recordSchemas } from "./schemas";
import { makeSender, type Sender } from "./sender";
import { makeWriter } from "./write";

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
  const schemaTrouble = watchTrouble((text) => {
    if (text !== undefined) node.warn(text);
    show();
  });
  const schemas = recordSchemas(settings, schemaTrouble.set);
  const records: RecordSettings = {
    topic: topic === "" ? undefined : template(topic, "Topic"),
    key: unlessEmpty(settings.key),
    partition: unlessEmpty(settings.partition),
    format: settings.format === "json" ? "json" : "auto",
    schemas,
  };
  const trouble = watchTrouble((text) => {
    if (text !== undefined) node.warn(text);
    show();
  });
  let stored = 0;
  let diskTrouble: string | undefined;
  const show = (): void => {
    const spooled = sender?.spooled ?? 0;
    const amount = spooled.toLocaleString("en");
    if (diskTrouble !== undefined) node.status("disk", "red", diskTrouble);
    else if (trouble.shown !== undefined && spooled > 0) node.status("spooled", "red", `${amount}: ${trouble.shown}`);
    else if (trouble.shown !== undefined) node.status("away", "red", trouble.shown);
    else if (schemaTrouble.shown !== undefined) node.status("schemas", "red", schemaTrouble.shown);
    else if (spooled > 0) node.status("spooled", "yellow", amount);
    else if (stored > 0) node.status("stored", "green", stored);
    else node.status("ready", "grey");
  };
  const bufferBytes = settings.buffer * 1024 * 1024;
  const closing = new AbortController();
  let sender: Sender | undefined;
  const opening = makeSender(
    node,
    (events) =>
      cluster.kafka.producer({
        acks: settings.acks,
        compression: settings.compression,
        linger: settings.linger,
        batchBytes: settings.batchSize * 1024,
        bufferBytes,
        create: creation,
        note: (text) => node.log(text),
        ...events,
      }),
    {
      spoolSize: settings.spool ? settings.spoolSize : undefined,
      spoolFolder: settings.spoolFolder,
      bufferBytes,
      state: trouble.set,
      diskTrouble(error) {
        if (error && diskTrouble === undefined) node.warn(`The disk spool can't be used: ${error.message}`);
        diskTrouble = error?.message;
        show();
      },
      changed: () => show(),
      closed: closing.signal,
    },
  );
  opening.then(
    (opened) => {
      sender = opened;
      show();
    },
    // The node was closed: who waits for the spool is told.
    () => undefined,
  );
  const checkRetention = watchRetention(cluster.kafka, (text) => node.warn(text));
  show();

  const make = (message: Message, carrier: Message): OutgoingRecord => {
    const record = recordOf(message, carrier, records);
    checkRetention(record);
    return record;
  };

  const writer = makeWriter({
    delivery: node,
    kafka: cluster.kafka,
    producer: { send: async (outgoing) => (sender ?? (await opening)).send(outgoing) },
    batching: { compression: settings.compression, linger: settings.linger, batchBytes: settings.batchSize * 1024 },
    create: creation,
  });

  const send = async (message: Message, outgoing: readonly OutgoingRecord[]): Promise<readonly SpooledOutcome[]> => {
    const outcomes = await writer.write(message, outgoing);
    for (const outcome of outcomes) if (typeof outcome === "object" && !(outcome instanceof Error)) stored++;
    show();
    return outcomes;
  };

  /** Sees to the schemas that messages need; undefined when there are none, or all are known. */
  const prepare = (elements: readonly Message[], carrier: Message): Promise<unknown> | undefined =>
    schemas?.prepare(
      elements.flatMap((message) => {
        try {
          return [{ message, topic: topicOf(message, carrier, records) }];
        } catch {
          // `make` says what is wrong with it
          return [];
        }
      }),
    );

  const receiveOne = async (message: Message): Promise<void> => {
    const preparing = prepare([message], message);
    if (preparing) await preparing;
    const record = make(message, message);
    // A literal would be made in V8's old space after a burst: see short-lived.ts.
    const [outcome] = await send(message, Array.of(record));
    if (outcome instanceof Error) throw outcome;
    message["stored"] = Object.assign(
      shortLived(),
      { topic: record.topic },
      outcome === "spooled" ? { spooled: true } : outcome,
    );
    node.send(message);
  };

  const receiveBatch = async (message: Message, elements: readonly Message[]): Promise<void> => {
    const preparing = schemas && prepare(elements.filter(isRecord), message);
    if (preparing) await preparing;
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
    const outcomes = await send(message, outgoing);
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
      closing.abort();
      const sending = opening.then(
        (opened) => opened.close(DRAIN),
        () => undefined,
      );
      await Promise.all([writer.close(DRAIN), sending]);
      trouble.close();
      schemaTrouble.close();
      await release();
    },
  };
});
