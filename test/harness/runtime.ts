/** Starts Node-RED inside this process, with the pack linked as the palette manager would install it. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Node, NodeRedApp } from "node-red";
import type { Message } from "../../nodes/lib/delivery/contract";

const ROOT = path.resolve(__dirname, "../../..");

export type DeploymentType = "full" | "flows" | "nodes" | "reload";
export type FlowNode = { id: string; type: string } & Record<string, unknown>;
export interface LogEntry {
  level: number;
  msg: unknown;
  id?: string;
  type?: string;
}

export interface StartOptions {
  /** Kept when given; otherwise a new temporary folder that `stop` removes. */
  userDir?: string;
  port?: number;
  settings?: Record<string, unknown>;
  /** Other packs of node_modules that the flow needs. */
  packs?: readonly string[];
}

function link(target: string, at: string): void {
  mkdirSync(path.dirname(at), { recursive: true });
  rmSync(at, { force: true });
  symlinkSync(target, at, "junction");
}

/** `node-red` (4.1), or `node-red-5` when CITYSTREAM_NODE_RED is 5. */
export const nodeRedPackage = (): string => (process.env["CITYSTREAM_NODE_RED"] === "5" ? "node-red-5" : "node-red");

export interface Runtime {
  readonly RED: NodeRedApp;
  readonly url: string;
  readonly userDir: string;
  /** Everything logged since the start, or since the last `logs.length = 0`. */
  readonly logs: LogEntry[];
  /** Deploys a flow; resolves when its nodes have started. */
  deploy(flow: readonly FlowNode[], type?: DeploymentType): Promise<void>;
  /** A node instance; throws when there is none. */
  node(id: string): Node;
  /** Puts a message into a node's input as if a wire brought it. */
  receive(id: string, message: Message): void;
  stop(): Promise<void>;
}

/** Starts Node-RED on a free loopback port. Only once per process: Node-RED is a singleton. */
export async function startRuntime(options: StartOptions = {}): Promise<Runtime> {
  const userDir = options.userDir ?? mkdtempSync(path.join(tmpdir(), "citystream-node-red-"));
  writeFileSync(path.join(userDir, "package.json"), JSON.stringify({ name: "test", private: true }));
  link(ROOT, path.join(userDir, "node_modules/@citystream/node-red-citystream"));
  for (const pack of options.packs ?? []) {
    link(path.join(ROOT, "node_modules", pack), path.join(userDir, "node_modules", pack));
  }
  const RED = require(nodeRedPackage()) as NodeRedApp;
  const logs: LogEntry[] = [];
  const server = http.createServer((request, response) => {
    if (request.url?.startsWith("/api/")) {
      request.url = request.url.slice("/api".length);
      (RED.httpNode as unknown as http.RequestListener)(request, response);
    } else (RED.httpAdmin as unknown as http.RequestListener)(request, response);
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  RED.init(server, {
    userDir,
    flowFile: "flows.json",
    httpAdminRoot: "/",
    httpNodeRoot: "/api",
    uiPort: port,
    uiHost: "127.0.0.1",
    credentialSecret: "test",
    disableEditor: false,
    telemetry: { enabled: false, updateNotification: false },
    editorTheme: { tours: false, projects: { enabled: false } },
    externalModules: { autoInstall: false, palette: { allowInstall: false } },
    contextStorage: { default: "memory", memory: { module: "memory" }, file: { module: "localfilesystem" } },
    logging: {
      console: { level: "off" },
      capture: { level: "info", handler: () => (entry: LogEntry) => void logs.push(entry) },
    },
    ...options.settings,
  } as never);
  const { events, flows } = (
    RED as unknown as {
      runtime: { events: NodeJS.EventEmitter; flows: { setFlows(options: unknown): Promise<unknown> } };
    }
  ).runtime;
  // `start` resolves before the flows of the user directory have started.
  const firstFlows = new Promise((resolve) => events.once("flows:started", resolve));
  await RED.start();
  await firstFlows;
  const node = (id: string): Node => {
    const found = (RED.nodes as unknown as { getNode(id: string): Node | null }).getNode(id);
    if (!found) throw new Error(`no node ${id}: ${logs.map((entry) => String(entry.msg)).join("; ")}`);
    return found;
  };
  return {
    RED,
    url: `http://127.0.0.1:${port}`,
    userDir,
    logs,
    node,
    async deploy(flow, type = "full") {
      const started = new Promise<void>((resolve, reject) => {
        const settle = (finish: () => void): void => {
          events.off("flows:started", onStarted);
          events.off("runtime-event", onRuntime);
          finish();
        };
        const onStarted = (): void => settle(resolve);
        const onRuntime = (event: { payload?: { error?: string; type?: string; text?: string } }): void => {
          if (event.payload?.error) {
            settle(() => reject(new Error(`the flow did not start: ${JSON.stringify(event.payload)}`)));
          }
        };
        events.on("flows:started", onStarted);
        events.on("runtime-event", onRuntime);
      });
      await flows.setFlows({ flows: { flows: structuredClone(flow) }, deploymentType: type });
      await started;
    },
    receive: (id, message) => (node(id) as unknown as { receive(message: Message): void }).receive(message),
    async stop() {
      await RED.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      if (!options.userDir) rmSync(userDir, { recursive: true, force: true });
    },
  };
}
