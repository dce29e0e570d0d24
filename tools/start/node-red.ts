/** Node-RED as a child: the version that fits this Node.js, started, waited for, stopped. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { ROOT } from "../editor/nodes";
import { guard } from "../services/guard";

export interface NodeRed {
  readonly version: string;
  readonly url: string;
  /** Resolves with words about its end when it ends by itself. */
  readonly ended: Promise<string>;
  /** Lets it close its nodes and end; by force after 20 s. */
  stop(): Promise<void>;
}

export interface NodeRedOptions {
  readonly userDirectory: string;
  readonly log: string;
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  /** Told warnings and errors as Node-RED logs them. */
  readonly trouble: (line: string) => void;
}

/** Node-RED 5 needs Node.js 22.9. */
export function nodeRedPackage(nodeVersion = process.versions.node): "node-red" | "node-red-5" {
  const [major = 0, minor = 0] = nodeVersion.split(".").map(Number);
  return major > 22 || (major === 22 && minor >= 9) ? "node-red-5" : "node-red";
}

/** Starts Node-RED; resolves when its editor answers. */
export async function startNodeRed(options: NodeRedOptions): Promise<NodeRed> {
  const { userDirectory, log, port, env, trouble } = options;
  const folder = path.join(ROOT, "node_modules", nodeRedPackage());
  const { version } = require(path.join(folder, "package.json")) as { version: string };
  const settings = path.join(__dirname, "settings.js");
  const child = spawn(process.execPath, [path.join(folder, "red.js"), "-u", userDirectory, "-s", settings], {
    cwd: userDirectory,
    env: { ...process.env, ...env, CITYSTREAM_PORT: String(port) },
    stdio: ["ignore", "pipe", "pipe"],
    // the terminal's Ctrl-C is ours to pass on
    detached: process.platform !== "win32",
  });
  guard(child);
  const last: string[] = [];
  const file = createWriteStream(log, { flags: "a" });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      file.write(`${line}\n`);
      last.push(line);
      if (last.length > 20) last.shift();
      if (/ - \[error\] | - \[warn\] \[/u.test(line)) trouble(line);
    });
  }
  const ended = once(child, "exit").then(
    ([code, signal]) => `Node-RED ended (${signal ?? `code ${code}`}); its log is ${log}:\n${last.join("\n")}`,
  );
  const url = `http://127.0.0.1:${port}`;
  await answers(url, child, ended);
  return { version, url, ended, stop: () => stop(child) };
}

async function answers(url: string, child: ChildProcess, ended: Promise<string>): Promise<void> {
  const until = Date.now() + 120_000;
  while (child.exitCode === null && child.signalCode === null) {
    if (
      await fetch(`${url}/settings`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return;
    if (Date.now() > until) {
      await stop(child);
      throw new Error(`Node-RED did not answer at ${url} within two minutes`);
    }
    await delay(200);
  }
  throw new Error(await ended);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGINT");
  const force = setTimeout(() => child.kill("SIGKILL"), 20_000);
  await gone;
  clearTimeout(force);
}
