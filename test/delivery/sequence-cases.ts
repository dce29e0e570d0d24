/** Flows through the core nodes that take messages apart and put them together. */
import { delay, fn, join, sink, split, three, type Case } from "./builders";

export const sequences: readonly Case[] = [
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
];
