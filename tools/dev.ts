/** `npm run dev`: rebuilds when a source changes and starts Node-RED again with the result. */
import { spawn, type ChildProcess } from "node:child_process";
import { watch } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "./editor/nodes";

let running: ChildProcess | undefined;
let restarting: Promise<void> = Promise.resolve();

const ended = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once("exit", () => resolve()));

async function restart(): Promise<void> {
  const build = spawn(process.execPath, ["dist/tools/editor/build.js"], { cwd: ROOT, stdio: "inherit" });
  await ended(build);
  if (running) {
    running.kill("SIGINT");
    await ended(running);
  }
  running = spawn(process.execPath, ["dist/tools/start/start.js", ...process.argv.slice(2)], {
    cwd: ROOT,
    stdio: "inherit",
  });
}

/** Restarts one after the other, however fast files change. */
const queueRestart = (): void => {
  restarting = restarting.then(restart, restart);
};

const compiler = spawn(
  process.execPath,
  [path.join(ROOT, "node_modules/typescript/bin/tsc"), "--watch", "--preserveWatchOutput"],
  {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  },
);
createInterface({ input: compiler.stdout }).on("line", (line) => {
  console.log(line);
  if (/Found 0 errors/u.test(line)) queueRestart();
});

let pending: NodeJS.Timeout | undefined;
watch(path.join(ROOT, "nodes"), { recursive: true }, (_event, file) => {
  if (!file || file.endsWith(".ts")) return;
  clearTimeout(pending);
  pending = setTimeout(queueRestart, 200);
});

process.once("SIGINT", () => {
  compiler.kill();
  if (!running) process.exit(0);
  void ended(running).then(() => process.exit(0));
});
