import type { NodeAPI } from "node-red";

interface Registry<T> {
  readonly nodes: Map<string, T>;
  readonly served: WeakSet<object>;
}

/**
 * Gives the editor's view what a node has; call the result when the node closes. There is one registry of a kind for the process, and
 * nodes are looked up in it when they are asked for: Node-RED can't remove a route.
 *
 * @param kind names the view
 * @param route adds the view's routes, once for each runtime
 */
export function serveNode<T>(
  RED: NodeAPI,
  kind: string,
  id: string,
  served: T,
  route: (RED: NodeAPI, nodes: ReadonlyMap<string, T>) => void,
): () => void {
  const holder = globalThis as unknown as Record<symbol, Registry<T> | undefined>;
  const registry = (holder[Symbol.for(`citystream.${kind}`)] ??= { nodes: new Map(), served: new WeakSet() });
  registry.nodes.set(id, served);
  if (!registry.served.has(RED.httpAdmin)) {
    registry.served.add(RED.httpAdmin);
    route(RED, registry.nodes);
  }
  return () => {
    if (registry.nodes.get(id) === served) registry.nodes.delete(id);
  };
}
