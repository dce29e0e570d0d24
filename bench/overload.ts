/**
 * An overload with and without weigher and lanes: sensors publish over MQTT at 150 % of what the flow can do, some of
 * their readings change so much that they are urgent. Real Mosquitto, without a bound on what it queues.
 *
 *     npm run build && node dist/bench/overload.js [seconds] [work per second] [percent of it that is sent]
 *
 * The work is a node that does as many records a second as was asked for and keeps what comes meanwhile in order, as nodes do.
 * Latency is from publishing to the end of the work.
 * AT_ONCE in the environment: how many the lanes let be under way. Prints a table and writes docs/overload.svg.
 */
import { fork } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import mqtt from "mqtt";
import type { Node, NodeDef } from "node-red";
import { flowOf } from "../test/harness";
import { startRuntime } from "../test/harness/runtime";
import { service } from "../tools/services";
import { overloadPlot, type Series } from "./overload-plot";

const WAYS = ["without", "with"] as const;
type Way = (typeof WAYS)[number];
const SENSORS = 100;
/** Enough for a timer that is late, few enough for urgent records: at 1,500 a second this is 27 ms of work. */
const AT_ONCE = Number(process.env["AT_ONCE"] ?? 40);

/** The number of what is published only to see that the flow has subscribed. */
const PROBE = -1;

interface Done {
  readonly n: number;
  readonly urgent: boolean;
  /** When it was published, and when the work was done, ms since the epoch. */
  readonly sent: number;
  readonly done: number;
}

/** The flow, in a process of its own: tells its parent of every record that is done. */
async function flow(way: Way, url: string, perSecond: number): Promise<void> {
  const runtime = await startRuntime();
  const internals = runtime.RED.nodes as unknown as {
    registerType(set: string, type: string, constructor: (this: Node, definition: NodeDef) => void): void;
    createNode(node: Node, definition: NodeDef): void;
  };
  let finished: Done[] = [];
  internals.registerType("bench/work", "bench-work", function work(definition) {
    internals.createNode(this, definition);
    const queue: { payload: { n: number; urgent: boolean; sent: number }; done: () => void }[] = [];
    const begin = performance.now();
    let served = 0;
    // What a late timer has missed is caught up, what had nothing to do is not: the capacity is what was asked for.
    setInterval(() => {
      const due = Math.floor(((performance.now() - begin) / 1000) * perSecond);
      const may = Math.min(due - served, Math.ceil(perSecond / 20));
      served = due;
      for (const { payload, done } of queue.splice(0, may)) {
        finished.push({ ...payload, done: Date.now() });
        done();
      }
    }, 1);
    this.on("input", (message, _send, done) => {
      queue.push({ payload: message.payload as never, done });
    });
  });
  setInterval(() => {
    if (finished.length > 0) process.send?.(finished);
    finished = [];
  }, 100);
  await runtime.deploy(
    flowOf(
      { id: "broker", type: "citystream-mqtt-broker", server: "address", address: url, version: "5" },
      {
        id: "in",
        type: "citystream-mqtt-in",
        broker: "broker",
        topics: "sensors/#",
        qos: "1",
        format: "json",
        inFlight: 65_535,
        timeout: 600,
        clientId: `overload-${way}`,
        wires: [[way === "with" ? "weigh" : "work"]],
      },
      {
        id: "weigh",
        type: "citystream-priority-weigher",
        key: "payload.device_id",
        weighed: [{ field: "temp", error: "" }],
        wires: [["lanes"], ["lanes"]],
      },
      {
        id: "lanes",
        type: "citystream-priority-lanes",
        atOnce: AT_ONCE,
        wires: [["work"], [], []],
      },
      { id: "work", type: "bench-work", wires: [] },
    ),
  );
  process.send?.("ready");
}

/** Publishes evenly for so long; resolves with how many. */
async function load(url: string, seconds: number, perSecond: number): Promise<number> {
  const client = await mqtt.connectAsync(url, { protocolVersion: 5, clientId: "load" });
  const temps = Array.from({ length: SENSORS }, () => 20);
  let n = 0;
  const acknowledged: Promise<unknown>[] = [];
  const begin = performance.now();
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsed = Math.min(seconds * 1000, performance.now() - begin);
      for (; n < Math.floor((elapsed / 1000) * perSecond); n++) {
        const sensor = n % SENSORS;
        // One in twenty jumps by half, and every reading of a sensor but its first is compared with the one before.
        const urgent = n >= SENSORS && (Math.imul(n, 0x9e3779b1) >>> 0) % 20 === 0;
        temps[sensor] = urgent ? (temps[sensor] === 20 ? 30 : 20) : (temps[sensor] ?? 20);
        const reading = { device_id: `s${sensor}`, temp: temps[sensor], n, urgent, sent: Date.now() };
        acknowledged.push(client.publishAsync(`sensors/${sensor}`, JSON.stringify(reading), { qos: 1 }));
      }
      if (elapsed < seconds * 1000) return;
      clearInterval(timer);
      resolve();
    }, 2);
  });
  await Promise.all(acknowledged);
  await client.endAsync();
  return n;
}

