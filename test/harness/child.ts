/**
 * Node-RED in a process of its own, for tests that kill it.
 * As a program: `node child.js <userDir> <flow.json>`; prints `{"ready":…}` when the flow has started.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { deliveryOf } from "../../nodes/lib/delivery";
import { startRuntime, type FlowNode } from "./runtime";
import { keepWords } from "./words";

export interface NodeRedChild {
  readonly process: ChildProcess;
  readonly url: string;
  /** Ends it as a crash would: nothing in it gets to run. Resolves when it is gone. */
  kill9(): Promise<void>;
  /** Stops it as an operator would. Resolves when it is gone. */
  stop(): Promise<void>;
  /** What its nodes show and its ledger has under way, as JSON; words instead when it does not say so within 5 s. */
  state(): Promise<string>;
}

export interface ChildOptions {
  readonly userDir: string;
  /** File with the flow as JSON. */
  readonly flowFile: string;
  readonly env?: Record<string, string>;
  /** Path of the node binary; this process's own by default. */
  readonly node?: string;
  readonly nodeArguments?: readonly string[];
}

/** Starts the child; resolves when its flow has started. */
export async function startChild(options: ChildOptions): Promise<NodeRedChild> {
  const child = spawn(
    options.node ?? process.execPath,
    [...(options.nodeArguments ?? []), __filename, options.userDir, options.flowFile],
    { cwd: options.userDir, env: { ...process.env, ...options.env }, stdio: "pipe" },
  );
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  let onState: ((line: string) => void) | undefined;
  const url = await new Promise<string>((resolve, reject) => {
    const words = keepWords("Node-RED", child, (line) => {
      if (line.startsWith('{"ready"')) resolve((JSON.parse(line) as { ready: string }).ready);
      else if (line.startsWith('{"state"')) onState?.(line);
    });
    child.once("close", (code, signal) => {
      const said = words.lines.slice(-30).join("\n");
      reject(new Error(`Node-RED ended with ${signal ?? `code ${code}`} before it was ready:\n${said}`));
    });
  });
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await gone;
  };
  const state = (): Promise<string> =>
    new Promise((resolve) => {
      const silent = setTimeout(() => resolve("Node-RED does not say its state"), 5000);
      onState = (line) => {
        clearTimeout(silent);
        resolve(line);
      };
      child.stdin.write("state\n");
    });
  return { process: child, url, kill9: () => end("SIGKILL"), stop: () => end("SIGTERM"), state };
}

async function run(userDir: string, flowFile: string): Promise<void> {
  const flow = JSON.parse(readFileSync(flowFile, "utf8")) as FlowNode[];
  const runtime = await startRuntime({
    userDir,
    packs: flow.some(({ type }) => type === "ui-base") ? ["@flowfuse/node-red-dashboard"] : [],
    settings: { logging: { console: { level: process.env["CITYSTREAM_LOG"] ?? "info" } } },
  });
  process.once("SIGTERM", () => {
    void runtime.stop().finally(() => process.exit(0));
  });
  // A parent that dies closes the pipe: the child must not outlive it.
  process.stdin.on("end", () => process.exit(1));
  const shown: Record<string, unknown> = {};
  (runtime.RED as unknown as { events: NodeJS.EventEmitter }).events.on(
    "node-status",
    ({ id, status }: { id: string; status: { text?: string } }) => (shown[id] = status.text),
  );
  process.stdin.on("data", () =>
    console.log(JSON.stringify({ state: { shown, ledger: deliveryOf(runtime.RED as never).report() } })),
  );
  // What the last process of this folder has stored runs already; begun anew, its nodes would close in the middle of it.
  await runtime.deploy(flow, "nodes");
  console.log(JSON.stringify({ ready: runtime.url }));
}

if (require.main === module) {
  run(process.argv[2] ?? "", process.argv[3] ?? "").catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
}
