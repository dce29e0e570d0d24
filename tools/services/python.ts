/** Python environments of their own, filled by pip once per machine. */
import { join } from "node:path";
import { cached } from "./cache";
import { MissingProgram, find, run } from "./programs";
import { progress } from "./progress";

export interface PythonEnvironment {
  /** Names the environment in the cache; another one when the packages change. */
  readonly name: string;
  /** What is in it, for people. */
  readonly title: string;
  readonly packages: readonly string[];
  /** Programs to try, the best first. */
  readonly programs: readonly string[];
  /** A condition in Python on `sys.version_info`, and the same in words. */
  readonly fits: string;
  readonly versions: string;
}

const isWindows = process.platform === "win32";

/** A Python of which the packages have builds; undefined when there is none. */
async function pythonOf({ programs, fits }: PythonEnvironment): Promise<string | undefined> {
  for (const name of programs) {
    const program = find(name);
    if (!program) continue;
    const isFit = await run(program, ["-c", `import sys, venv, ensurepip; assert ${fits}`]).then(
      () => true,
      () => false,
    );
    if (isFit) return program;
  }
  return undefined;
}

/** Path of a Python that has the packages. @throws MissingProgram */
export async function pythonWith(environment: PythonEnvironment): Promise<string> {
  const { name, title, packages, versions } = environment;
  const folder = await cached(name, async (making) => {
    const python = await pythonOf(environment);
    if (!python) throw new MissingProgram("python3", title, `is missing in ${versions}, with venv`);
    const step = progress(`${title} by pip`);
    step.update("fetching");
    await run(python, ["-m", "venv", making]);
    await run(pythonIn(making), ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages]);
    step.end("fetched");
  });
  return pythonIn(folder);
}

const pythonIn = (folder: string): string =>
  isWindows ? join(folder, "Scripts", "python.exe") : join(folder, "bin", "python");
