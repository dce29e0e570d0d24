/** Sees to it that nothing this process started or left in the temporary folder outlives it, even after kill -9. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let watchdog: ChildProcess | undefined;
let folder: string | undefined;
let gentle = false;
const living = new Map<number, ChildProcess>();

function tell(instruction: string): void {
  if (!watchdog) {
    watchdog = spawn(process.execPath, [join(__dirname, "watchdog.js")], {
      stdio: ["pipe", "ignore", "inherit"],
      detached: true,
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    watchdog.unref();
    // it ends after this process; should someone end it earlier, the exit handler below is what remains
    watchdog.stdin?.on("error", () => undefined);
    (watchdog.stdin as unknown as { unref?(): void } | null)?.unref?.();
    process.once("exit", () => {
      // processes that are asked first are the watchdog's to wait for
      if (gentle) return;
      for (const child of living.values()) child.kill("SIGKILL");
      if (folder && living.size === 0) rmSync(folder, { recursive: true, force: true });
    });
  }
  watchdog.stdin?.write(`${instruction}\n`);
}

/** Ends `child` with this process. */
export function guard(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return;
  living.set(pid, child);
  tell(`+ ${pid}`);
  child.once("exit", () => {
    living.delete(pid);
    tell(`- ${pid}`);
  });
}

/** A new folder that is removed when this process has ended. */
export function temporaryFolder(name: string): string {
  if (!folder) {
    folder = mkdtempSync(join(tmpdir(), "citystream-"));
    tell(`dir ${folder}`);
  }
  mkdirSync(folder, { recursive: true });
  return mkdtempSync(join(folder, `${name}-`));
}

/** Asks guarded processes to end by themselves for `ms` when this process is killed: for data that is to be kept. */
export function askFirst(ms: number): void {
  gentle = true;
  tell(`grace ${ms}`);
}
