/**
 * Every core node that the guarantee covers, in a real Node-RED: records behind it are acknowledged, none before its
 * last branch has finished, and nothing is left in the ledger.
 */
import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { Message } from "../../nodes/lib/delivery/contract";
import { until, type FlowNode, type Harness } from "../harness";
import { laboratory, runtimeWithTestNodes } from "./nodes";

interface Case {
  readonly name: string;
  /** Between the source `s`, wired to `a`, and sinks, of which `k` must get every record. */
  readonly nodes: readonly FlowNode[];
  readonly payload?: (id: number) => unknown;
  readonly extra?: object;
  /** Messages that reach `k` for `records` records; by default one each. */
  readonly expected?: (records: number) => number;
  readonly records?: number;
}

const RECORDS = 60;
const sink = (id = "k"): FlowNode => ({ id, type: "test-sink" });
const fn = (id: string, func: string, wires: string[][], more: object = {}): FlowNode => ({
  id,
  type: "function",
  func,
  outputs: wires.length,
  wires,
  ...more,
});
const delay = (settings: object, wires: string[][] = [["k"]]): FlowNode => ({
  id: "a",
  type: "delay",
  pauseType: "delay",
  timeout: "5",
  timeoutUnits: "milliseconds",
  rate: "1",
  nbRateUnits: "1",
  rateUnits: "second",
  randomFirst: "1",
  randomLast: "10",
  randomUnits: "milliseconds",
  drop: false,
  allowrate: false,
  outputs: 1,
  wires,
  ...settings,
});
const split: FlowNode = {
  id: "a",
  type: "split",
  splt: "\\n",
  spltType: "str",
  arraySplt: 1,
  arraySpltType: "len",
  stream: false,
  addname: "",
  wires: [["k"]],
};
const join = (settings: object): FlowNode => ({
  id: "j",
  type: "join",
  mode: "custom",
  build: "array",
  property: "payload",
  propertyType: "msg",
  key: "topic",
  joiner: "\\n",
  joinerType: "str",
  useparts: false,
  accumulate: false,
  timeout: "",
  count: "",
  reduceRight: false,
  wires: [["k"]],
  ...settings,
});
const change = (rules: object[], wires: string[][] = [["k"]]): FlowNode => ({ id: "a", type: "change", rules, wires });
const switchOn = (rules: object[], wires: string[][], more: object = {}): FlowNode => ({
  id: "a",
  type: "switch",
  property: "payload",
  propertyType: "msg",
  rules,
  checkall: "true",
  repair: false,
  outputs: rules.length,
  wires,
  ...more,
});
const three = (id: number): number[] => [id, id, id];

