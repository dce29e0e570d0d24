/** The optional Kafka client, for tests and benches: it is no dependency, since it does not run on every Node.js of ours. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "./cache";
import { need, run } from "./programs";
import { progress } from "./progress";

const name = "@platformatic/kafka";
const version = "2.12.1";

/** A folder from which Node.js finds the package (as NODE_PATH), fetched once per machine. */
export async function platformatic(): Promise<string> {
  const npm = need("npm", name);
  const folder = await cached(`platformatic-kafka-${version}`, async (making) => {
    const step = progress(`${name} ${version} by npm`);
    step.update("fetching");
    await writeFile(join(making, "package.json"), "{}");
    await run(npm, ["install", "--ignore-scripts", "--no-audit", "--no-fund", `${name}@${version}`], { cwd: making });
    step.end("fetched");
  });
  return join(folder, "node_modules");
}
