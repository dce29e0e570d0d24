/**
 * A process of its own that outlives its parent by a moment: when the parent is gone, however it ended, it ends what
 * the parent had started and removes what the parent had left.
 *
 * Its input, one instruction a line: `+ pid` watch, `- pid` no longer, `dir path` remove this folder at the end,
 * `grace ms` ask first (SIGTERM) and wait that long before ending processes. The parent's end closes the input.
 */
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";

const pids = new Set<number>();
const folders = new Set<string>();
let grace = 0;

const instructions: Readonly<Record<string, (value: string) => void>> = {
  "+": (value) => pids.add(Number(value)),
  "-": (value) => pids.delete(Number(value)),
  dir: (value) => folders.add(value),
  grace: (value) => (grace = Number(value)),
};

function signal(name: NodeJS.Signals | 0): boolean {
  let some = false;
  for (const pid of pids) {
    try {
      process.kill(pid, name);
      some = true;
    } catch {
      pids.delete(pid);
    }
  }
  return some;
}

function end(): void {
  const until = Date.now() + grace;
  if (grace > 0) signal("SIGTERM");
  const look = setInterval(() => {
    if (signal(0) && Date.now() < until) return;
    clearInterval(look);
    signal("SIGKILL");
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    process.exit();
  }, 20);
}

// the terminal's Ctrl-C is the parent's business
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => undefined);

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const space = line.indexOf(" ");
  instructions[line.slice(0, space)]?.(line.slice(space + 1));
});
lines.once("close", end);
