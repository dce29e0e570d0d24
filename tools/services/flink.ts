/** Apache Flink, which knows nothing of ours, as PyFlink in a Python environment of its own: the judge of windows. */
import { realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cached } from "./cache";
import { MissingProgram, find, java, run } from "./programs";
import { progress } from "./progress";

const version = "2.2.1";

const isWindows = process.platform === "win32";

export interface Flink {
  readonly version: string;
  /** Path of a Python that has PyFlink. */
  readonly python: string;
  /** What PyFlink finds its Java by. */
  readonly env: { readonly JAVA_HOME: string };
}

/** A Python of which PyFlink and what it needs have builds; undefined when there is none. */
async function pythonOf(): Promise<string | undefined> {
  for (const name of ["python3.11", "python3.12", "python3.10", "python3.9", "python3", "python"]) {
    const program = find(name);
    if (!program) continue;
    const check = "import sys, venv, ensurepip; assert (3, 9) <= sys.version_info < (3, 13)";
    const fits = await run(program, ["-c", check]).then(
      () => true,
      () => false,
    );
    if (fits) return program;
  }
  return undefined;
}

/** Flink, fetched once per machine: 0.8 GB, so only for those who ask for it. */
export async function flink(): Promise<Flink> {
  const program = await java("Flink");
  const folder = await cached(`flink-${version}`, async (making) => {
    const python = await pythonOf();
    if (!python) throw new MissingProgram("python3", "Flink", "is missing in 3.9 to 3.12, with venv");
    const step = progress("Flink by pip");
    step.update("fetching");
    await run(python, ["-m", "venv", making]);
    const install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", `apache-flink==${version}`];
    await run(pythonIn(making), install);
    step.end("fetched");
  });
  return { version, python: pythonIn(folder), env: { JAVA_HOME: dirname(dirname(await realpath(program))) } };
}

const pythonIn = (folder: string): string =>
  isWindows ? join(folder, "Scripts", "python.exe") : join(folder, "bin", "python");
