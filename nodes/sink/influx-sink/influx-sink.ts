import { batchOf, recordAt } from "../../lib/batch";
import type { FailedElement, Message } from "../../lib/delivery/contract";
import { BatchFailure, Retriable, asError, notStored } from "../../lib/errors";
import { pointMapping } from "../../lib/influx/points";
import { type IndexedLine, InfluxWriter } from "../../lib/influx/writer";
import { defineNode } from "../../lib/node";
import { declaration } from "./declaration";

/** Time for what is under way when the node closes, in ms. */
const DRAIN = 10_000;

/** How long a message waits for room before its source keeps it instead, in ms. */
const PATIENCE = 10_000;

export = defineNode(declaration, (node) => {
  const { server, measurement, tags, time, precision, ...settings } = node.settings;
  const fields = settings.fields.map(({ from, name, kind }) => ({ from, name, type: kind }));
  const mapped = pointMapping({ measurement, tags, fields, time, unit: precision });
  let trouble: string | undefined;
  let stored = 0;
  const show = (): void => {
    if (trouble !== undefined) node.status("away", "red");
    else if (stored > 0) node.status("stored", "green", stored);
    else node.status("ready", "grey");
  };
  const writer = new InfluxWriter(server, {
    unit: precision,
    batch: settings.batch,
    linger: settings.linger,
    memory: settings.memory * 1024 * 1024,
    stored(points) {
      stored += points;
      show();
    },
    away(error) {
      if (error?.message === trouble) return;
      trouble = error?.message;
      if (error) node.warn(`${error.message}. Points wait, none is lost.`);
      else node.log(`${server.address} takes points again`);
      show();
    },
  });
  show();

  /** The lines of everything that can be one; what can't fails alone. */
  const linesOf = (message: Message, elements: readonly Message[], failed: FailedElement[]): IndexedLine[] => {
    const now = Date.now();
    const lines: IndexedLine[] = [];
    for (const [index, element] of elements.entries()) {
      try {
        const record = element === message ? element : { topic: message.topic, ...recordAt(index, element) };
        lines.push({ ...mapped(record, now), index });
      } catch (error) {
        failed.push({ index, error: asError(error) });
      }
    }
    return lines;
  };

  return {
    async receive(message) {
      const batch = batchOf(message);
      const elements = batch ?? [message];
      const failed: FailedElement[] = [];
      const lines = linesOf(message, elements, failed);
      if (!batch && failed[0]) throw failed[0].error;
      if (!(await writer.room(PATIENCE)))
        throw new Retriable(`Memory is full: ${trouble ?? "the server takes longer than records come"}`, {
          unreachable: true,
        });
      const before = writer.held;
      const storing = writer.write(lines, batch !== undefined);
      const end = node.hold(message, {
        records: lines.length,
        bytes: Math.max(0, writer.held - before),
        relieve: () => writer.relieve(),
      });
      try {
        await storing;
      } catch (error) {
        if (!(error instanceof BatchFailure)) throw error;
        failed.push(...error.elements);
      } finally {
        end();
      }
      const bad = new Set(failed.map(({ index }) => index));
      if (bad.size === 0) node.send(message);
      else if (bad.size < elements.length)
        node.send({ ...message, payload: elements.filter((_, index) => !bad.has(index)) }, { from: [message] });
      if (bad.size > 0) {
        node.status("refused", "red", bad.size);
        throw notStored(failed, elements.length);
      }
    },
    close: () => writer.close(DRAIN),
  };
});
