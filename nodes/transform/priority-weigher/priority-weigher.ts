import type { FailedElement, Message } from "../../lib/delivery/contract";
import { asError, BatchFailure } from "../../lib/errors";
import { defineNode } from "../../lib/node";
import { paced } from "../../lib/paced";
import { batchOf, recordAt } from "../../lib/batch";
import type { StreamRecord } from "../../lib/stream/record";
import { laneOf } from "../../lib/stream/lanes";
import { timeOf } from "../../lib/stream/metric";
import { compileKey } from "../../lib/stream/path";
import { Weigher } from "../../lib/stream/weigher";
import { declaration } from "./declaration";
import { keepIn } from "./keep";

export = defineNode(declaration, (node) => {
  const { settings } = node;
  const fields = settings.weighed.map(({ field, error }) => ({ path: field, ...(error !== undefined && { error }) }));
  const keyOf = compileKey(settings.key, "Key");
  const lane = laneOf(settings.lanes.map(({ lane: name, from }) => ({ name, from })));
  const weigher = new Weigher({ ...settings, fields });
  const kept = settings.store.trim()
    ? keepIn(node, settings.store.trim(), settings.saveEvery, weigher, fields)
    : undefined;
  /** Until what was kept is back, messages wait in order. */
  let restoring: Promise<void> | undefined = kept?.restored.then(() => {
    restoring = undefined;
  });

  let warned = false;
  const show = paced(() => {
    if (weigher.evicted === 0) return node.status("weighing", "green", weigher.keys);
    node.status("full", "yellow");
    if (!warned)
      node.warn(
        `Keys: more than ${settings.keys} keys came; the least recently used are forgotten and begin at priority 0`,
      );
    warned = true;
  });

  /** The record's priority: its own, else the weight of its change. Its values are the key's previous ones from now on. */
  function priorityOf(record: StreamRecord): number {
    const weight = weigher.weigh(keyOf(record), millisecondsOf(record.timestamp), record.payload);
    const own = record.priority;
    return typeof own === "number" && Number.isFinite(own) ? own : weight;
  }

  function receiveOne(message: Message): void {
    const priority = priorityOf(message);
    message["priority"] = priority;
    node.send(message, { port: lane(priority) });
  }

  function receiveBatch(message: Message, records: readonly StreamRecord[]): void {
    const lanes: StreamRecord[][] = settings.lanes.map(() => []);
    const failed: FailedElement[] = [];
    // Elements are this message's own, as Node-RED clones for further wires; frozen ones are shared.
    const shared = Object.isFrozen(records[0]);
    for (let index = 0; index < records.length; index++) {
      try {
        const record: StreamRecord = recordAt(index, records[index]);
        const priority = priorityOf(record);
        let out = record;
        if (shared) out = { ...record, priority };
        else out.priority = priority;
        (lanes[lane(priority)] as StreamRecord[]).push(out);
      } catch (error) {
        failed.push({ index, error: asError(error) });
      }
    }
    lanes.forEach((payload, port) => {
      if (payload.length > 0) node.send({ ...message, payload }, { port });
    });
    if (failed.length > 0)
      throw new BatchFailure(
        `${failed.length} of ${records.length} records could not be weighed: ${failed[0]?.error.message}`,
        failed,
      );
  }

  function weigh(message: Message): void {
    const records = batchOf(message);
    if (records) receiveBatch(message, records);
    else receiveOne(message);
    show();
    kept?.changed();
  }

  if (restoring) node.status("restoring", "yellow");
  return {
    receive: (message) => (restoring ? restoring.then(() => weigh(message)) : weigh(message)),
    async close() {
      show.stop();
      await kept?.close();
    },
  };
});

/** Event time in ms, NaN where the record has none: then order of arrival counts. */
function millisecondsOf(timestamp: unknown): number {
  if (typeof timestamp === "number") return timestamp;
  return timestamp === undefined || timestamp === null ? NaN : timeOf(timestamp);
}
