/** Running other programs to their end, with an error that says what is missing and how to get it. */
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { realpath } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";

const sources: Readonly<Record<string, string>> = {
  java: "Java 17 or newer: `apt-get install openjdk-17-jre-headless`, `brew install openjdk`, or https://adoptium.net",
  keytool: "Java 17 or newer, of which it is a part",
  mvn: "Maven 3.8 or newer: `apt-get install maven`, `brew install maven`, or https://maven.apache.org",
  go: "Go 1.21 or newer: `apt-get install golang-go`, `brew install go`, or https://go.dev/dl",
  npm: "npm: it comes with Node.js, https://nodejs.org",
  mosquitto: "Mosquitto 2: `apt-get install mosquitto`, or `brew install mosquitto`",
  kerberos: "what it is built with: `apt-get install g++ make libkrb5-dev`",
  krb5kdc: "MIT Kerberos: `apt-get install krb5-kdc krb5-admin-server krb5-user`, or `brew install krb5`",
  mariadbd: "MariaDB 10.11 or newer: `apt-get install mariadb-server`, or `brew install mariadb`",
  python3:
    "Python 3.10 or newer with venv: `apt-get install python3-venv`, `brew install python`, or https://www.python.org",
  chromium: "Chromium: `apt-get install chromium fonts-nanum`",
};

/** A program that a service needs is not on this machine. The message says how to get it. */
export class MissingProgram extends Error {
  override readonly name = "MissingProgram";
  constructor(
    readonly program: string,
    readonly what: string,
    reason = "is not on this machine",
  ) {
    super(`${what} needs ${program}, which ${reason}. Get ${sources[program] ?? program}`);
  }
}

/** The full path of a program, looked for in PATH and where systems keep servers; undefined when it is not there. */
export function find(program: string): string | undefined {
  const folders = [
    ...(process.env["JAVA_HOME"] ? [join(process.env["JAVA_HOME"], "bin")] : []),
    ...(process.env["PATH"] ?? "").split(delimiter),
    ...(process.platform === "win32" ? [] : ["/usr/local/bin", "/usr/local/sbin", "/usr/sbin", "/usr/bin"]),
    ...(process.platform === "win32" ? [] : ["/usr/local/go/bin", "/opt/homebrew/bin", "/opt/homebrew/sbin"]),
  ];
  const endings = process.platform === "win32" ? [".exe", ".cmd", ".bat"] : [""];
  for (const folder of folders) {
    for (const ending of endings) {
      const path = join(folder, program + ending);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // not here
      }
    }
  }
  return undefined;
}

/** The full path of a program that `what` cannot do without. */
export function need(program: string, what: string): string {
  const path = find(program);
  if (!path) throw new MissingProgram(program, what);
  return path;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Told every line of output as it comes. */
  readonly line?: (line: string) => void;
  /** ms after which the program is ended and the run fails; 15 minutes when absent. */
  readonly limit?: number;
}

/** Runs a program to its end and resolves with its output. Rejects with the end of the output when it fails. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
      // .cmd files (mvn, npm) are started by the shell there
      shell: process.platform === "win32" && /\.(cmd|bat)$/.test(program),
      timeout: options.limit ?? 900_000,
    });
    let output = "";
    let rest = "";
    const take = (chunk: string) => {
      output += chunk;
      const lines = (rest + chunk).split(/\r?\n|\r/);
      rest = lines.pop() ?? "";
      if (options.line) for (const line of lines) options.line(line);
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", take);
    child.once("error", (error) => reject(new Error(`${program} could not be started: ${error.message}`)));
    child.once("close", (code, signal) => {
      if (code === 0) return resolve(output);
      const tail = output.trimEnd().split("\n").slice(-25).join("\n");
      reject(new Error(`${program} ${args.join(" ")} ended with ${signal ?? `code ${code}`}:\n${tail}`));
    });
  });
}

/** The full path of Java, checked to be 17 or newer. */
export async function java(what: string): Promise<string> {
  const path = need("java", what);
  const version = await run(path, ["-version"]).catch(() => "");
  const major = /version "(\d+)/.exec(version)?.[1];
  // macOS has a java stub that only says where to get one
  if (!major) throw new MissingProgram("java", what, "does not run here");
  if (Number(major) < 17) throw new MissingProgram("java", what, `is version ${major} at ${path}`);
  return path;
}

/** The folder of that Java, by which other launchers find it. */
export const javaHome = async (what: string): Promise<string> => dirname(dirname(await realpath(await java(what))));
