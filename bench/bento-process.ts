/** Bento as a contender of a bench: a process of its own with one configuration. */
import { spawn, type ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { bento } from "../tools/services/bento";

export interface BentoProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Ends it as an operator would, and waits for it. */
  stop(): Promise<void>;
}

/** @param config in YAML's words, written as JSON, which is YAML as well */
export async function startBento(folder: string, config: object): Promise<BentoProcess> {
  const program = await bento();
  const file = path.join(folder, "bento.yaml");
  // No HTTP server: two benches at a time would want one port.
  const quiet = { http: { enabled: false }, logger: { level: "WARN" }, shutdown_timeout: "10s" };
  writeFileSync(file, JSON.stringify({ ...quiet, ...config }));
  const child = spawn(program, ["-c", file], { stdio: ["pipe", "inherit", "inherit"] });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} could not be started`);
  return {
    child,
    pid,
    stop: async () => {
      child.kill("SIGTERM");
      const limit = setTimeout(() => child.kill("SIGKILL"), 15_000);
      await ended;
      clearTimeout(limit);
    },
  };
}
