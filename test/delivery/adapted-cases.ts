/** Flows through the core nodes that can't call done: switch, filter, subflow. */
import { delay, fn, sink, split, switchOn, three, type Case } from "./builders";

export const adapted: readonly Case[] = [
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
