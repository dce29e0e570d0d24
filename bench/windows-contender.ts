/** One contender of bench/windows.ts in embedded Node-RED, in a process of its own: source → windows → counter. */
import { setImmediate as turn } from "node:timers/promises";
import type { Node, NodeDef } from "node-red";
import { deliveryOf } from "../nodes/lib/delivery";
import type { DeliverySource } from "../nodes/lib/delivery/contract";
import { flowOf } from "../test/harness";
import { startRuntime, type FlowNode } from "../test/harness/runtime";
import { BATCH, linesOf, SIZE, type Row } from "./windows-rate-data";

export type Ours = "source alone" | "batcher" | "batcher, tracked" | "batcher, on disk" | "function";

const [contender, file, from, count] = process.argv.slice(2) as [Ours, string, string, string];
const records = Number(count);

/** What anyone would write first: a Map a window, closed when a record of a later one comes. */
const FUNCTION = `
let open = context.get("open");
if (!open) context.set("open", (open = { start: 0, keys: new Map() }));
for (const { key, timestamp, payload: { temp } } of msg.payload) {
  const start = timestamp - (timestamp % ${SIZE});
  if (start < open.start) continue;
  if (start > open.start) {
    for (const [key, { count, sum, min, max }] of open.keys)
      node.send({
        key,
        payload: { temp: { count, mean: sum / count, min, max } },
        window: { key, start: open.start, end: open.start + ${SIZE}, count },
      });
    open.start = start;
    open.keys.clear();
  }
  const found = open.keys.get(key);
  if (found) {
    found.count++;
    found.sum += temp;
    if (temp < found.min) found.min = temp;
    if (temp > found.max) found.max = temp;
  } else open.keys.set(key, { count: 1, sum: temp, min: temp, max: temp });
}`;

const windows: Readonly<Record<Ours, FlowNode[]>> = {
  "source alone": [],
  batcher: [batcher()],
  "batcher, tracked": [batcher()],
  "batcher, on disk": [batcher({ kept: "disk" })],
  function: [
    {
      id: "windows",
      type: "function",
      func: FUNCTION,
      outputs: 1,
      libs: [],
      initialize: "",
      finalize: "",
      wires: [["counter"]],
    },
  ],
};

function batcher(more: object = {}): FlowNode {
  return {
    id: "windows",
    type: "citystream-window-batcher",
    by: "event",
    size: `${SIZE / 1000} s`,
    key: "key",
    emit: "aggregates",
    features: [{ field: "temp", as: "" }],
    // No bound is to be met: it would let windows leave before they are whole.
    maxRecords: 2 * records,
    maxMegabytes: 4096,
    ...more,
    wires: [["counter"], ["counter"]],
  };
}

async function main(): Promise<void> {
  const runtime = await startRuntime();
  const internals = runtime.RED.nodes as unknown as {
    registerType(set: string, type: string, constructor: (this: Node, definition: NodeDef) => void): void;
    createNode(node: Node, definition: NodeDef): void;
  };
  const counted = { windows: 0, records: 0 };
  let changed = performance.now();
  let tracked: DeliverySource | undefined;
  let settled = 0;
  internals.registerType("bench/source", "bench-source", function source(definition) {
    internals.createNode(this, definition);
    // Made before flows start, as sources do.
    if (contender === "batcher, tracked" || contender === "batcher, on disk")
      tracked = deliveryOf(runtime.RED as never).source(this as never, {
        retry: { attempts: 1, initialDelay: 1, maxDelay: 1 },
        timeout: 600_000,
        deadLetters: {
          write: () => Promise.reject(new Error("no record may fail here")),
          close: () => Promise.resolve(),
        },
      });
  });
  internals.registerType("bench/counter", "bench-counter", function counter(definition) {
    internals.createNode(this, definition);
    this.on("input", (message, _send, done) => {
      const { window } = message as unknown as { window?: { key: string; count: number } };
      if (window && window.key !== "last") {
        counted.windows++;
        counted.records += window.count;
        changed = performance.now();
      }
      done();
    });
  });
  const [first] = windows[contender];
  await runtime.deploy(
    flowOf({ id: "source", type: "bench-source", wires: [[first ? first.id : "counter"]] }, ...windows[contender], {
      id: "counter",
      type: "bench-counter",
    }),
  );
  const source = runtime.node("source");
  const send = (payload: object[]): void => {
    const message = { topic: "air", payload };
    if (tracked) tracked.deliver({ records: payload.length, bytes: 1, message: () => message }, () => settled++);
    else source.send(message);
  };
  const before = process.cpuUsage();
  const begun = performance.now();
  let offset = 0;
  for await (const line of linesOf(file)) {
    const rows = JSON.parse(line) as (Row & { source?: object })[];
    for (const row of rows) row.source = { kind: "kafka", topic: "air", partition: 0, offset: offset++ };
    send(rows);
    await turn();
  }
  // A record of a later window, whose own window stays open: all others are over.
  const timestamp = Number(from) + 60 * SIZE + 1;
  const payload = { device_id: "last", temp: 0 };
  send([{ key: "last", timestamp, payload, source: { kind: "kafka", topic: "air", partition: 0, offset } }]);
  changed = performance.now();
  // Over when all are counted, or, where some are lost, when nothing came for a while.
  while (counted.records < records && performance.now() - changed < 1000)
    await new Promise((resolve) => setTimeout(resolve, 20));
  const batches = Math.ceil(records / BATCH);
  // What is on disk is acknowledged with the next checkpoint.
  const isAcknowledged = (): boolean => !tracked || settled >= batches;
  for (let n = 0; !isAcknowledged() && n < 500; n++) await new Promise((resolve) => setTimeout(resolve, 20));
  const { user, system } = process.cpuUsage(before);
  if (!isAcknowledged()) throw new Error(`only ${settled} of ${batches} batches were acknowledged`);
  process.send?.({
    ...counted,
    cpu: (user + system) / 1e6,
    seconds: (performance.now() - begun) / 1000,
    rss: process.resourceUsage().maxRSS / 1024,
  });
  process.disconnect?.();
  await runtime.stop();
  process.exit(0);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
