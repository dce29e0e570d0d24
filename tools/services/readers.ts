/** Programs that read lake files and know nothing of ours: pyarrow, DuckDB and fastavro, in a Python environment of their own. */
import { join } from "node:path";
import { cached } from "./cache";
import { MissingProgram, find, run } from "./programs";
import { progress } from "./progress";

/** fastavro needs cramjam for Snappy and backports.zstd for zstd. */
const packages = ["pyarrow==26.0.1", "duckdb==2.0.1", "fastavro==1.13.1", "cramjam==2.14.0", "backports.zstd==1.8.0"];
/** Counts up when the packages change. */
const edition = 1;

const isWindows = process.platform === "win32";

/** A Python of which the packages have builds; undefined when there is none. */
async function pythonOf(): Promise<string | undefined> {
  for (const name of ["python3.11", "python3.12", "python3.13", "python3", "python"]) {
    const program = find(name);
    if (!program) continue;
    const check = "import sys, venv, ensurepip; assert sys.version_info >= (3, 10)";
    const fits = await run(program, ["-c", check]).then(
      () => true,
      () => false,
    );
    if (fits) return program;
  }
  return undefined;
}

/** Path of a Python that has pyarrow, DuckDB and fastavro; fetched once per machine. */
export async function readers(): Promise<string> {
  const folder = await cached(`readers-${edition}`, async (making) => {
    const python = await pythonOf();
    if (!python)
      throw new MissingProgram("python3", "pyarrow, DuckDB and fastavro", "is missing in 3.10 or newer, with venv");
    const step = progress("pyarrow, DuckDB and fastavro by pip");
    step.update("fetching");
    await run(python, ["-m", "venv", making]);
    await run(pythonIn(making), ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages]);
    step.end("fetched");
  });
  return pythonIn(folder);
}

const pythonIn = (folder: string): string =>
  isWindows ? join(folder, "Scripts", "python.exe") : join(folder, "bin", "python");
