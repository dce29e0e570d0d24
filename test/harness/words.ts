/** What child processes of tests said lately, and what tests wait for: told when a test fails. */
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";

/** Lines kept of each child. */
const KEPT = 200;

export interface Words {
  /** The last lines of its stdout and stderr, in the order in which they came. */
  readonly lines: readonly string[];
}

interface Speaker extends Words {
  readonly name: string;
  readonly child: ChildProcess;
}

/** Children that ran since the running test began. */
let speakers: Speaker[] = [];

/**
 * Keeps a child's last lines of output and error output (`stdio: "pipe"`).
 *
 * @param onLine is told each line of its output as it comes
 */
export function keepWords(name: string, child: ChildProcess, onLine?: (line: string) => void): Words {
  const lines: string[] = [];
  const keep = (line: string): void => {
    lines.push(line);
    if (lines.length > KEPT) lines.shift();
  };
  const { stdout, stderr } = child;
  if (stdout) {
    createInterface({ input: stdout }).on("line", (line) => {
      keep(line);
      onLine?.(line);
    });
  }
  if (stderr) createInterface({ input: stderr }).on("line", (line) => keep(`! ${line}`));
  speakers.push({ name, child, lines });
  return { lines };
}

const ended = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

/** A new test begins: children that have ended are forgotten. */
export function forgetEnded(): void {
  speakers = speakers.filter(({ child }) => !ended(child));
}

interface Wait {
  readonly what: string;
  readonly since: number;
  readonly seen: (() => unknown) | undefined;
}

const waits = new Set<Wait>();

const textOf = (seen: unknown): string => (typeof seen === "string" ? seen : JSON.stringify(seen));

/** What `seen` says, or why it could not. */
async function sayingOf(seen: (() => unknown) | undefined): Promise<string> {
  if (!seen) return "";
  try {
    return `; seen: ${textOf(await seen())}`;
  } catch (error) {
    return `; what was seen could not be told: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Least time for what a test waits for, in ms: a machine with much else to do is slow, and waiting costs nothing. */
const LEAST = 60_000;

/**
 * Waits for a condition without guessing how long it takes; rejects naming it after a minute, or `limit` ms if that is
 * longer.
 *
 * @param seen says in the error what was there instead: counts, a text, an object
 */
export const until = (
  what: string,
  condition: () => boolean | Promise<boolean>,
  limit = LEAST,
  seen?: () => unknown,
): Promise<void> => within(Math.max(limit, LEAST), what, condition, seen);

/** Waits for a condition; rejects after `limit` ms naming it and what was `seen`. */
export async function within(
  limit: number,
  what: string,
  condition: () => boolean | Promise<boolean>,
  seen?: () => unknown,
): Promise<void> {
  const wait: Wait = { what, since: Date.now(), seen };
  waits.add(wait);
  try {
    while (!(await condition())) {
      if (Date.now() > wait.since + limit) throw new Error(`not within ${limit} ms: ${what}${await sayingOf(seen)}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  } finally {
    waits.delete(wait);
  }
}

/** Everything that helps to understand a test that failed: what it still waits for, and its children's last words. */
export async function lastWords(): Promise<string[]> {
  const told: string[] = [];
  for (const { what, since, seen } of waits)
    told.push(`still waiting after ${Date.now() - since} ms: ${what}${await sayingOf(seen)}`);
  for (const { name, child, lines } of speakers) {
    const state = ended(child) ? `ended with ${child.signalCode ?? `code ${child.exitCode}`}` : "running";
    told.push(`${name}, process ${child.pid}, ${state}; its last ${lines.length} lines:`);
    told.push(...lines.map((line) => `  ${line}`));
  }
  return told;
}
