/** Flows around the test source, and sinks that watch for acknowledgements which come too early. */
import type { Message } from "../../nodes/lib/delivery/contract";
import type { FlowNode } from "../harness";
import { laboratory } from "./nodes";

/** One tab: the source `s` wired to `a`, and these nodes. */
export const flowOf = (nodes: readonly FlowNode[]): FlowNode[] => [
  { id: "t", type: "tab", label: "t" },
  ...[...(nodes.some(({ id }) => id === "s") ? [] : [{ id: "s", type: "test-source", wires: [["a"]] }]), ...nodes].map(
    (node) => (node.type === "subflow" ? node : { z: "t", wires: [], x: 1, y: 1, ...node }),
  ),
];

/** The records that a message was made of: its own, and after a join those in its payload. */
export const recordsOf = ({ record, payload }: Message): unknown[] => [
  record,
  ...(Array.isArray(payload) ? payload : []),
];

/** Sinks finish after a random time. A record is acknowledged too early when a sink has it then, or gets it later. */
export const slowSinks = (): { readonly premature: unknown[] } => {
  const busy = new Map<unknown, number>();
  const finished = new Set<unknown>();
  const premature: unknown[] = [];
  laboratory.sink = (_id, message: Message, done) => {
    const records = recordsOf(message);
    premature.push(...records.filter((record) => finished.has(record)));
    for (const record of records) busy.set(record, (busy.get(record) ?? 0) + 1);
    setTimeout(() => {
      for (const record of records) busy.set(record, (busy.get(record) ?? 0) - 1);
      done();
    }, Math.random() * 15);
  };
  laboratory.onFinished = (record) => {
    finished.add(record);
    if ((busy.get(record) ?? 0) > 0) premature.push(record);
  };
  return { premature };
};
