/** Thousands of random flows in slices of seeds, several processes at a time: most of a flow's time is waiting. */
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { sideBySide, USUAL } from "../faults/lab/side-by-side";

/** Flows of one process. */
export const SLICE = 1_000;

const run = promisify(execFile);
const ROOT = path.resolve(__dirname, "../../..");

/** @throws Error with what the first slice that failed has said, its seed in it; the others are ended */
export async function runSlices(test: string, first: number, flows: number): Promise<void> {
  const ending = new AbortController();
  const begin = sideBySide(USUAL);
  const slice = async (seed: number, count: number): Promise<void> => {
    ending.signal.throwIfAborted();
    try {
      await run(process.execPath, [path.join(ROOT, "node_modules/mocha/bin/mocha.js"), "--reporter", "dot", test], {
        cwd: ROOT,
        env: { ...process.env, CITYSTREAM_SEED: String(seed), CITYSTREAM_RANDOM_FLOWS: String(count) },
        maxBuffer: 16 * 1024 * 1024,
        signal: ending.signal,
      });
    } catch (error) {
      const { stdout = "", stderr = "", message } = error as Error & { stdout?: string; stderr?: string };
      ending.abort();
      throw new Error(
        `flows ${seed} to ${seed + count - 1}: ${stdout.slice(-6_000)}${stderr.slice(-2_000) || message}`,
        {
          cause: error,
        },
      );
    }
  };
  const slices: Promise<void>[] = [];
  for (let done = 0; done < flows; done += SLICE)
    slices.push(begin(() => slice(first + done, Math.min(SLICE, flows - done))));
  await Promise.all(slices);
}
