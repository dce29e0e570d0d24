/** Flows through every core node that the guarantee covers. */
import { change, delay, fn, sink, type Case } from "./builders";
import { adapted } from "./adapted-cases";
import { sequences } from "./sequence-cases";

export const cases = (address: string): Case[] => [
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
  ...sequences,
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
  ...adapted,
];
