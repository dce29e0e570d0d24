/** Nodes that keep nothing of a message: what came to nobody else is gone when they are done with it. */
import type { NodeAPI } from "node-red";
import type { RedNode } from "./delivery/red";

const all = new WeakSet<object>();

/** Says so of a node of ours. */
export const forgetful = (node: object): void => void all.add(node);

type Wired = Pick<RedNode, "id" | "wires">;

/** Whether what a node sends comes to one forgetful node, and from there to nobody. */
export function endsBelow(RED: NodeAPI, { wires = [] }: Wired): boolean {
  const [first, ...others] = wires.flat();
  if (first === undefined || others.length > 0) return false;
  const below = RED.nodes.getNode(first) as Wired | null;
  return !!below && all.has(below) && (below.wires ?? []).every((port) => port.length === 0);
}
