/** One process of a service: started, waited for, stopped, killed and started again. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, fstatSync, mkdirSync, openSync, readSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { guard } from "./guard";

export interface ProcessPlan {
  /** What it is called in errors and in `processes`. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Working directory. */
  readonly directory: string;
  /** Where its output goes. */
  readonly log: string;
  /** A line of its output that says it is ready, or a question asked until it is answered with true. */
  readonly ready: RegExp | (() => Promise<boolean>);
  /** ms until it must be ready; 180 s when absent. */
  readonly limit?: number;
}

export class ServiceProcess {
  #child: ChildProcess | undefined;
  constructor(readonly plan: ProcessPlan) {}

  /** The process id while it runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it and resolves when it is ready; nothing happens when it runs already. */
  async start(): Promise<void> {
    if (this.#child) return;
    const { program, args, env, directory, log } = this.plan;
    mkdirSync(dirname(log), { recursive: true });
    const output = openSync(log, "a");
    const from = statSync(log).size;
    // of a session of its own: the terminal's Ctrl-C reaches it in our order, not in the terminal's
    const child = spawn(program, args, {
      cwd: directory,
      env: { ...process.env, ...env },
      stdio: ["ignore", output, output],
      detached: process.platform !== "win32",
    });
    closeSync(output);
    let failure: Error | undefined;
    child.on("error", (error) => (failure = error));
    child.once("exit", () => {
      if (this.#child === child) this.#child = undefined;
    });
    guard(child);
    child.unref();
    this.#child = child;
    await this.#wait(child, from, () => failure);
  }

  async #wait(child: ChildProcess, from: number, failure: () => Error | undefined): Promise<void> {
    const { name, ready, log, limit = 180_000 } = this.plan;
    const until = Date.now() + limit;
    for (;;) {
      const broken = failure();
      if (broken) throw new Error(`${name} could not be started: ${broken.message}`);
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(
          `${name} ended at its start (${child.signalCode ?? `code ${child.exitCode}`}):\n${tail(log, from)}`,
        );
      }
      if (ready instanceof RegExp ? ready.test(read(log, from)) : await ready().catch(() => false)) return;
      if (Date.now() > until) {
        await this.kill9();
        throw new Error(`${name} was not ready after ${limit / 1000} s:\n${tail(log, from)}`);
      }
      await delay(ready instanceof RegExp ? 50 : 200);
    }
  }

  /** Asks it to end (SIGTERM) and resolves when it has; ends it by force after `limit` ms. */
  async stop(limit = 30_000): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const ended = endOf(child);
    child.kill("SIGCONT");
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), limit);
    await ended;
    clearTimeout(force);
  }

  /** kill -9; resolves when it is gone. */
  async kill9(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const ended = endOf(child);
    child.kill("SIGKILL");
    await ended;
  }

  /** Freezes it (SIGSTOP): it keeps its connections and answers nothing. */
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  /** Lets a frozen process go on. */
  resume(): void {
    this.#child?.kill("SIGCONT");
  }
}

function endOf(child: ChildProcess): Promise<unknown> {
  // only while someone waits for its end does it keep this process running
  child.ref();
  return once(child, "exit");
}

function read(log: string, from: number): string {
  const file = openSync(log, "r");
  try {
    const bytes = Buffer.alloc(Math.max(0, fstatSync(file).size - from));
    return bytes.toString("utf8", 0, readSync(file, bytes, 0, bytes.length, from));
  } finally {
    closeSync(file);
  }
}

const tail = (log: string, from: number): string => read(log, from).trimEnd().split("\n").slice(-30).join("\n");
