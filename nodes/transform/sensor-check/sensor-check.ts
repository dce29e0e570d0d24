import { batchOf } from "../../lib/batch";
import { extended } from "../../lib/extended";
import { isObject, type StreamRecord } from "../../lib/stream/record";
import { checker, sentence } from "../../lib/stream/check";
import type { Checked } from "../../lib/stream/check";
import type { Message } from "../../lib/delivery/contract";
import { BatchFailure, Rejected } from "../../lib/errors";
import { defineNode } from "../../lib/node";
import { paced } from "../../lib/paced";
import { declaration } from "./declaration";
import { metricOf } from "./metric-of";

const GOOD = 0;
const REFUSED = 1;

export = defineNode(declaration, (node) => {
  const metric = metricOf(node.settings);
  const check = checker(metric, node.settings);
  const wires = (node.node as { wires?: readonly (readonly string[])[] } | undefined)?.wires ?? [];
  /** Without a wire, what is refused fails at its source (and becomes a dead letter) instead of vanishing. */
  const refusedIsWired = (wires[REFUSED]?.length ?? 0) > 0;
  let good = 0;
  let refused = 0;

  const error = (checked: Checked, record: StreamRecord) => ({
    message: sentence(checked.reasons),
    name: "Rejected",
    node: { id: node.id, type: node.type, name: node.name },
    ...(record.source !== undefined && { source: record.source }),
  });
  const why = ({ reasons, flags }: Checked) => ({ metric: metric.name, ok: reasons.length === 0, reasons, flags });

  /** What changes in a good record: nothing for most. */
  const changes = (record: StreamRecord, checked: Checked): StreamRecord | undefined => {
    const timeless = checked.time !== undefined && record.timestamp === undefined;
    if (checked.payload === record.payload && checked.flags.length === 0 && !timeless) return undefined;
    return {
      payload: checked.payload,
      ...(timeless && { timestamp: checked.time }),
      ...(checked.flags.length > 0 && { check: why(checked) }),
    };
  };

  const show = paced(() => {
    if (refused === 0) node.status("checking", "green", good);
    else node.status("refusing", "yellow", `${refused} / ${good + refused}`);
  });

  function receiveOne(message: Message): void {
    const checked = check(message.payload);
    if (checked.reasons.length === 0) {
      good++;
      show();
      node.send(Object.assign(message, changes(message, checked)));
      return;
    }
    refused++;
    show();
    if (!refusedIsWired) throw new Rejected(sentence(checked.reasons));
    node.send(Object.assign(message, { check: why(checked), error: error(checked, message) }), { port: REFUSED });
  }

  function receiveBatch(message: Message, records: readonly StreamRecord[]): void {
    const kept: StreamRecord[] = [];
    const bad: StreamRecord[] = [];
    const failed: { index: number; error: Error }[] = [];
    records.forEach((element, index) => {
      // An element need not be an object: then it is a record without a payload, and refused as such.
      const record: StreamRecord = isObject(element) ? element : {};
      const checked = check(record.payload);
      if (checked.reasons.length === 0) {
        const changed = changes(record, checked);
        kept.push(changed ? extended(record, changed) : record);
      } else if (refusedIsWired) bad.push(extended(record, { check: why(checked), error: error(checked, record) }));
      else failed.push({ index, error: new Rejected(sentence(checked.reasons)) });
    });
    good += kept.length;
    refused += records.length - kept.length;
    show();
    if (kept.length > 0) node.send({ ...message, payload: kept }, { port: GOOD });
    if (bad.length > 0) node.send({ ...message, payload: bad }, { port: REFUSED });
    if (failed.length > 0)
      throw new BatchFailure(
        `${failed.length} of ${records.length} records were refused: ${failed[0]?.error.message}`,
        failed,
      );
  }

  return {
    receive(message) {
      const records = batchOf(message);
      if (records) receiveBatch(message, records);
      else receiveOne(message);
    },
    close: show.stop,
  };
});
