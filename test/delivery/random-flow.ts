/** A random flow of core nodes from a seed, and which sinks each record must have reached when it is acknowledged. */
import type { FlowNode } from "../harness";
import { delay, fn, join, split, switchOn } from "./builders";

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
  /** The sinks that a record of this topic leads to. */
  sinks(record: number, topic: string): Set<string>;
}

/** Where a step sends a record on. */
type Route = (record: number, topic: string) => readonly string[];

interface Step {
  readonly nodes: FlowNode[];
  readonly route: Route;
  /** Puts several records into one message, so that no later step may route by record. */
  readonly mixes?: boolean;
}

type Kind = (id: string, targets: string[], more: string[], pick: Random) => Step;

const always =
  (...targets: readonly string[][]): Route =>
  () =>
    targets.flat();
const simple =
  (make: (id: string, targets: string[]) => FlowNode): Kind =>
  (id, targets) => ({ nodes: [make(id, targets)], route: always(targets) });
const func = (code: string): Kind => simple((id, targets) => fn(id, code, [targets]));
const wait = "await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));";

/** Steps that treat every message alike. */
const KINDS: Record<string, Kind> = {
  function: func("msg.more = 1; return msg;"),
  async: func(`${wait} return msg;`),
  new: func("return { payload: msg.payload, topic: msg.topic, record: msg.record };"),
  "new async": func(`const { payload, topic, record } = msg; ${wait} return { payload, topic, record };`),
  "send and done": func("setTimeout(() => { node.send(msg); node.done(); }, Math.random() * 4);"),
  twice: func("node.send(msg); return { ...msg };"),
  change: simple((id, targets) => ({
    id,
    type: "change",
    rules: [{ t: "set", p: "m", pt: "msg", to: "1", tot: "num" }],
    wires: [targets],
  })),
  template: simple((id, targets) => ({
    id,
    type: "template",
    field: "text",
    fieldType: "msg",
    format: "handlebars",
    syntax: "mustache",
    template: "{{topic}}",
    output: "str",
    wires: [targets],
  })),
  delay: simple((id, targets) => ({ ...delay({ timeout: "3" }, [targets]), id })),
  "random delay": simple((id, targets) => ({ ...delay({ pauseType: "random", randomLast: "6" }, [targets]), id })),
  rate: simple((id, targets) => ({ ...delay({ pauseType: "rate", rate: "2000" }, [targets]), id })),
  junction: simple((id, targets) => ({ id, type: "junction", wires: [targets] })),
  "one argument": simple((id, targets) => ({ id, type: "test-one-argument", passes: "now", wires: [targets] })),
  "switch else": simple((id, targets) => ({ ...switchOn([{ t: "else" }], [targets]), id })),
  flaky: simple((id, targets) => ({ id, type: "test-flaky", wires: [targets] })),
  link: (id, targets) => ({
    nodes: [
      { id, type: "link out", mode: "link", links: [`${id}in`] },
      { id: `${id}in`, type: "link in", links: [id], wires: [targets] },
    ],
    route: always(targets),
  }),
  "link call": (id, targets) => ({
    nodes: [
      { id, type: "link call", links: [`${id}in`], linkType: "static", timeout: "30", wires: [targets] },
      { id: `${id}in`, type: "link in", links: [], wires: [[`${id}f`]] },
      fn(`${id}f`, `${wait} return msg;`, [[`${id}out`]]),
      { id: `${id}out`, type: "link out", mode: "return", links: [] },
    ],
    route: always(targets),
  }),
  subflow: (id, targets) => ({
    nodes: [
      {
        id: `${id}s`,
        type: "subflow",
        name: id,
        in: [{ wires: [{ id: `${id}f` }] }],
        out: [{ wires: [{ id: `${id}f`, port: 0 }] }],
      },
      { ...fn(`${id}f`, `${wait} return msg;`, [[]]), z: `${id}s` },
      { id, type: `subflow:${id}s`, wires: [targets] },
    ],
    route: always(targets),
  }),
  "split and join": (id, targets) => ({
    nodes: [
      fn(id, "msg.payload = [msg.payload, msg.payload, msg.payload]; return msg;", [[`${id}s`]]),
      { ...split, id: `${id}s`, wires: [[`${id}d`]] },
      { ...delay({ pauseType: "random", randomLast: "3" }, [[`${id}j`]]), id: `${id}d` },
      { ...join({ mode: "auto" }), id: `${id}j`, wires: [targets] },
    ],
    route: always(targets),
  }),
  loop: (id, targets) => ({
    nodes: [
      fn(
        id,
        "msg.rounds = (msg.rounds ?? 0) + 1; const on = msg.rounds > 3; if (on) delete msg.rounds; return on ? [null, msg] : [msg, null];",
        [[`${id}d`], targets],
      ),
      { ...delay({ timeout: "1" }, [[id]]), id: `${id}d` },
    ],
    route: always(targets),
  }),
  complete: (id, targets, more) => ({
    nodes: [
      fn(id, "return msg;", [targets]),
      { id: `${id}c`, type: "complete", scope: [id], uncaught: false, wires: [more] },
    ],
    route: always(targets, more),
  }),
  batch: (id, targets) => ({
    nodes: [
      {
        id,
        type: "batch",
        mode: "interval",
        count: 3,
        overlap: 0,
        interval: 0.01,
        allowEmptySequence: false,
        topics: [],
        wires: [targets],
      },
    ],
    route: always(targets),
  }),
  join: (id, targets, _more, pick) => ({
    nodes: [{ ...join({ count: String(2 + Math.floor(pick() * 5)), timeout: "0.02" }), id, wires: [targets] }],
    route: always(targets),
    mixes: true,
  }),
};

/** Steps that route by record or topic: only before records are mixed. */
const ROUTING: Record<string, Kind> = {
  switch: (id, targets, more) => ({
    nodes: [
      {
        ...switchOn(
          [{ t: "eq", v: "a", vt: "str" }, { t: "neq", v: "c", vt: "str" }, { t: "else" }],
          [targets, more, targets],
          { property: "topic" },
        ),
        id,
      },
    ],
    route: (_record, topic) => (topic === "a" ? [...targets, ...more] : topic === "b" ? more : targets),
  }),
  caught: (id, targets, more) => ({
    nodes: [
      fn(id, "if (msg.record % 3 === 0) throw new Error('caught'); return msg;", [targets]),
      { id: `${id}c`, type: "catch", scope: [id], uncaught: false, wires: [more] },
    ],
    route: (record) => (record % 3 === 0 ? more : targets),
  }),
};

/** A flow of 2 to 9 steps from node `a` on; every path ends in a sink `k0` … `k2`. */
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
  return {
    nodes,
    description: kinds.join(" "),
    sinks(record, topic) {
      const reached = new Set<string>();
      const seen = new Set<string>();
      const ahead = ["a"];
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
