import { setTimeout as wait } from "node:timers/promises";
import { deadLetterFile } from "../../lib/delivery/dead-letter-file";
import type { DeadLetter, DeadLetters } from "../../lib/delivery/contract";
import { ConfigError, messageOf } from "../../lib/errors";
import { deliverySettings } from "../../lib/field-groups";
import { deadLetterTopic } from "../../lib/kafka/dead-letter-topic";
import type { Consumer, Start } from "../../lib/kafka/port";
import { within } from "../../lib/kafka/sleep";
import { watchTrouble } from "../../lib/kafka/trouble";
import { schemaReader } from "../../lib/registry/reading";
import { checkTopicName } from "../../lib/kafka/topic-name";
import { defineNode } from "../../lib/node";
import { controlOf, positionsOf } from "./control";
import { declaration } from "./declaration";
import { decodersOf, rawMessageOf } from "./decode";
import { exactlyOnce, restOf } from "./exactly-once";
import { makeIntake } from "./intake";
import { instanceOf } from "./instance";
import { topicsOf } from "./topics";

/** How often the status is looked at, in ms. */
const STATUS_INTERVAL = 1000;

/** How long a node that closes waits for its last commit, in ms: without an answer what was not committed comes again. */
const LAST_COMMIT = 4000;

const startOf = (start: "earliest" | "latest" | "timestamp" | "committed", time: string): Start => {
  if (start !== "timestamp") return start;
  const timestamp = /^\d+$/.test(time) ? Number(time) : Date.parse(time);
  if (!Number.isFinite(timestamp))
    throw new ConfigError(
      `Time: "${time}" is not a time; give ISO 8601 such as 2026-01-31T00:00:00Z, or ms since 1970`,
    );
  return { timestamp };
};

