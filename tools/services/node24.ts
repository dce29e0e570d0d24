/** Node.js 24 beside the running one, from an npm package that holds its binary and no install script. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "./cache";
import { MissingProgram, need, run } from "./programs";
import { progress } from "./progress";

const version = "24.21.0";

/** Where npm has a binary package: Node's own names of systems and processors. */
const packaged = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64", "win-x64"];

/** Path of a Node.js 24 binary, fetched once per machine. */
export async function node24(): Promise<string> {
  const machine = `${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  const name = `node-${machine}`;
  if (!packaged.includes(machine)) throw new MissingProgram(name, "Node.js 24", "does not exist in the npm registry");
  const npm = need("npm", "Node.js 24");
  const folder = await cached(`${name}-${version}`, async (making) => {
    const step = progress(`Node.js ${version} by npm`);
    step.update("fetching");
    await writeFile(join(making, "package.json"), "{}");
    await run(npm, ["install", "--ignore-scripts", "--no-audit", "--no-fund", `${name}@${version}`], { cwd: making });
    step.end("fetched");
  });
  const binary = process.platform === "win32" ? "node.exe" : "node";
  return join(folder, "node_modules", name, "bin", binary);
}
