/** The steps of random flows: a few core nodes each, and where they send a record on. */
import type { FlowNode } from "../harness";
import { delay, fn, join, split, switchOn } from "./builders";
import type { Random } from "./random-flow";

/** Where a step sends a record on. */
export type Route = (record: number, topic: string) => readonly string[];

export interface Step {
  readonly nodes: FlowNode[];
  readonly route: Route;
  /** Puts several records into one message, so that no later step may route by record. */
  readonly mixes?: boolean;
}

export type Kind = (id: string, targets: string[], more: string[], pick: Random) => Step;

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
export const KINDS: Record<string, Kind> = {
  function: func("msg.more = 1; return msg;"),
  async: func(`${wait} return msg;`),
  new: func("return { payload: msg.payload, topic: msg.topic, record: msg.record };"),
  "new async": func(`const { payload, topic, record } = msg; ${wait} return { payload, topic, record };`),
  "send and done": func("setTimeout(() => { node.send(msg); node.done(); }, Math.random() * 4);"),
  twice: func("node.send(msg); return { ...msg };"),
  "the same twice": func("node.send(msg); return msg;"),
  "many at once": func("return [[msg, { ...msg }, msg]];"),
  "two outputs": (id, targets, more) => ({
    nodes: [fn(id, "return [msg, msg];", [targets, more])],
    route: always(targets, more),
  }),
  "late second": func(`node.send(msg); ${wait} return { ...msg, late: 1 };`),
  "flaky async": func(`${wait} if (Math.random() < 0.05) throw new Error("flaky"); return msg;`),
  "fails after sending": func("node.send(msg); if (Math.random() < 0.05) node.error('afterwards', msg);"),
  filter: simple((id, targets) => ({
    id,
    type: "rbe",
    func: "rbe",
    gap: "",
    start: "",
    inout: "out",
    septopics: true,
    property: "payload",
    topi: "topic",
    wires: [targets],
  })),
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
  forgets: simple((id, targets) => ({ id, type: "test-forgets", wires: [targets] })),
  "one object twice": simple((id, targets) => ({ id, type: "test-twins", wires: [targets] })),
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
  "split, sort and join": (id, targets) => ({
    nodes: [
      fn(id, "msg.payload = [msg.payload, msg.payload, msg.payload]; return msg;", [[`${id}s`]]),
      { ...split, id: `${id}s`, wires: [[`${id}o`]] },
      { id: `${id}o`, type: "sort", order: "ascending", targetType: "seq", seqKey: "payload", wires: [[`${id}w`]] },
      { ...switchOn([{ t: "else" }], [[`${id}j`]], { repair: true }), id: `${id}w` },
      { ...join({ mode: "auto" }), id: `${id}j`, wires: [targets] },
    ],
    route: always(targets),
  }),
  "a switch that waits for sequences": (id, targets) => ({
    nodes: [
      fn(id, "msg.payload = [msg.payload, msg.payload, msg.payload]; return msg;", [[`${id}s`]]),
      { ...split, id: `${id}s`, wires: [[`${id}d`]] },
      { ...delay({ pauseType: "random", randomLast: "6" }, [[`${id}w`]]), id: `${id}d` },
      { ...switchOn([{ t: "else" }], [[`${id}j`]], { repair: true }), id: `${id}w` },
      { ...join({ mode: "auto" }), id: `${id}j`, wires: [targets] },
    ],
    route: always(targets),
  }),
  "split and reduce": (id, targets) => ({
    nodes: [
      fn(id, "msg.payload = [msg.payload, msg.payload]; return msg;", [[`${id}s`]]),
      { ...split, id: `${id}s`, wires: [[`${id}j`]] },
      {
        ...join({ mode: "reduce", reduceExp: "$append($A, [payload])", reduceInit: "[]", reduceInitType: "json" }),
        id: `${id}j`,
        wires: [targets],
      },
    ],
    route: always(targets),
    mixes: true,
  }),
  "link call, flaky": (id, targets) => ({
    nodes: [
      { id, type: "link call", links: [`${id}in`], linkType: "static", timeout: "30", wires: [targets] },
      { id: `${id}in`, type: "link in", links: [], wires: [[`${id}f`]] },
      { id: `${id}f`, type: "test-flaky", wires: [[`${id}out`]] },
      { id: `${id}out`, type: "link out", mode: "return", links: [] },
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

/** A function that reports an error for every third record, and a Catch node for it. */
const caught =
  (code: string): Kind =>
  (id, targets, more) => ({
    nodes: [fn(id, code, [targets]), { id: `${id}c`, type: "catch", scope: [id], uncaught: false, wires: [more] }],
    route: (record) => (record % 3 === 0 ? more : targets),
  });

/** Steps that route by record or topic: only before records are mixed. */
export const ROUTING: Record<string, Kind> = {
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
  "caught by a Catch node that leads nowhere": (id, targets) => ({
    nodes: [
      fn(id, "if (msg.record % 3 === 0) throw new Error('caught'); return msg;", [targets]),
      { id: `${id}c`, type: "catch", scope: [id], uncaught: false, wires: [[]] },
    ],
    route: (record) => (record % 3 === 0 ? [] : targets),
  }),
  caught: caught("if (msg.record % 3 === 0) throw new Error('caught'); return msg;"),
  "caught async": caught(`${wait} if (msg.record % 3 === 0) throw new Error('caught'); return msg;`),
  "caught, then done": caught("if (msg.record % 3 === 0) return void node.error('caught', msg); return msg;"),
  "caught in a subflow": (id, targets, more) => ({
    nodes: [
      {
        id: `${id}s`,
        type: "subflow",
        name: id,
        in: [{ wires: [{ id: `${id}f` }] }],
        out: [{ wires: [{ id: `${id}f`, port: 0 }] }, { wires: [{ id: `${id}c`, port: 0 }] }],
      },
      { ...fn(`${id}f`, "if (msg.record % 3 === 0) throw new Error('caught'); return msg;", [[]]), z: `${id}s` },
      { id: `${id}c`, type: "catch", scope: null, uncaught: false, wires: [[]], z: `${id}s` },
      { id, type: `subflow:${id}s`, wires: [targets, more] },
    ],
    route: (record) => (record % 3 === 0 ? more : targets),
  }),
};
