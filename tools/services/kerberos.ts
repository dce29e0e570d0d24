/** The optional package `kerberos`, for tests: a native one, which is built here where no binary of it can be fetched. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { installApt } from "./apt";
import { cached } from "./cache";
import { MissingProgram, need, run } from "./programs";
import { progress } from "./progress";

const version = "7.0.0";

/** A folder in whose node_modules the package is, as in a user directory, fetched once per machine. */
export async function kerberos(): Promise<string> {
  const npm = need("npm", "kerberos");
  return cached(`kerberos-${version}`, async (making) => {
    const step = progress(`kerberos ${version} by npm`);
    step.update("fetching");
    await installApt(["libkrb5-dev"], () => existsSync("/usr/include/gssapi/gssapi.h"));
    await writeFile(join(making, "package.json"), "{}");
    const headers = dirname(dirname(process.execPath));
    const env = existsSync(join(headers, "include/node/node_api.h")) ? { npm_config_nodedir: headers } : {};
    const args = ["install", "--no-audit", "--no-fund", `kerberos@${version}`];
    await run(npm, args, { cwd: making, env }).catch((error: unknown) => {
      const why = `could not be fetched or built: ${error instanceof Error ? error.message : String(error)}`;
      throw new MissingProgram("kerberos", "a login by Kerberos", why);
    });
    step.end("installed");
  });
}