const cases = (address: string): Case[] => [
  { name: "function, synchronous", nodes: [fn("a", "msg.payload += 1; return msg;", [["k"]]), sink()] },
  {
    name: "function, asynchronous",
    nodes: [fn("a", "await new Promise((r) => setTimeout(r, Math.random() * 10)); return msg;", [["k"]]), sink()],
  },
  {
    name: "function, new object",
    nodes: [fn("a", "return { payload: msg.payload, record: msg.record };", [["k"]]), sink()],
  },
  {
    name: "function, new object after waiting",
    nodes: [
      fn(
        "a",
        "const { payload, record } = msg; await new Promise((r) => setTimeout(r, Math.random() * 10)); return { payload, record };",
        [["k"]],
      ),
      sink(),
    ],
  },
  {
    name: "function, several outputs and several messages",
    nodes: [fn("a", "return [[msg, { ...msg }], { payload: 1 }, null];", [["k"], ["k2"], ["k2"]]), sink(), sink("k2")],
    expected: (records) => 2 * records,
  },
  {
    name: "function that returns null",
    nodes: [fn("a", "return msg.payload % 2 ? null : msg;", [["k"]]), sink()],
    expected: (n) => n / 2,
  },
  {
    name: "function with node.send and node.done",
    nodes: [fn("a", "setTimeout(() => { node.send(msg); node.send({ ...msg }); node.done(); }, 5);", [["k"]]), sink()],
    expected: (records) => 2 * records,
  },
  { name: "change", nodes: [change([{ t: "set", p: "more", pt: "msg", to: "1", tot: "num" }]), sink()] },
  { name: "change that deletes the message id", nodes: [change([{ t: "delete", p: "_msgid", pt: "msg" }]), sink()] },
  {
    name: "range",
    nodes: [
      {
        id: "a",
        type: "range",
        minin: "0",
        maxin: "10",
        minout: "0",
        maxout: "100",
        action: "scale",
        round: false,
        property: "payload",
        wires: [["k"]],
      },
      sink(),
    ],
  },
  {
    name: "template",
    nodes: [
      {
        id: "a",
        type: "template",
        field: "payload",
        fieldType: "msg",
        format: "handlebars",
        syntax: "mustache",
        template: "{{payload}}",
        output: "str",
        wires: [["k"]],
      },
      sink(),
    ],
  },
  { name: "delay, fixed", nodes: [delay({}), sink()] },
  { name: "delay, random", nodes: [delay({ pauseType: "random" }), sink()] },
  { name: "delay, rate", nodes: [delay({ pauseType: "rate", rate: "1000" }), sink()] },
  {
    name: "delay, rate, dropping",
    nodes: [delay({ pauseType: "rate", rate: "100", drop: true }), sink()],
    expected: () => 1,
  },
  { name: "split", nodes: [split, sink()], payload: three, expected: (n) => 3 * n },
  {
    name: "split and join, automatic",
    nodes: [{ ...split, wires: [["j"]] }, join({ mode: "auto" }), sink()],
    payload: three,
  },
  {
    name: "split, delay and join",
    nodes: [
      { ...split, wires: [["d"]] },
      { ...delay({ pauseType: "random" }), id: "d", wires: [["j"]] },
      join({ mode: "auto" }),
      sink(),
    ],
    payload: three,
  },
  {
    name: "join by count",
    nodes: [fn("a", "return msg;", [["j"]]), join({ count: "4" }), sink()],
    expected: (n) => n / 4,
  },
  {
    name: "join by count to two branches",
    nodes: [fn("a", "return msg;", [["j"]]), join({ count: "4", wires: [["k", "k2"]] }), sink(), sink("k2")],
    expected: (n) => n / 4,
  },
  {
    name: "join by time",
    nodes: [fn("a", "return msg;", [["j"]]), join({ timeout: "0.05" }), sink()],
    expected: () => 1,
  },
  {
    name: "join that reduces",
    nodes: [
      { ...split, wires: [["j"]] },
      join({ mode: "reduce", reduceExp: "$A+payload", reduceInit: "0", reduceInitType: "num", reduceFixup: "" }),
      sink(),
    ],
    payload: three,
  },
  {
    name: "batch by count",
    nodes: [
      {
        id: "a",
        type: "batch",
        mode: "count",
        count: 4,
        overlap: 0,
        interval: 10,
        allowEmptySequence: false,
        topics: [],
        wires: [["k"]],
      },
      sink(),
    ],
  },
  {
    name: "batch by count, then join",
    nodes: [
      { id: "a", type: "batch", mode: "count", count: 4, overlap: 0, interval: 10, topics: [], wires: [["j"]] },
      join({ mode: "custom", count: "", useparts: true }),
      sink(),
    ],
    expected: (n) => n / 4,
  },
  {
    name: "batch by time",
    nodes: [
      { id: "a", type: "batch", mode: "interval", count: 4, overlap: 0, interval: 0.05, topics: [], wires: [["k"]] },
      sink(),
    ],
  },
  {
    name: "sort of a sequence",
    nodes: [
      { ...split, wires: [["o"]] },
      {
        id: "o",
        type: "sort",
        order: "descending",
        as_num: false,
        target: "payload",
        targetType: "seq",
        msgKey: "payload",
        msgKeyType: "elem",
        seqKey: "payload",
        seqKeyType: "msg",
        wires: [["k"]],
      },
      sink(),
    ],
    payload: (id) => [id, id + 1],
    expected: (n) => 2 * n,
  },
  {
    name: "link out and link in",
    nodes: [
      { id: "a", type: "link out", mode: "link", links: ["li"] },
      { id: "li", type: "link in", links: ["a"], wires: [["k"]] },
      sink(),
    ],
  },
  {
    name: "link call",
    nodes: [
      { id: "a", type: "link call", links: ["li"], linkType: "static", timeout: "30", wires: [["k"]] },
      { id: "li", type: "link in", links: [], wires: [["f"]] },
      fn("f", "await new Promise((r) => setTimeout(r, Math.random() * 10)); return msg;", [["lo"]]),
      { id: "lo", type: "link out", mode: "return", links: [] },
      sink(),
    ],
  },
  { name: "junction", nodes: [{ id: "a", type: "junction", wires: [["k"]] }, sink()] },
  {
    name: "catch that handles an error",
    nodes: [
      fn("a", "throw new Error('no');", [["k2"]]),
      { id: "c", type: "catch", scope: ["a"], uncaught: false, wires: [["k"]] },
      sink(),
      sink("k2"),
    ],
  },
  {
    name: "complete",
    nodes: [
      fn("a", "return null;", [[]]),
      { id: "c", type: "complete", scope: ["a"], uncaught: false, wires: [["d"]] },
      { ...delay({}), id: "d" },
      sink(),
    ],
  },
  {
    name: "exec",
    nodes: [
      {
        id: "a",
        type: "exec",
        command: "echo",
        addpay: "payload",
        append: "",
        useSpawn: "false",
        timer: "",
        oldrc: false,
        wires: [["k"], [], []],
      },
      sink(),
    ],
    records: 6,
  },
  {
    name: "exec, spawned",
    nodes: [
      {
        id: "a",
        type: "exec",
        command: "echo",
        addpay: "payload",
        append: "",
        useSpawn: "true",
        timer: "",
        oldrc: false,
        wires: [[], [], ["k"]],
      },
      sink(),
    ],
    records: 6,
  },
  {
    name: "http request",
    nodes: [
      {
        id: "a",
        type: "http request",
        method: "GET",
        ret: "txt",
        paytoqs: "ignore",
        url: address,
        senderr: false,
        wires: [["k"]],
      },
      sink(),
    ],
    records: 12,
  },
  {
    name: "json",
    nodes: [{ id: "a", type: "json", property: "payload", action: "", pretty: false, wires: [["k"]] }, sink()],
    payload: (id) => `{"id":${id}}`,
  },
  {
    name: "csv",
    nodes: [
      {
        id: "a",
        type: "csv",
        spec: "rfc",
        sep: ",",
        hdrin: "",
        hdrout: "none",
        multi: "one",
        ret: "\\n",
        temp: "a,b",
        skip: "0",
        strings: true,
        wires: [["k"]],
      },
      sink(),
    ],
    payload: (id) => `${id},1`,
  },
  {
    name: "debug",
    nodes: [
      fn("a", "return msg;", [["k", "d"]]),
      {
        id: "d",
        type: "debug",
        active: true,
        tosidebar: false,
        console: false,
        tostatus: false,
        complete: "payload",
        targetType: "msg",
      },
      sink(),
    ],
  },
  {
    name: "a loop",
    nodes: [
      fn("a", "msg.rounds = (msg.rounds ?? 0) + 1; return msg.rounds < 5 ? [msg, null] : [null, msg];", [["d"], ["k"]]),
      { ...delay({ timeout: "2" }), id: "d", wires: [["a"]] },
      sink(),
    ],
  },
  {
    name: "fan-out",
    nodes: [
      fn("a", "return msg;", [["k", "f", "d"]]),
      fn("f", "return msg;", [["k2"]]),
      { ...delay({}), id: "d", wires: [["k2"]] },
      sink(),
      sink("k2"),
    ],
  },
  {
    name: "switch, some rules matching",
    nodes: [
      switchOn(
        [
          { t: "lt", v: "30", vt: "num" },
          { t: "gte", v: "50", vt: "num" },
        ],
        [["k"], ["k2"]],
      ),
      sink(),
      sink("k2"),
    ],
    expected: () => 30,
  },
  {
    name: "switch, no rule matching",
    nodes: [switchOn([{ t: "eq", v: "no", vt: "str" }], [["k"]]), sink()],
    expected: () => 0,
  },
  {
    name: "switch, unwired output",
    nodes: [switchOn([{ t: "else" }, { t: "eq", v: "no", vt: "str" }], [[], ["k"]]), sink()],
    expected: () => 0,
  },
  {
    name: "switch by a JSONata expression",
    nodes: [switchOn([{ t: "jsonata_exp", v: "payload > 29", vt: "jsonata" }], [["k"]]), sink()],
    expected: (n) => n / 2,
  },
  {
    name: "switch that repairs sequences",
    nodes: [
      { ...split, wires: [["w"]] },
      { ...switchOn([{ t: "gt", v: "0", vt: "num" }], [["k"]], { repair: true }), id: "w" },
      sink(),
    ],
    payload: (id) => [id, -1, 1],
    expected: (n) => 2 * n - 1,
  },
  {
    name: "switch on the tail of sequences",
    nodes: [
      { ...split, wires: [["w"]] },
      { ...switchOn([{ t: "tail", v: "1", vt: "num" }], [["k"]]), id: "w" },
      sink(),
    ],
    payload: three,
  },
  {
    name: "filter",
    nodes: [
      {
        id: "a",
        type: "rbe",
        func: "rbe",
        gap: "",
        start: "",
        inout: "out",
        septopics: true,
        property: "payload",
        topi: "topic",
        wires: [["k"]],
      },
      sink(),
    ],
    payload: (id) => Math.floor(id / 3),
    expected: (n) => n / 3,
  },
  {
    name: "subflow",
    nodes: [
      {
        id: "sub",
        type: "subflow",
        name: "sub",
        in: [{ wires: [{ id: "sf" }] }],
        out: [{ wires: [{ id: "sd", port: 0 }] }],
        z: "",
      },
      { ...fn("sf", "return msg;", [["sd"]]), z: "sub" },
      { ...delay({}, [[]]), id: "sd", z: "sub" },
      { id: "a", type: "subflow:sub", wires: [["k"]] },
      sink(),
    ],
  },
  {
    name: "subflow wired straight through",
    nodes: [
      {
        id: "sub",
        type: "subflow",
        name: "sub",
        in: [{ wires: [] }],
        out: [{ wires: [{ id: "sub", port: 0 }] }],
        z: "",
      },
      { id: "a", type: "subflow:sub", wires: [["k"]] },
      sink(),
    ],
  },
];

