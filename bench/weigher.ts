/**
 * What priority-weigher costs: 1,000,000 readings of 100,000 sensors in batches of 500, weighed by two fields into two
 * lanes, beside the same arithmetic in a bare loop and in function nodes (a batch a message, and a record a message).
 * Each contender has a process of its own; its records are made before the clock starts.
 *
 *     npm run build && node dist/bench/weigher.js [rounds] [records] [keys]
 */
import { fork } from "node:child_process";
import type { Node, NodeDef } from "node-red";
import { deliveryOf } from "../nodes/lib/delivery";
import type { DeliverySource } from "../nodes/lib/delivery/contract";
import { flowOf } from "../test/harness";
import { startRuntime } from "../test/harness/runtime";

const BATCH = 500;
const CONTENDERS = ["bare loop", "weigher", "weigher, tracked", "function, batch", "function, record"] as const;
type Contender = (typeof CONTENDERS)[number];

interface Result {
  /** Records a CPU second (user and system). */
  readonly rate: number;
  readonly urgent: number;
  /** MB, highest. */
  readonly rss: number;
}

interface Reading {
  payload: { device_id: string; temp: number; hum: number };
  key: string;
  timestamp: number;
  topic: string;
  source: object;
  priority?: number;
}

/** Readings as a broker's JSON gives them: every object new, changes of up to a third, some keys oftener than others. */
function readings(records: number, keys: number): Reading[][] {
  let seed = 42;
  const random = (): number => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff) / 0x7fffffff;
  return Array.from({ length: records / BATCH }, (_, batch) =>
    Array.from({ length: BATCH }, (_none, n): Reading => {
      const key = `sensor-${Math.floor(random() * keys)}`;
      const payload = {
        device_id: key,
        temp: Math.round(200 + random() * 60) / 10,
        hum: Math.round(40 + random() * 20),
      };
      const offset = batch * BATCH + n;
      const source = { kind: "kafka", topic: "air", partition: 0, offset };
      return JSON.parse(JSON.stringify({ payload, key, timestamp: 1.7e12 + offset, topic: "air", source })) as Reading;
    }),
  );
}

/** The published loop over a plain map: what anyone would write. Function nodes get its text. */
const weigh = (curr: number, prev: number): number => {
  const fin = Math.abs(curr - prev) / Math.abs(prev);
  let weight = 0;
  let r = 0.1;
  while (fin >= r) {
    weight++;
    r += 0.1;
  }
  return weight;
};
const priorityOf = (kept: Map<string, Reading["payload"]>, payload: Reading["payload"]): number => {
  const prev = kept.get(payload.device_id);
  kept.set(payload.device_id, payload);
  return prev === undefined ? 0 : Math.max(weigh(payload.temp, prev.temp), weigh(payload.hum, prev.hum));
};
const ARITHMETIC = `const weigh = ${weigh.toString()};\nconst priorityOf = ${priorityOf.toString()};`;

function bareLoop(batches: readonly Reading[][]): Result {
  const before = process.cpuUsage();
  const kept = new Map<string, Reading["payload"]>();
  let urgent = 0;
  for (const batch of batches) {
    const lanes: [Reading[], Reading[]] = [[], []];
    for (const record of batch) {
      const priority = priorityOf(kept, record.payload);
      record.priority = priority;
      lanes[priority >= 1 ? 1 : 0].push(record);
    }
    urgent += lanes[1].length;
  }
  return result(batches, before, urgent);
}

function result(batches: readonly Reading[][], before: NodeJS.CpuUsage, urgent: number): Result {
  const { user, system } = process.cpuUsage(before);
  const rss = process.resourceUsage().maxRSS / 1024;
  return { rate: (batches.length * BATCH * 1e6) / (user + system), urgent, rss };
}

const FUNCTIONS: Readonly<Partial<Record<Contender, string>>> = {
  "function, batch": `${ARITHMETIC}
const kept = context.get("kept") || new Map();
context.set("kept", kept);
const lanes = [[], []];
for (const record of msg.payload) {
  record.priority = priorityOf(kept, record.payload);
  lanes[record.priority >= 1 ? 0 : 1].push(record);
}
return lanes.map((payload) => payload.length ? { ...msg, payload } : null);`,
  "function, record": `${ARITHMETIC}
const kept = context.get("kept") || new Map();
context.set("kept", kept);
msg.priority = priorityOf(kept, msg.payload);
return msg.priority >= 1 ? [msg, null] : [null, msg];`,
};

