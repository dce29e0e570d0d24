/** One run of bench/kafka-clients.ts, in a process of its own: this pack's nodes with one client; tells what it measured. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Client } from "../nodes/lib/kafka/drivers";
import type { Message } from "../nodes/lib/delivery/contract";
import { startRuntime, type FlowNode } from "../test/harness/runtime";
import { meter } from "./meter";

export type Task = "batch" | "record" | "write";

/** Records a message that is written, and how many messages are under way. */
const TOGETHER = 500;
const AHEAD = 20;

const [client = "", task = "", brokers = "", topic = "", count = "", bytes = ""] = process.argv.slice(2);

interface Types {
  registerType(set: string, type: string, constructor: (this: never, definition: never) => void): void;
  createNode(node: unknown, definition: unknown): void;
}
type Input = (message: Message, send: unknown, done: () => void) => void;

const place = { z: "tab", x: 100, y: 100 };
const cluster = {
  id: "cluster",
  type: "citystream-kafka-cluster",
  brokers,
  clientId: "bench",
  sasl: "none",
  client: client as Client,
};
const reading: readonly FlowNode[] = [
  {
    ...place,
    id: "in",
    type: "citystream-kafka-in",
    cluster: "cluster",
    topics: topic,
    group: `bench-${process.pid}-${Date.now()}`,
    mode: task,
    valueFormat: "bytes",
    keyFormat: "bytes",
    start: "earliest",
    wires: [["function"]],
  },
  { ...place, id: "function", type: "function", func: "return msg;", outputs: 1, libs: [], wires: [["counter"]] },
];
const writing: readonly FlowNode[] = [
  { ...place, id: "source", type: "bench-source", wires: [["out"]] },
  {
    ...place,
    id: "out",
    type: "citystream-kafka-out",
    cluster: "cluster",
    topic,
    key: "key",
    keyType: "msg",
    partition: "partition",
    partitionType: "msg",
    create: false,
    wires: [["counter"]],
  },
];

const main = async (): Promise<void> => {
  const { count: counted, done } = meter(Number(count));
  const userDir = mkdtempSync(path.join(tmpdir(), "citystream-bench-"));
  const runtime = await startRuntime({ userDir });
  const types = runtime.RED.nodes as unknown as Types;
  const value = Buffer.alloc(Number(bytes), "x");
  let send: () => void = () => undefined;
  types.registerType(
    "bench/source",
    "bench-source",
    function source(this: { send(message: Message): void }, definition: unknown) {
      types.createNode(this, definition);
      send = () => this.send({ payload: Array.from({ length: TOGETHER }, () => ({ payload: value })) });
    },
  );
  types.registerType(
    "bench/counter",
    "bench-counter",
    function counter(this: NodeJS.EventEmitter, definition: unknown) {
      types.createNode(this, definition);
      const input: Input = ({ payload }, _send, finished) => {
        counted(Array.isArray(payload) ? payload.length : 1);
        finished();
        if (task === "write") send();
      };
      this.on("input", input);
    },
  );
  await runtime.deploy([
    { id: "tab", type: "tab", label: "bench" },
    cluster,
    ...(task === "write" ? writing : reading),
    { ...place, id: "counter", type: "bench-counter", wires: [] },
  ]);
  if (task === "write") for (let ahead = 0; ahead < AHEAD; ahead++) send();
  process.send?.(await done);
  await runtime.stop();
  rmSync(userDir, { recursive: true, force: true });
  process.exit(0);
};

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
