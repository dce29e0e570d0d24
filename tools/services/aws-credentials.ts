/** Amazon's package that finds the keys of profiles, roles and machines, for tests: an optional one of the user's. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "./cache";
import { need, run } from "./programs";
import { progress } from "./progress";

const name = "@aws-sdk/credential-providers";
const version = "3.1175.0";

/** A folder in whose node_modules the package is, as in a user directory, fetched once per machine. */
export async function awsCredentials(): Promise<string> {
  const npm = need("npm", name);
  return cached(`aws-credential-providers-${version}`, async (making) => {
    const step = progress(`${name} ${version} by npm`);
    step.update("fetching");
    await writeFile(join(making, "package.json"), "{}");
    await run(npm, ["install", "--ignore-scripts", "--no-audit", "--no-fund", `${name}@${version}`], { cwd: making });
    step.end("fetched");
  });
}
