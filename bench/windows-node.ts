/** The windows that window-batcher makes of a stream, in an embedded Node-RED: bench-source → node → windows, late. */
import { createHash } from "node:crypto";
import type { Node, NodeDef } from "node-red";
import { flowOf } from "../test/harness";
import { startRuntime, type Runtime } from "../test/harness/runtime";
import { RULES, batchesOf, keyName, type Stream } from "./windows-data";
import { empty, include, lineOf, type Kind } from "./windows-oracle";

export interface Found {
  /** A line a window, in the order in which they came. */
  readonly windows: string[];
  /** A digest of each window's whole message, by the first words of its line. */
  readonly bytes: Map<string, string>;
  readonly late: Set<number>;
  /** Records in at least one window. */
  readonly held: number;
  /** Records that do not follow the one before them in their window by event time and source. */
  readonly disordered: number;
  readonly reasons: ReadonlySet<string>;
  /** From the first record to the last window. */
  readonly seconds: number;
}

interface Element {
  payload: { id: number; value: number };
  key: string;
  timestamp: number;
  source: { kind: string; topic: string; partition: number; offset: number };
}

interface WindowMessage {
  payload: Element[];
  window: { key: string; start: number; end: number; reason: string };
}

export interface NodeRed {
  /** @param clock `stream`: `Date.now` is the stream's time of arrival, so that what is idle does not depend on this machine */
  windows(stream: Stream, kind: Kind, clock: "stream" | "machine"): Promise<Found>;
  stop(): Promise<void>;
}

const YEAR = 365 * 86_400_000;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export async function nodeRed(): Promise<NodeRed> {
  const runtime = await startRuntime();
  let collect: (id: string, message: unknown) => void = () => undefined;
  const { registerType, createNode } = runtime.RED.nodes as unknown as {
    registerType(set: string, type: string, constructor: (this: Node, definition: NodeDef) => void): void;
    createNode(node: Node, definition: NodeDef): void;
  };
  registerType("bench/source", "bench-source", function source(definition) {
    createNode(this, definition);
  });
  registerType("bench/collect", "bench-collect", function sink(definition) {
    createNode(this, definition);
    this.on("input", (message, _send, done) => {
      collect(this.id, message);
      done();
    });
  });
  return {
    async windows(stream, kind, clock) {
      await deploy(runtime, kind);
      return collected(runtime, stream, clock === "stream", (to) => (collect = to));
    },
    stop: () => runtime.stop(),
  };
}

async function deploy(runtime: Runtime, { by, size, hop, gap }: Kind): Promise<void> {
  await runtime.deploy(
    flowOf(
      { id: "source", type: "bench-source", wires: [["node"], ["passed"]] },
      {
        id: "node",
        type: "citystream-window-batcher",
        by,
        size: `${size} ms`,
        hop: hop === size ? "" : `${hop} ms`,
        gap: `${gap} ms`,
        key: "key",
        time: "timestamp",
        emit: "records",
        disorder: `${RULES.disorder} ms`,
        idle: `${RULES.idle} ms`,
        partitions: RULES.partitions,
        maxRecords: 1_000_000,
        maxMegabytes: 1024,
        wires: [["windows"], ["late"]],
      },
      { id: "passed", type: "bench-collect" },
      { id: "windows", type: "bench-collect" },
      { id: "late", type: "bench-collect" },
    ),
  );
}

async function collected(
  runtime: Runtime,
  stream: Stream,
  driven: boolean,
  listen: (to: (id: string, message: unknown) => void) => void,
): Promise<Found> {
  const windows: string[] = [];
  const bytes = new Map<string, string>();
  const late = new Set<number>();
  const held = new Set<number>();
  const reasons = new Set<string>();
  let disordered = 0;
  let arrived = 0;
  let latest = 0;
  let pass: () => void = () => undefined;
  listen((id, message) => {
    if (id === "passed") return pass();
    arrived++;
    latest = performance.now();
    const { payload, window } = message as WindowMessage;
    if (id === "late") return payload.forEach((one) => late.add(one.payload.id));
    const content = empty();
    payload.forEach((one, n) => {
      const before = payload[n - 1];
      if (before && !follows(before, one)) disordered++;
      held.add(one.payload.id);
      include(content, stream, one.payload.id);
    });
    const { key, start, end, reason } = window;
    windows.push(lineOf(key, start, end, content));
    reasons.add(reason);
    const text = JSON.stringify({ ...(message as object), _msgid: undefined });
    bytes.set(`${key},${start},${end}`, createHash("sha256").update(text).digest("hex"));
  });
  const clock = Date.now;
  const real = clock();
  const [began] = stream.time;
  let last = 0;
  const source = runtime.node("source");
  // The node has had a batch, and its first turns after it, before the clock moves on.
  const send = async (payload: Element[], now: number): Promise<void> => {
    if (driven) Date.now = () => real + now - (began as number);
    const passed = new Promise<void>((resolve) => (pass = resolve));
    source.send([{ topic: "air", payload }, { payload: 0 }]);
    await passed;
    await turn();
    last = now;
  };
  const start = performance.now();
  try {
    for (const { ids, now } of batchesOf(stream))
      await send(
        Array.from(ids, (id) => elementOf(stream, id)),
        now,
      );
    // The stream ends: each partition goes on so much later that every window is over.
    const ends = Array.from({ length: RULES.partitions }, (_, n): Element => ({
      ...elementOf(stream, 0),
      key: "end",
      timestamp: (stream.time.at(-1) as number) + YEAR,
      source: { kind: "kafka", topic: "air", partition: n, offset: stream.time.length },
    }));
    await send(ends, last);
    for (let before = -1; before !== arrived;) {
      before = arrived;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  } finally {
    Date.now = clock;
  }
  const seconds = (latest - start) / 1000;
  return { windows, bytes, late, held: held.size, disordered, reasons, seconds };
}

function elementOf({ value, key, time, partition, offset }: Stream, id: number): Element {
  const source = { kind: "kafka", topic: "air", partition: partition[id] as number, offset: offset[id] as number };
  return {
    payload: { id, value: value[id] as number },
    key: keyName(key[id] as number),
    timestamp: time[id] as number,
    source,
  };
}

/** By event time, then by source: a record's place in its window. */
const follows = (a: Element, b: Element): boolean =>
  (b.timestamp - a.timestamp || b.source.partition - a.source.partition || b.source.offset - a.source.offset) > 0;
