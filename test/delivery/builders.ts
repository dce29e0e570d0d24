/** Short forms of core nodes' settings, as the editor would save them. */
import type { FlowNode } from "../harness";

export interface Case {
  readonly name: string;
  /** Between the source `s`, wired to `a`, and sinks, of which `k` must get every record. */
  readonly nodes: readonly FlowNode[];
  readonly payload?: (id: number) => unknown;
  readonly extra?: object;
  /** Messages that reach `k` for `records` records; by default one each. */
  readonly expected?: (records: number) => number;
  readonly records?: number;
}

export const sink = (id = "k"): FlowNode => ({ id, type: "test-sink" });
export const fn = (id: string, func: string, wires: string[][], more: object = {}): FlowNode => ({
  id,
  type: "function",
  func,
  outputs: wires.length,
  wires,
  ...more,
});
export const delay = (settings: object, wires: string[][] = [["k"]]): FlowNode => ({
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
export const split: FlowNode = {
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
export const join = (settings: object): FlowNode => ({
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
export const change = (rules: object[], wires: string[][] = [["k"]]): FlowNode => ({
  id: "a",
  type: "change",
  rules,
  wires,
});
export const switchOn = (rules: object[], wires: string[][], more: object = {}): FlowNode => ({
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
export const three = (id: number): number[] => [id, id, id];
