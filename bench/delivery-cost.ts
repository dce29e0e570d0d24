/**
 * What delivery tracking costs: CPU per message of a flow without any tracked source (hooks are not there), of the same
 * flow under the ledger, and of the same flow untracked beside a tracked source. All in one run, in turns, as ratios.
 *
 * `node dist/bench/delivery-cost.js [messages per round] [rounds]`
 */
import { spawnSync } from "node:child_process";
import { flowOf } from "../test/harness";
import { startRuntime, type FlowNode, type Runtime } from "../test/harness/runtime";
import type { DeliverySource, Message } from "../nodes/lib/delivery/contract";
import { deliveryOf } from "../nodes/lib/delivery";
import type { Red } from "../nodes/lib/delivery/red";

const MESSAGES = Number(process.argv[2] ?? 2_000);
const ROUNDS = Number(process.argv[3] ?? 200);
const ONLY = process.argv[4] ?? "";
/** One way alone, for a profile: `node --cpu-prof …`. */
const WAY = process.argv[5];
const IN_FLIGHT = 500;
/** Rounds before the first that counts. */
const WARM = 20;

interface BenchNode {
  send(message: unknown): void;
  on(event: string, listener: (...parameters: never[]) => void): void;
}
interface Registry {
  createNode(node: unknown, settings: unknown): void;
  registerType(set: string, type: string, constructor: (this: BenchNode, settings: { id: string }) => void): void;
}

const stage = {
  plain: undefined as BenchNode | undefined,
  tracked: undefined as DeliverySource | undefined,
  came: (): void => undefined,
};

const register = (runtime: Runtime): void => {
  const nodes = runtime.RED.nodes as unknown as Registry;
  nodes.registerType("bench/plain", "bench-plain", function plain(settings) {
    nodes.createNode(this, settings);
    stage.plain = this;
  });
  nodes.registerType("bench/tracked", "bench-tracked", function tracked(settings) {
    nodes.createNode(this, settings);
    const source = deliveryOf(runtime.RED as never).source(this as never, {
      retry: { attempts: 1, initialDelay: 1, maxDelay: 1 },
      timeout: 60_000,
      deadLetters: { write: () => Promise.resolve(), close: () => Promise.resolve() },
    });
    stage.tracked = source;
    this.on("close", (done: () => void) => void source.close(0).then(done));
  });
  nodes.registerType("bench/sink", "bench-sink", function sink(settings) {
    nodes.createNode(this, settings);
    this.on("input", (_message: Message, _send: unknown, done: () => void) => {
      done();
      stage.came();
    });
  });
};

const change = (id: string, to: string): FlowNode => ({
  id,
  type: "change",
  rules: [{ t: "set", p: id, pt: "msg", to: "1", tot: "num" }],
  wires: [[to]],
});
const FLOWS: Record<string, { nodes: FlowNode[]; payload(): unknown }> = {
  "function → switch → change → sink": {
    payload: () => 1,
    nodes: [
      { id: "a", type: "function", func: "msg.seen = 1; return msg;", outputs: 1, wires: [["b"]] },
      {
        id: "b",
        type: "switch",
        property: "payload",
        propertyType: "msg",
        rules: [{ t: "nnull" }],
        checkall: "true",
        repair: false,
        outputs: 1,
        wires: [["c"]],
      },
      change("c", "k"),
    ],
  },
  "change → change → change → sink": {
    payload: () => 1,
    nodes: [change("a", "b"), change("b", "c"), change("c", "k")],
  },
  "500 records a message, as the first": {
    payload: () => RECORDS,
    nodes: [
      { id: "a", type: "function", func: "msg.seen = 1; return msg;", outputs: 1, wires: [["b"]] },
      {
        id: "b",
        type: "switch",
        property: "payload",
        propertyType: "msg",
        rules: [{ t: "nnull" }],
        checkall: "true",
        repair: false,
        outputs: 1,
        wires: [["c"]],
      },
      change("c", "k"),
    ],
  },
};
const RECORDS = Array.from({ length: 500 }, (_, offset) => ({ payload: offset, source: { kind: "kafka", offset } }));

/** Sends messages with a bounded number in flight; resolves with CPU µs and wall µs per message. */
const measure = async (send: () => void, count: number): Promise<{ cpu: number; wall: number }> => {
  let sent = 0;
  let came = 0;
  const begun = process.cpuUsage();
  const start = performance.now();
  await new Promise<void>((resolve) => {
    const fill = (): void => {
      while (sent < count && sent - came < IN_FLIGHT) {
        sent += 1;
        send();
      }
    };
    stage.came = () => {
      came += 1;
      if (came === count) resolve();
      else if (sent - came < IN_FLIGHT / 2) fill();
    };
    fill();
  });
  const used = process.cpuUsage(begun);
  return { cpu: (used.user + used.system) / count, wall: ((performance.now() - start) * 1_000) / count };
};

const quantile = (values: readonly number[], part: number): number =>
  [...values].sort((a, b) => a - b)[Math.round((values.length - 1) * part)] ?? NaN;

