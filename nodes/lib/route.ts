/** Records of one message that take different outputs. */
import { batchOf, recordAt } from "./batch";
import type { FailedElement, Message } from "./delivery/contract";
import { asError, BatchFailure } from "./errors";
import type { NodeContext } from "./node-context";
import type { StreamRecord } from "./stream/record";

/** A record and the output it takes. */
export interface Routed {
  readonly record: StreamRecord;
  readonly port: number;
}

/**
 * Sends the records of a message by the outputs that `route` names: a single one as messages of their own, those of a
 * batch as one batch for each output. What `route` throws of an element fails that element alone.
 *
 * @param what a verb for the error of a batch, such as "judged"
 * @throws what `route` throws of a single record; BatchFailure
 */
export function sendRouted(
  node: Pick<NodeContext, "send">,
  message: Message,
  what: string,
  route: (record: StreamRecord) => readonly Routed[],
): void {
  const records = batchOf(message);
  if (!records) {
    for (const { record, port } of route(message)) node.send(record, { port });
    return;
  }
  const batches = new Map<number, StreamRecord[]>();
  const failed: FailedElement[] = [];
  records.forEach((element, index) => {
    try {
      for (const { record, port } of route(recordAt(index, element))) {
        const batch = batches.get(port);
        if (batch) batch.push(record);
        else batches.set(port, [record]);
      }
    } catch (error) {
      failed.push({ index, error: asError(error) });
    }
  });
  for (const [port, payload] of batches) node.send({ ...message, payload }, { port });
  const [first] = failed;
  if (first)
    throw new BatchFailure(
      `${failed.length} of ${records.length} records were not ${what}: ${first.error.message}`,
      failed,
    );
}
