/** A random flow of core nodes from a seed, and which sinks each record must have reached when it is acknowledged. */
import type { FlowNode } from "../harness";
import { KINDS, ROUTING, type Kind, type Route } from "./random-steps";

export type Random = () => number;

/** mulberry32: small, fast, the same everywhere. */
export const random = (seed: number): Random => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

export const TOPICS = ["a", "b", "c"] as const;

export interface RandomFlow {
  readonly nodes: FlowNode[];
  /** Kinds in the order of the flow, for the failure's text. */
  readonly description: string;
  /** Ids of the sources, and the steps to which they are wired. */
  readonly sources: ReadonlyMap<string, string>;
  /** The sinks that a record of this topic leads to from a step on. */
  sinks(record: number, topic: string, from: string): Set<string>;
}

/**
 * A flow of 2 to 9 steps from node `a` on; every path ends in a sink `k0` … `k2`. Every third flow has a second source,
 * wired to any step.
 */
export const randomFlow = (seed: number): RandomFlow => {
  const pick = random(seed);
  const below = (limit: number): number => Math.floor(pick() * limit);
  const size = 2 + below(8);
  const idOf = (index: number): string => (index === 0 ? "a" : `n${index}`);
  const sinks = ["k0", "k1", "k2"];
  const nodes: FlowNode[] = sinks.map((id) => ({ id, type: "test-sink" }));
  const routes = new Map<string, Route>();
  const mixed = new Set<string>();
  const kinds: string[] = [];
  for (let index = 0; index < size; index += 1) {
    const id = idOf(index);
    const later = (): string => {
      const target = index + 1 + below(Math.max(1, Math.min(3, size - index)));
      return target < size ? idOf(target) : (sinks[below(sinks.length)] as string);
    };
    const some = (): string[] => [...new Set(Array.from({ length: 1 + (pick() < 0.35 ? 1 : 0) }, later))];
    const targets = some();
    const more = some();
    const possible = Object.keys(mixed.has(id) ? KINDS : { ...KINDS, ...ROUTING, switch2: 0 }).map((name) =>
      name === "switch2" ? "switch" : name,
    );
    const name = possible[below(possible.length)] as string;
    const step = ((KINDS[name] ?? ROUTING[name]) as Kind)(id, targets, more, pick);
    nodes.push(...step.nodes);
    routes.set(id, step.route);
    kinds.push(`${id}:${name}→${targets.join("+")}`);
    if (step.mixes || mixed.has(id)) for (const target of [...targets, ...more]) mixed.add(target);
  }
  const sources = new Map([["s", "a"]]);
  if (pick() < 0.33) sources.set("s2", idOf(below(size)));
  for (const [id, to] of sources) nodes.push({ id, type: "test-source", drain: pick() < 0.5 ? 0 : 20, wires: [[to]] });
  return {
    nodes,
    description: [...kinds, ...[...sources].map(([id, to]) => `${id}→${to}`)].join(" "),
    sources,
    sinks(record, topic, from) {
      const reached = new Set<string>();
      const seen = new Set<string>();
      const ahead = [from];
      for (let id = ahead.pop(); id !== undefined; id = ahead.pop()) {
        if (seen.has(id)) continue;
        seen.add(id);
        const route = routes.get(id);
        if (route === undefined) reached.add(id);
        else ahead.push(...route(record, topic));
      }
      return reached;
    },
  };
};