interface Way {
  /** Whether the ledger is told of messages: it is while there is a tracked source. */
  readonly watched: boolean;
  send(): void;
  readonly cpu: number[];
  readonly wall: number[];
}

const AGAIN = "the same again (A/A)";

/** The flow twice: once behind a source of its own, once behind the tracked source. */
const bothOf = ({ nodes }: (typeof FLOWS)[string]): FlowNode[] => {
  const chain: FlowNode[] = [...nodes, { id: "k", type: "bench-sink" }];
  const renamed = (node: FlowNode): FlowNode => ({
    ...node,
    id: `t${node.id}`,
    wires: ((node["wires"] ?? []) as string[][]).map((wires) => wires.map((id) => `t${id}`)),
  });
  return [
    { id: "p", type: "bench-plain", wires: [["a"]] },
    ...chain,
    { id: "t", type: "bench-tracked", wires: [["ta"]] },
    ...chain.map(renamed),
  ];
};

const waysOf = ({ payload }: (typeof FLOWS)[string]): { base: Way; others: Map<string, Way> } => {
  const plain = (): void => stage.plain?.send({ topic: "t", payload: payload() });
  const tracked = (): void =>
    stage.tracked?.deliver(
      { records: 1, bytes: 100, message: () => ({ topic: "t", payload: payload() }) },
      () => undefined,
    );
  const way = (watched: boolean, send: () => void): Way => ({ watched, send, cpu: [], wall: [] });
  return {
    base: way(false, plain),
    others: new Map([
      [AGAIN, way(false, plain)],
      ["tracked", way(true, tracked)],
      ["untracked beside tracked", way(true, plain)],
    ]),
  };
};

/**
 * Two ratios: the median of the rounds' ratios with the middle half of them, and that of the quietest turns of each way:
 * beside other work CPU time only ever gets longer, so the tenth part of the turns says more than their median.
 */
const report = (name: string, base: Way, others: Map<string, Way>): void => {
  console.log(`\n${name} (${MESSAGES} messages a turn, ${ROUNDS} rounds)`);
  console.log(`  ${"".padEnd(26)} µs CPU  quiet turns   rounds (middle half)       messages/s`);
  const again = others.get(AGAIN)?.cpu ?? [];
  const quiet = (values: readonly number[]): number => quantile(values, 0.1);
  const print = (title: string, { cpu, wall }: Way, ratios: readonly number[], least: number): void => {
    const rate = Math.round(1e6 / quiet(wall)).toLocaleString("en");
    const [low, middle, high] = [0.25, 0.5, 0.75].map((part) => quantile(ratios, part).toFixed(3));
    console.log(
      `  ${title.padEnd(26)} ${quiet(cpu).toFixed(2).padStart(6)}  ×${(quiet(cpu) / least).toFixed(3)}       ×${middle} (${low} … ${high})  ${rate.padStart(11)}`,
    );
  };
  const ones = base.cpu.map(() => 1);
  print("no tracked source", base, ones, quiet(base.cpu));
  for (const [title, way] of others) {
    const self = title === AGAIN;
    const ratios = way.cpu.map((used, round) => {
      const [one, two] = [base.cpu[round] ?? NaN, again[round] ?? NaN];
      return used / (self ? one : (one + two) / 2);
    });
    print(title, way, ratios, quiet(self ? base.cpu : [...base.cpu, ...again]));
  }
};

const run = async (): Promise<void> => {
  const runtime = await startRuntime();
  register(runtime);
  // Deploys make new nodes, whose code V8 compiles anew, for seconds. So nothing is deployed between turns: what a
  // tracked source brings, the ledger in the place of `hooks.trigger`, is put in and out here.
  const { hooks } = runtime.RED as unknown as Red;
  const { trigger: plainly } = hooks;
  for (const [name, flow] of Object.entries(FLOWS)) {
    if (!name.includes(ONLY)) continue;
    const { base, others } = waysOf(flow);
    const turns = WAY === undefined ? [base, ...others.values()] : [others.get(WAY) ?? base];
    await runtime.deploy(flowOf(...bothOf(flow)));
    const { trigger: watched } = hooks;
    if (plainly === undefined || watched === undefined || watched === plainly) throw new Error("the ledger uses hooks");
    for (let round = -WARM; round < ROUNDS; round += 1)
      for (let turn = 0; turn < turns.length; turn += 1) {
        const way = turns[(turn + WARM + round) % turns.length] as Way;
        hooks.trigger = way.watched ? watched : plainly;
        await measure(way.send, IN_FLIGHT);
        const { cpu, wall } = await measure(way.send, MESSAGES);
        if (round < 0) continue;
        way.cpu.push(cpu);
        way.wall.push(wall);
      }
    hooks.trigger = watched;
    report(name, base, others);
  }
  await runtime.deploy([]);
  await runtime.stop();
};

// On a busy machine V8's parallel collectors spin against each other, and CPU time tells more of the machine than of us.
const STEADY = "--single-threaded-gc";
if (process.execArgv.includes(STEADY))
  run().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
else
  process.exitCode =
    spawnSync(process.execPath, [...process.execArgv, STEADY, ...process.argv.slice(1)], { stdio: "inherit" }).status ??
    1;