/** A real flow: bench-source → contender → two counters. */
async function inFlow(contender: Contender, batches: readonly Reading[][]): Promise<Result> {
  const runtime = await startRuntime();
  const internals = runtime.RED.nodes as unknown as {
    registerType(set: string, type: string, constructor: (this: Node, definition: NodeDef) => void): void;
    createNode(node: Node, definition: NodeDef): void;
  };
  const records = batches.length * BATCH;
  let seen = 0;
  let urgent = 0;
  let tracked: DeliverySource | undefined;
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const seenMore = (count: number): void => {
    seen += count;
    if (seen === records) finish();
  };
  internals.registerType("bench/source", "bench-source", function source(definition) {
    internals.createNode(this, definition);
    // Made before flows start, as sources do.
    if (contender.endsWith("tracked"))
      tracked = deliveryOf(runtime.RED as never).source(this as never, {
        retry: { attempts: 1, initialDelay: 1, maxDelay: 1 },
        timeout: 60_000,
        deadLetters: {
          write: () => Promise.reject(new Error("no record may fail here")),
          close: () => Promise.resolve(),
        },
      });
  });
  internals.registerType("bench/count", "bench-count", function count(definition) {
    internals.createNode(this, definition);
    this.on("input", (message, _send, done) => {
      const length = Array.isArray(message.payload) ? message.payload.length : 1;
      if (this.id === "urgent") urgent += length;
      done();
      seenMore(length);
    });
  });
  const func = FUNCTIONS[contender];
  const wires = [["urgent"], ["ordinary"]];
  await runtime.deploy(
    flowOf(
      { id: "source", type: "bench-source", wires: [["node"]] },
      func
        ? { id: "node", type: "function", func, outputs: 2, libs: [], initialize: "", finalize: "", wires }
        : {
            id: "node",
            type: "citystream-priority-weigher",
            weighed: [
              { field: "temp", error: "" },
              { field: "hum", error: "" },
            ],
            wires,
          },
      { id: "urgent", type: "bench-count" },
      { id: "ordinary", type: "bench-count" },
    ),
  );
  const source = runtime.node("source");
  const send = (message: object): void => {
    if (tracked) tracked.deliver({ records: BATCH, bytes: 1, message: () => message as never }, () => undefined);
    else source.send(message as never);
  };
  const before = process.cpuUsage();
  for (const batch of batches) {
    if (contender === "function, record") for (const record of batch) send(record);
    else send({ topic: "air", payload: batch });
    await new Promise((resolve) => setImmediate(resolve));
  }
  await finished;
  const measured = result(batches, before, urgent);
  await runtime.stop();
  return measured;
}

async function one(contender: Contender, records: number, keys: number): Promise<void> {
  const batches = readings(records, keys);
  global.gc?.();
  process.send?.(contender === "bare loop" ? bareLoop(batches) : await inFlow(contender, batches));
}

function measure(contender: Contender, records: number, keys: number): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = fork(__filename, ["--one", contender, String(records), String(keys)], {
      execArgv: ["--expose-gc", "--max-old-space-size=4096"],
    });
    child.once("message", (measured) => resolve(measured as Result));
    child.once("exit", (code) => reject(new Error(`${contender} ended with ${code} before it was measured`)));
  });
}

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? NaN;

async function main(rounds: number, records: number, keys: number): Promise<void> {
  const results = new Map<Contender, Result[]>(CONTENDERS.map((contender) => [contender, []]));
  // Rounds take turns, so that what the machine does besides meets all alike.
  for (let round = 0; round < rounds; round++)
    for (const contender of CONTENDERS) results.get(contender)?.push(await measure(contender, records, keys));
  const rate = (contender: Contender): number => median(results.get(contender)?.map((one_) => one_.rate) ?? []);
  console.log(`${records} records, ${keys} keys, batches of ${BATCH}, Node ${process.version}, median of ${rounds}`);
  for (const [contender, list] of results)
    console.log(
      `${contender.padEnd(18)} ${Math.round(rate(contender)).toLocaleString("en").padStart(10)} records/CPU s  ` +
        `${(rate(contender) / rate("bare loop")).toFixed(2)} × bare  ${Math.round(list[0]?.rss ?? 0)} MB  ${list[0]?.urgent} urgent`,
    );
}

const [first, ...rest] = process.argv.slice(2);
if (first === "--one") {
  const [contender, records, keys] = rest;
  void one(contender as Contender, Number(records), Number(keys)).finally(() => process.disconnect?.());
} else void main(Number(first ?? 3), Number(rest[0] ?? 1_000_000), Number(rest[1] ?? 100_000));