/** Publishes until something has come through: before it has subscribed, a flow gets nothing. */
async function arrives(url: string, seen: () => boolean): Promise<void> {
  const client = await mqtt.connectAsync(url, { protocolVersion: 5, clientId: "probe" });
  let probes = 0;
  for (; !seen(); await new Promise((resolve) => setTimeout(resolve, 100))) {
    if (++probes > 300) throw new Error("nothing that was published came through the flow for 30 s");
    const probe = { device_id: "probe", temp: 20, n: PROBE, urgent: false, sent: Date.now() };
    await client.publishAsync("sensors/probe", JSON.stringify(probe), { qos: 1 });
  }
  await client.endAsync();
}

interface Outcome {
  readonly way: Way;
  readonly sent: number;
  readonly all: readonly Done[];
}

async function run(way: Way, seconds: number, capacity: number, percent: number): Promise<Outcome> {
  const mosquitto = await service("mosquitto", { maxInflight: 0, maxQueued: 0, own: true });
  const child = fork(__filename, ["--flow", way, mosquitto.url, String(capacity)], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const all: Done[] = [];
  let open = false;
  let changed: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    child.on("message", (message: "ready" | Done[]) => {
      if (message === "ready") resolve();
      else all.push(...message.filter(({ n }) => n !== PROBE));
      if (Array.isArray(message)) open ||= message.some(({ n }) => n === PROBE);
      changed();
    });
  });
  await ready;
  await arrives(mosquitto.url, () => open);
  const sent = await load(mosquitto.url, seconds, (capacity * percent) / 100);
  const seen = (): number => new Set(all.map(({ n }) => n)).size;
  await new Promise<void>((resolve) => {
    const limit = setTimeout(resolve, seconds * 2000 + 30_000);
    changed = () => {
      if (all.length < sent || seen() < sent) return;
      clearTimeout(limit);
      resolve();
    };
    changed();
  });
  child.kill("SIGKILL");
  await mosquitto.stop();
  return { way, sent, all };
}

const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? NaN;

const firstSent = (all: readonly Done[]): number => all.reduce((first, { sent }) => Math.min(first, sent), Infinity);
const longest = (values: readonly number[]): number => values.reduce((most, one) => Math.max(most, one), 0);
const longestPause = (times: readonly number[]): number =>
  longest(times.toSorted((a, b) => a - b).map((time, at, all) => time - (all[at - 1] ?? time)));

function told({ way, sent, all }: Outcome): Record<string, string | number> {
  const first = firstSent(all);
  const last = longest(all.map((one) => one.done));
  const waits = (urgent: boolean) => all.filter((one) => one.urgent === urgent).map((one) => one.done - one.sent);
  return {
    way,
    sent,
    "a second": Math.round(all.length / ((last - first) / 1000)),
    "urgent p50 ms": quantile(waits(true), 0.5),
    "urgent p99 ms": quantile(waits(true), 0.99),
    "ordinary p50 ms": quantile(waits(false), 0.5),
    "ordinary longest ms": longest(waits(false)),
    // Nothing of a class done for so long: it starves.
    "ordinary longest pause ms": longestPause(all.filter((one) => !one.urgent).map((one) => one.done)),
    lost: sent - new Set(all.map(({ n }) => n)).size,
    twice: all.length - new Set(all.map(({ n }) => n)).size,
  };
}

async function main(seconds: number, capacity: number, percent: number): Promise<void> {
  const outcomes: Outcome[] = [];
  for (const way of WAYS) outcomes.push(await run(way, seconds, capacity, percent));
  console.log(`${seconds} s at ${percent} % of ${capacity} a second, Node ${process.version}`);
  console.table(outcomes.map(told));
  const series: Series[] = outcomes.flatMap(({ way, all }) =>
    [true, false].map((urgent) => ({
      name: `${urgent ? "urgent" : "ordinary"}, ${way} weigher and lanes`,
      urgent,
      dashed: way === "without",
      points: bySecond(all.filter((one) => one.urgent === urgent)),
    })),
  );
  const file = path.resolve(__dirname, "../../docs/overload.svg");
  writeFileSync(file, overloadPlot(series, `Latency at ${percent} % of capacity for ${seconds} s`));
  process.exit(0);
}

/** The p99 of what was published in each second: s, ms. */
function bySecond(all: readonly Done[]): [number, number][] {
  const first = firstSent(all);
  const bins: number[][] = [];
  for (const { sent, done } of all) (bins[Math.floor((sent - first) / 1000)] ??= []).push(done - sent);
  return bins.flatMap((bin, second): [number, number][] => (bin.length > 0 ? [[second, quantile(bin, 0.99)]] : []));
}

const [first, ...rest] = process.argv.slice(2);
if (first === "--flow") void flow(rest[0] as Way, rest[1] ?? "", Number(rest[2]));
else void main(Number(first ?? 30), Number(rest[0] ?? 1500), Number(rest[1] ?? 150));
