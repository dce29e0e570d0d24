/** The optional engines of forecasts, for tests and benches: too big to be dependencies of anybody who does not choose them. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "./cache";
import { need, run } from "./programs";
import { progress } from "./progress";

const versions = {
  "@tensorflow/tfjs": "4.22.0",
  "@tensorflow/tfjs-backend-wasm": "4.22.0",
  "onnxruntime-node": "1.30.0",
};
/** Counts up when the packages change. */
const edition = 1;

/**
 * A folder in whose node_modules the packages are, as in a user directory, fetched once per machine. Install scripts do not
 * run: that of onnxruntime-node fetches CUDA from elsewhere.
 */
export async function engines(): Promise<string> {
  const npm = need("npm", "TensorFlow.js and onnxruntime-node");
  return cached(`engines-${edition}`, async (making) => {
    const step = progress("TensorFlow.js and onnxruntime-node by npm");
    step.update("fetching");
    await writeFile(join(making, "package.json"), "{}");
    const packages = Object.entries(versions).map(([name, version]) => `${name}@${version}`);
    await run(npm, ["install", "--ignore-scripts", "--no-audit", "--no-fund", ...packages], { cwd: making });
    step.end("fetched");
  });
}
