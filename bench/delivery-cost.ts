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

const MESSAGES = Number(process.argv[2] ?? 30_000);
const ROUNDS = Number(process.argv[3] ?? 5);
const IN_FLIGHT = 500;

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

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

const run = async (): Promise<void> => {
  const runtime = await startRuntime();
  register(runtime);
  for (const [name, { nodes, payload }] of Object.entries(FLOWS)) {
    const sink: FlowNode = { id: "k", type: "bench-sink" };
    const plain = (): void => stage.plain?.send({ topic: "t", payload: payload() });
    const tracked = (): void =>
      stage.tracked?.deliver(
        { records: 1, bytes: 100, message: () => ({ topic: "t", payload: payload() }) },
        () => undefined,
      );
    const ways: Record<string, { flow: FlowNode[]; send(): void }> = {
      "no tracked source": { flow: [{ id: "p", type: "bench-plain", wires: [["a"]] }, ...nodes, sink], send: plain },
      tracked: { flow: [{ id: "t", type: "bench-tracked", wires: [["a"]] }, ...nodes, sink], send: tracked },
      "untracked beside tracked": {
        flow: [
          { id: "p", type: "bench-plain", wires: [["a"]] },
          { id: "t", type: "bench-tracked", wires: [["x"]] },
          { id: "x", type: "junction" },
          ...nodes,
          sink,
        ],
        send: plain,
      },
    };
    const results = new Map<string, { cpu: number[]; wall: number[] }>();
    for (let round = 0; round <= ROUNDS; round += 1)
      for (const [way, { flow, send }] of Object.entries(ways)) {
        await runtime.deploy(flowOf(...flow));
        await measure(send, 2_000);
        const { cpu, wall } = await measure(send, MESSAGES);
        if (round === 0) continue;
        const one = results.get(way) ?? { cpu: [], wall: [] };
        results.set(way, one);
        one.cpu.push(cpu);
        one.wall.push(wall);
      }
    console.log(`\n${name} (${MESSAGES} messages, median of ${ROUNDS} rounds)`);
    const base = median(results.get("no tracked source")?.cpu ?? []);
    for (const [way, { cpu, wall }] of results) {
      const used = median(cpu);
      const rate = Math.round(1e6 / median(wall)).toLocaleString("en");
      console.log(
        `  ${way.padEnd(26)} ${used.toFixed(2).padStart(7)} µs CPU  ×${(used / base).toFixed(2)}  ${rate.padStart(9)} messages/s`,
      );
    }
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
  process.exitCode = spawnSync(process.execPath, [STEADY, ...process.argv.slice(1)], { stdio: "inherit" }).status ?? 1;