export = defineNode(declaration, (node) => {
  const { cluster, group, mode, sessionTimeout, drain, deadLetterTopic: deadTopic, ...settings } = node.settings;
  const topics = topicsOf(settings.topics);
  const start = startOf(settings.start, settings.startTime);
  const instance = instanceOf(settings.instance, node);
  if (deadTopic !== "") checkTopicName(deadTopic);
  const delivery = deliverySettings(node.RED, node.settings);
  const schemaTrouble = watchTrouble((text) => {
    if (text !== undefined) node.warn(`Records wait for their schemas: ${text}`);
    show();
  });
  const schemas = settings.valueFormat === "registry" ? schemaReader(settings.registry, schemaTrouble.set) : undefined;
  const decoders = decodersOf(settings.valueFormat, settings.keyFormat, schemas);
  const release = cluster.use();
  const trouble = watchTrouble((text) => {
    if (text !== undefined) node.warn(text);
    show();
  });
  const isExact = settings.delivery === "exactlyOnce";
  let consumer: Consumer | undefined;
  let closing = false;

  const deadLetters: DeadLetters =
    deadTopic === ""
      ? deadLetterFile({ directory: delivery.deadLetterFolder, limit: delivery.deadLetterBytes, prefix: node.id })
      : deadLetterTopic(cluster.kafka, {
          topic: deadTopic,
          from: { id: node.id, type: node.type, name: node.name },
          folder: delivery.deadLetterFolder,
          limit: delivery.deadLetterBytes,
          patience: settings.deadLetterPatience * 1000,
          state: trouble.set,
          warn: (text) => node.warn(text),
        });

  const bury = async (letters: readonly DeadLetter[]): Promise<void> => {
    for (let failures = 0; ; failures++)
      try {
        await deadLetters.write(letters);
        return;
      } catch (error) {
        // Left unfinished: the record comes again.
        if (closing) return new Promise(() => undefined);
        trouble.set(new Error(messageOf(error)));
        await wait(Math.min(30_000, 500 * 2 ** failures));
      }
  };

  const source = node.source({
    retry: delivery.retry,
    timeout: isExact ? restOf(delivery.timeout, settings.transactionTimeout * 1000) : delivery.timeout,
    breaker: delivery.breaker,
    deadLetters,
    onHeld: (emission, records) => intake.hold(emission, records),
    onFlows(running) {
      if (running) open();
      intakeOf()?.wake();
    },
  });
  const exact = isExact
    ? exactlyOnce({
        kafka: cluster.kafka,
        group,
        mode,
        decoders,
        source,
        retry: delivery.retry,
        interval: settings.transactionInterval,
        records: settings.transactionRecords,
        bytes: settings.spanSize * 1024 * 1024,
        timeout: settings.transactionTimeout * 1000,
        deadLetters,
        deadLetterTopic: deadTopic,
        node: { id: node.id, type: node.type, name: node.name },
        consumer: () => consumer,
        state: trouble.set,
        warn: (text) => node.warn(text),
      })
    : undefined;
  const intake = makeIntake(
    {
      mode,
      group,
      source,
      decoders,
      once: settings.delivery === "atMostOnce",
      forgotten: () => node.forgotten(),
      late: () =>
        node.warn(
          "Something beside the flow has read a batch after it was stored, when its records were not in memory any more: it saw no payload",
        ),
      span: { records: settings.spanRecords, bytes: settings.spanSize * 1024 * 1024 },
      async bury(records, origin) {
        const time = Date.now();
        const from = { id: node.id, type: node.type, name: node.name };
        node.warn(
          `${records.length} record(s) of ${origin.topic} can't be decoded and go to dead letters; offset ${records[0]?.record.offset}: ${records[0]?.error.message}`,
        );
        await bury(
          records.map(({ record, error }) => ({
            message: rawMessageOf(record, origin),
            error,
            node: from,
            attempts: 1,
            time,
          })),
        );
      },
    },
    {
      batchRecords: mode === "batch" ? settings.batchRecords : 1,
      commitInterval: settings.commitInterval,
      commitRecords: settings.commitRecords,
      damaged: settings.damaged,
      stuck: (text) => node.error(text),
      warn: (text) => node.warn(text),
      revokeDrain: Math.min(drain, sessionTimeout / 3) * 1000,
    },
    () => consumer,
    exact?.partition,
  );
  /** `onFlows` may be called before the intake is there. */
  function intakeOf(): typeof intake | undefined {
    return consumer === undefined ? undefined : intake;
  }

  function show(): void {
    if (closing) return;
    const wrong = trouble.shown ?? schemaTrouble.shown;
    if (wrong !== undefined) node.status("trouble", "red", wrong);
    else if (consumer === undefined) node.status("connecting", "grey");
    else if (intake.stuck !== undefined) node.status("stuck", "red", intake.stuck);
    else if (intake.paused > 0) node.status("held", "yellow", intake.paused);
    else if (intake.waiting) node.status("paused", "yellow", intake.lag);
    else if (intake.partitions === 0) node.status("idle", "grey");
    else node.status("reading", "green", intake.lag);
  }

  function open(): void {
    if (closing || consumer !== undefined) return;
    queueMicrotask(() => {
      if (closing || consumer !== undefined) return;
      consumer = cluster.kafka.consumer(
        {
          groupId: group,
          topics,
          start,
          sessionTimeout: sessionTimeout * 1000,
          readUncommitted: settings.readUncommitted && !isExact,
          instanceId: instance,
        },
        {
          records: (batch) => intake.records(batch),
          assigned: (partitions, epoch, kept) => intake.assigned(partitions, epoch, kept),
          beforeOffsets: async (epoch) => intake.beforeOffsets?.(epoch),
          wanted: (partition) => intake.wanted?.(partition),
          revoking: (epoch) => intake.revoking(epoch),
          state: trouble.set,
          warn: (text) => node.warn(text),
        },
      );
      show();
    });
  }

  const timer = setInterval(show, STATUS_INTERVAL);
  node.status("connecting", "grey");
  return {
    async receive(message) {
      const control = controlOf(message);
      if (control.action === "seek")
        for (const position of await positionsOf(control, intake.owned, cluster.kafka)) await intake.seek(position);
      else if (control.action === "pause") intake.pause(control);
      else intake.resume(control);
      node.log(`${control.action}: ${JSON.stringify(control)}`);
      show();
    },
    async close() {
      closing = true;
      clearInterval(timer);
      trouble.close();
      schemaTrouble.close();
      intake.stop();
      await source.close(drain * 1000);
      await within(intake.commit(), LAST_COMMIT);
      await consumer?.close();
      await exact?.close();
      await deadLetters.close();
      await release();
    },
  };
});
