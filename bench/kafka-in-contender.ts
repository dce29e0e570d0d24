/** One contender of bench/kafka-in.ts, in a process of its own; tells its parent what it measured. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Message } from "../nodes/lib/delivery/contract";
import { startRuntime, type FlowNode } from "../test/harness/runtime";
import { meter } from "./meter";

export type Contender = "raw" | "batch" | "record" | "kafka-suite" | "kafkajs-pack";

const [contender = "", brokers = "", topic = "", count = "", packs = ""] = process.argv.slice(2);
const wanted = Number(count);

const raw = async (count_: (records: number) => void): Promise<void> => {
  const { Kafka, logLevel } = await import("kafkajs");
  const consumer = new Kafka({ brokers: [brokers], clientId: "bench", logLevel: logLevel.NOTHING }).consumer({
    groupId: `raw-${process.pid}-${Date.now()}`,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({ eachBatch: async ({ batch }) => count_(batch.messages.length) });
};

const group = `${contender}-${process.pid}-${Date.now()}`;
const sources: Record<Exclude<Contender, "raw">, readonly FlowNode[]> = {
  batch: ours("batch"),
  record: ours("record"),
  "kafka-suite": [
    {
      id: "cluster",
      type: "kafka-suite-broker",
      brokers,
      clientId: "bench",
      backend: "kafkajs",
      servicePreset: "self-hosted",
      authType: "none",
      logLevel: "error",
      connectionTimeout: 3000,
      requestTimeout: 30000,
      maxRetryTime: 30000,
      initialRetryTime: 300,
      retries: 5,
    },
    {
      id: "in",
      type: "kafka-suite-consumer",
      broker: "cluster",
      topics: topic,
      groupId: group,
      startOffset: "earliest",
      autoCommit: true,
      autoCommitInterval: 5000,
      messageFormat: "raw",
      concurrency: 1,
    },
  ],
  "kafkajs-pack": [
    {
      id: "cluster",
      type: "kafkajs-client",
      brokers,
      clientid: "bench",
      connectiontimeout: "3000",
      requesttimeout: "25000",
      logLevel: "none",
      auth: "none",
    },
    {
      id: "in",
      type: "kafkajs-consumer",
      client: "cluster",
      topic,
      groupid: group,
      advancedoptions: true,
      frombeginning: true,
      autocommitinterval: 5000,
      autocommitthreshold: 100,
      sessiontimeout: 30000,
      rebalancetimeout: 60000,
      heartbeatinterval: 3000,
      metadatamaxage: 300000,
      maxbytesperpartition: 1048576,
      minbytes: 1,
      maxbytes: 10485760,
      maxwaittimeinms: 5000,
    },
  ],
};

function ours(mode: "batch" | "record"): readonly FlowNode[] {
  return [
    { id: "cluster", type: "citystream-kafka-cluster", brokers, clientId: "bench", sasl: "none" },
    {
      id: "in",
      type: "citystream-kafka-in",
      cluster: "cluster",
      topics: topic,
      group,
      mode,
      valueFormat: "bytes",
      keyFormat: "bytes",
      start: "earliest",
    },
  ];
}

const flowed = async (
  name: Exclude<Contender, "raw">,
  count_: (records: number) => void,
): Promise<() => Promise<void>> => {
  const userDir = mkdtempSync(path.join(tmpdir(), "citystream-bench-"));
  mkdirSync(path.join(userDir, "node_modules"));
  const pack = { "kafka-suite": "node-red-contrib-kafka-suite", "kafkajs-pack": "node-red-contrib-kafkajs" }[
    name as string
  ];
  if (pack) symlinkSync(path.join(packs, "node_modules", pack), path.join(userDir, "node_modules", pack), "junction");
  const runtime = await startRuntime({ userDir });
  const types = runtime.RED.nodes as unknown as {
    registerType(set: string, type: string, constructor: (this: never, definition: never) => void): void;
    createNode(node: unknown, definition: unknown): void;
  };
  types.registerType(
    "bench/counter",
    "bench-counter",
    function counter(this: NodeJS.EventEmitter, definition: unknown) {
      types.createNode(this, definition);
      this.on("input", (message: Message, _send: unknown, done: () => void) => {
        const { payload } = message;
        count_(Array.isArray(payload) ? payload.length : 1);
        done();
      });
    },
  );
  const place = { z: "tab", x: 100, y: 100 };
  await runtime.deploy([
    { id: "tab", type: "tab", label: "bench" },
    ...sources[name].map((node) => (node.id === "in" ? { ...node, ...place, wires: [["function"]] } : node)),
    { id: "function", type: "function", ...place, func: "return msg;", outputs: 1, libs: [], wires: [["counter"]] },
    { id: "counter", type: "bench-counter", ...place, wires: [] },
  ]);
  return async () => {
    await runtime.stop();
    rmSync(userDir, { recursive: true, force: true });
  };
};

const main = async (): Promise<void> => {
  const { count: count_, done } = meter(wanted);
  const stop =
    contender === "raw" ? await raw(count_).then(() => undefined) : await flowed(contender as "batch", count_);
  const measurement = await done;
  process.send?.(measurement);
  await stop?.();
  process.exit(0);
};

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