const flowOf = (nodes: readonly FlowNode[]): FlowNode[] => [
  { id: "t", type: "tab", label: "t" },
  ...[{ id: "s", type: "test-source", wires: [["a"]] }, ...nodes].map((node) =>
    node.type === "subflow" ? node : { z: "t", wires: [], x: 1, y: 1, ...node },
  ),
];

/** The records that a message was made of: its own, and after a join those in its payload. */
const recordsOf = ({ record, payload }: Message): unknown[] => [record, ...(Array.isArray(payload) ? payload : [])];

/** Sinks finish after a random time. A record is acknowledged too early when a sink has it then, or gets it later. */
const slowSinks = (): { readonly premature: unknown[] } => {
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

describe("core nodes under the delivery ledger", () => {
  let runtime: Harness;
  let server: http.Server;
  let all: Case[] = [];

  before(async () => {
    runtime = await runtimeWithTestNodes();
    server = http.createServer((_request, response) => response.end("answer"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    all = cases(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  });
  after(async () => {
    await runtime.deploy([]);
    laboratory.reset();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  for (const [index, { name }] of cases("").entries()) {
    it(`acknowledges behind ${name} when everything has finished, and nothing before`, async () => {
      const { nodes, payload, extra, expected, records = RECORDS } = all[index] as Case;
      laboratory.reset();
      await runtime.deploy(flowOf(nodes));
      const { premature } = slowSinks();
      const source = laboratory.source("s");
      assert.ok(source.running, "the source may send after flows have started");
      for (let id = 0; id < records; id += 1) source.deliver(id, payload, extra);
      await until(`${records} records finished`, () => source.outcomes.size === records, 8_000).catch(
        (error: Error) => {
          throw new Error(
            `${error.message}: ${source.outcomes.size} finished, ${JSON.stringify(laboratory.delivery?.report())}`,
          );
        },
      );
      assert.equal(
        source.count("delivered"),
        records,
        JSON.stringify([...source.outcomes.values()].find((one) => one.verdict !== "delivered")),
      );
      assert.equal(
        laboratory.at("k").length,
        expected === undefined ? records : expected(records),
        "messages at the sink",
      );
      assert.deepEqual(premature, []);
      const report = laboratory.delivery?.report();
      assert.deepEqual(report, { tokens: 0, lateSends: [], unverified: [] });
      assert.deepEqual(
        [...source.tries.values()].filter((tries) => tries !== 1),
        [],
        "no record was tried twice",
      );
    });
  }
});
