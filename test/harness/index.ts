/** One embedded Node-RED for all flow tests of a mocha process; each test deploys its own flow. */
import { existsSync } from "node:fs";
import path from "node:path";
import type { Node, NodeDef } from "node-red";
import type { Message } from "../../nodes/lib/delivery/contract";
import { startRuntime, type FlowNode, type Runtime } from "./runtime";
import { until } from "./words";

export { until } from "./words";
export type { DeploymentType, FlowNode, LogEntry, Runtime } from "./runtime";

export interface Collected {
  readonly message: Message;
  /** Completes the message in the collecting node, with an error to fail it. Only for nodes with `manual: true`. */
  done(error?: Error): void;
}

export interface Harness extends Runtime {
  /** Messages that reached a `test-collect` node since it was deployed. */
  collected(id: string): readonly Collected[];
  /** Resolves with the first `count` messages of a `test-collect` node, or rejects saying how many came (see `until`). */
  arrived(id: string, count: number, limit?: number): Promise<Message[]>;
  /** Resolves when the condition holds; rejects after `limit` ms naming it and what was `seen`. */
  readonly until: typeof until;
  /** The last status that a node has shown. */
  status(id: string): { fill?: string; shape?: string; text?: string } | undefined;
}

let harness: Promise<Harness> | undefined;

/** The shared Node-RED, started by its first user and stopped when mocha ends. */
export function nodeRed(): Promise<Harness> {
  return (harness ??= start());
}

/** What the shared Node-RED logged last, one line an entry. */
export async function lastLogged(count: number): Promise<string[]> {
  const running = await harness?.catch(() => undefined);
  return (running?.logs ?? []).slice(-count).map(({ type, id, msg }) => {
    const text = msg instanceof Error ? msg.stack : typeof msg === "string" ? msg : JSON.stringify(msg);
    return [type && `[${type}:${id}]`, text].filter(Boolean).join(" ");
  });
}

/** Stops the shared Node-RED; called once by the root hooks. */
export async function stopNodeRed(): Promise<void> {
  const running = await harness?.catch(() => undefined);
  harness = undefined;
  await running?.stop();
}

async function start(): Promise<Harness> {
  const runtime = await startRuntime();
  const collections = new Map<string, Collected[]>();
  const statuses = new Map<string, { fill?: string; shape?: string; text?: string }>();
  const { events } = (runtime.RED as unknown as { runtime: { events: NodeJS.EventEmitter } }).runtime;
  events.on("node-status", (event: { id: string; status: { text?: string } }) => statuses.set(event.id, event.status));
  const internals = runtime.RED.nodes as unknown as {
    registerType: (
      set: string,
      type: string,
      constructor: (this: Node, definition: NodeDef & { manual?: boolean }) => void,
    ) => void;
    createNode(node: Node, definition: NodeDef): void;
  };
  internals.registerType("test/test-collect", "test-collect", function collect(definition) {
    internals.createNode(this, definition);
    const list: Collected[] = [];
    collections.set(this.id, list);
    this.on("input", (message, _send, done) => {
      list.push({ message: message, done });
      if (!definition.manual) done();
    });
  });
  const collected = (id: string): readonly Collected[] => collections.get(id) ?? [];
  return {
    ...runtime,
    collected,
    until,
    status: (id) => statuses.get(id),
    async arrived(id, count, limit) {
      await until(`${count} messages at ${id}`, () => collected(id).length >= count, limit).catch((error: Error) => {
        const logged = runtime.logs.slice(-5).map((entry) => String(entry.msg));
        throw new Error(`${error.message}; ${collected(id).length} came. Last logged: ${logged.join("; ")}`);
      });
      return collected(id)
        .slice(0, count)
        .map(({ message }) => message);
    },
  };
}

/** Whether a type is a config node: those lie on no tab. */
const isConfig = (type: string): boolean =>
  type === "tls-config" || existsSync(path.join(__dirname, "../../nodes/config", type.replace(/^citystream-/u, "")));

/** A flow: one tab with these nodes on it; config nodes are global. */
export const flowOf = (...nodes: FlowNode[]): FlowNode[] => [
  { id: "tab", type: "tab", label: "test" },
  ...nodes.map((node) => (isConfig(node.type) ? node : { x: 100, y: 100, z: "tab", wires: [], ...node })),
];
