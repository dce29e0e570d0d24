/** Programs that tests run beside services: another Node.js, and a browser. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { installApt, fromApt } from "./apt";
import { cached } from "./cache";
import { need, run } from "./programs";
import { progress } from "./progress";

const nodeVersion = "24.21.0";

/** The full path of a Node.js 24, fetched once as an npm package that holds nothing else. */
export async function node24(): Promise<string> {
  const system = process.platform === "win32" ? "win" : process.platform;
  const name = `node-${system}-${process.arch}`;
  const folder = await cached(`${name}-${nodeVersion}`, async (making) => {
    const step = progress(`Node.js ${nodeVersion} by npm`);
    step.update("fetching");
    const npm = need("npm", "Node.js 24");
    await run(npm, ["install", "--prefix", making, "--ignore-scripts", "--no-save", `${name}@${nodeVersion}`], {
      cwd: making,
    });
    step.end("fetched");
  });
  const packaged = join(folder, "node_modules", name, "bin");
  return join(packaged, process.platform === "win32" ? "node.exe" : "node");
}

/** The full path of Chromium; fonts for Korean are installed with it where apt does that. */
export async function chromium(): Promise<string> {
  const program = await fromApt("chromium", ["chromium", "fonts-nanum"]);
  const nanum = "/usr/share/fonts/truetype/nanum";
  if (process.platform === "linux" && !existsSync(nanum)) await installApt(["fonts-nanum"], () => existsSync(nanum));
  return program;
}
