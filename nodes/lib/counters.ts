/** What each node of this process has done so far, for dashboards, the counters node and the line of `npm start`. */
import type { NodeAPI } from "node-red";
import type { NodeRef } from "./delivery/contract";

/** Counts since the process started, kept over deploys; all in records. */
export interface NodeCounts {
  readonly id: string;
  readonly type: string;
  name: string;
  /** Came in through the node's input. */
  received: number;
  /** Finished by the node: for a sink, durable. */
  finished: number;
  /** Failed in the node; a record that is tried again and fails again counts each time. */
  failed: number;
  /** Sources: emitted, the first time only. */
  emitted: number;
  /** Sources: acknowledged, because every branch finished. */
  acknowledged: number;
  /** Sources: given up and stored as dead letters. */
  deadLettered: number;
}

/** One registry for the process, also when two copies of the pack are installed. */
const COUNTERS = Symbol.for("citystream.counters");

interface Registry {
  readonly nodes: Map<string, NodeCounts>;
  readonly served: WeakSet<object>;
}

const registry = (): Registry => {
  const holder = globalThis as unknown as Record<symbol, Registry | undefined>;
  return (holder[COUNTERS] ??= { nodes: new Map(), served: new WeakSet() });
};

/** The counts of a node, to be increased in place. */
export function countsOf(node: NodeRef): NodeCounts {
  const { nodes } = registry();
  const name = node.name ?? "";
  const known = nodes.get(node.id);
  if (known?.type === node.type) {
    known.name = name;
    return known;
  }
  const counts: NodeCounts = {
    id: node.id,
    type: node.type,
    name,
    received: 0,
    finished: 0,
    failed: 0,
    emitted: 0,
    acknowledged: 0,
    deadLettered: 0,
  };
  nodes.set(node.id, counts);
  return counts;
}

/** Forgets a node that was deleted. */
export const forgetCounts = (id: string): void => void registry().nodes.delete(id);

/** A copy of all counts, in the order in which nodes appeared. */
export const allCounts = (): NodeCounts[] => [...registry().nodes.values()].map((counts) => ({ ...counts }));

/** Serves `GET /citystream/counts` to those who may read flows. */
export function serveCounts(RED: NodeAPI): void {
  const { served } = registry();
  if (served.has(RED.httpAdmin)) return;
  served.add(RED.httpAdmin);
  RED.httpAdmin.get(
    "/citystream/counts",
    RED.auth.needsPermission("citystream.read"),
    (_request: unknown, response: { json(body: unknown): void }) => response.json({ nodes: allCounts() }),
  );
}
