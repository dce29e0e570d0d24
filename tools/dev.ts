/** `npm run dev`: `npm start` whose Node-RED starts again with what has changed; its servers go on running. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, watch } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "./editor/nodes";

/** ms without another change before something is done about one. */
const QUIET = 200;
const KERNEL = path.join("lib", "forecast", "kernel");
const npm = process.platform === "win32" ? "npm.cmd" : "npm";

/** What is not compiled by TypeScript: help, words, icons, the flow. */
const isContent = (file: string): boolean => /\.(md|json|svg)$/u.test(file);

const ended = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

/** Runs a program to its end; true when it ended well. */
async function done(program: string, args: readonly string[]): Promise<boolean> {
  const child = spawn(program, args, { cwd: ROOT, stdio: "inherit", shell: program.endsWith(".cmd") });
  const [code] = (await once(child, "exit")) as [number | null];
  return code === 0;
}

// In a group of its own: the terminal's Ctrl-C is ours to pass on, once.
const alone = process.platform !== "win32";

let started: ChildProcess | undefined;
const ending = new AbortController();

/** A new Node-RED in the running `npm start`, or a new `npm start`; resolves when it is up or has failed. */
async function startAgain(): Promise<void> {
  if (started?.connected && !ended(started)) started.send("restart");
  else {
    started = spawn(process.execPath, ["dist/tools/start/start.js", ...process.argv.slice(2)], {
      cwd: ROOT,
      stdio: ["inherit", "inherit", "inherit", "ipc"],
      detached: alone,
    });
  }
  const child = started;
  await Promise.race([once(child, "message"), once(child, "exit")]);
  if (ended(child) && !ending.signal.aborted) console.log("npm start has ended; the next change starts it again");
}

const changed = { kernel: false, files: false };
let working = false;

/** Does what the changes ask for, one thing after the other; changes that come meanwhile are done together after it. */
async function work(): Promise<void> {
  if (working) return;
  working = true;
  while ((changed.files || changed.kernel) && !ending.signal.aborted) {
    const { kernel } = changed;
    changed.kernel = false;
    changed.files = false;
    const built =
      (!kernel || (await done(npm, ["run", "--silent", "build:kernel"]))) &&
      (await done(process.execPath, ["dist/tools/editor/build.js"]));
    if (built && !ending.signal.aborted) await startAgain();
  }
  working = false;
}

let timer: NodeJS.Timeout | undefined;
function change(what: keyof typeof changed): void {
  changed[what] = true;
  clearTimeout(timer);
  timer = setTimeout(() => void work(), QUIET);
}

const compiler = spawn(
  process.execPath,
  [path.join(ROOT, "node_modules/typescript/bin/tsc"), "--watch", "--preserveWatchOutput"],
  { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"], detached: alone },
);
createInterface({ input: compiler.stdout }).on("line", (line) => {
  if (line.trim() !== "") console.log(line);
  if (/Found 0 errors/u.test(line)) change("files");
});

for (const folder of ["nodes", "icons", "flows"].map((name) => path.join(ROOT, name)).filter(existsSync)) {
  watch(folder, { recursive: true }, (_event, file) => {
    if (!file) return;
    if (file.includes(KERNEL) && file.endsWith(".ts")) change("kernel");
    else if (isContent(file)) change("files");
  });
}

/** Ends the compiler, whose program is a child of its own, and `npm start`, which stops its servers. */
async function end(): Promise<void> {
  if (ending.signal.aborted) {
    started?.kill("SIGINT");
    return;
  }
  ending.abort();
  if (alone && compiler.pid !== undefined && !ended(compiler)) process.kill(-compiler.pid, "SIGTERM");
  else compiler.kill();
  if (started && !ended(started)) {
    const gone = once(started, "exit");
    started.kill("SIGINT");
    await gone;
  }
  process.exit(0);
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void end());
