import type { FailedElement, Message } from "../../lib/delivery/contract";
import { asError, BatchFailure } from "../../lib/errors";
import { extended } from "../../lib/extended";
import { defineNode } from "../../lib/node";
import { paced } from "../../lib/paced";
import { batchOf, recordAt } from "../../lib/batch";
import { openState, whenRestored, throughState } from "../../lib/state/fields";
import type { StreamRecord } from "../../lib/stream/record";
import { laneOf } from "../../lib/stream/lanes";
import { compileKey } from "../../lib/stream/path";
import type { WeightOptions } from "../../lib/stream/weigh-row";
import { millisecondsOf, Weigher, weighStep, type WeighState } from "../../lib/stream/weigher";
import { declaration } from "./declaration";

export = defineNode(declaration, (node) => {
  const { settings } = node;
  const fields = settings.weighed.map(({ field, error }) => ({ path: field, ...(error !== undefined && { error }) }));
  const keyOf = compileKey(settings.key, "Key");
  const lane = laneOf(settings.lanes.map(({ lane: name, from }) => ({ name, from })));
  const options = { ...settings, fields };
  const weigher = settings.stateKept === "memory" ? new Weigher(options) : undefined;
  const state = weigher
    ? undefined
    : openState<WeighState, number>(node, settings, formatOf(options), weighStep(options));

  let warned = false;
  const show = paced(() => {
    const [keys, full] = weigher ? [weigher.keys, weigher.evicted > 0] : [state?.keys ?? 0, state?.full ?? false];
    if (!full) return node.status("weighing", "green", keys);
    node.status("full", "yellow");
    if (!warned)
      node.warn(
        `Keys: ${settings.keys} keys are remembered, as many as it may be; each further one takes the place of the least recently used, which begins at priority 0 when it comes again`,
      );
    warned = true;
  });
  if (state) whenRestored(state, show);

  /** The record's priority: its own, else the weight of its change. Its values are the key's previous ones from now on. */
  function priorityOf(record: StreamRecord): number {
    const key = keyOf(record);
    const weight = weigher
      ? weigher.weigh(key, millisecondsOf(record.timestamp), record.payload)
      : (state?.take(key, record) ?? 0);
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
        if (shared) out = extended(record, { priority });
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
    try {
      const records = batchOf(message);
      if (records) receiveBatch(message, records);
      else receiveOne(message);
    } finally {
      show();
    }
  }

  return {
    receive: (message) => (state ? throughState(node, state, message, () => weigh(message)) : weigh(message)),
    async close() {
      show.stop();
      await state?.close();
    },
  };
});

/** States of other fields or other weights are no states of these. */
const formatOf = ({ fields, threshold, step, combine, zeroWeight }: WeightOptions): string =>
  `priority weigher 1 ${JSON.stringify([fields, threshold, step, combine, zeroWeight])}`;
